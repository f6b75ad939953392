"""Crowded cross-sections of no particular body: many structures side by side, in the contrasts of any modality.

What a calf in ultrasound does not show: neighbours of the same grey that only a thin line divides, structures that
split, merge, taper and end, thick slices between which they move far, slices that jump, organs as even as in CT.
The network learns from them to follow whatever was marked. The idea of training on random scenes of random contrast
is that of SynthSeg (Billot et al., Medical Image Analysis 86, 2023).
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from ifss_keras.synthetic.fields import SmoothField, pixel_centres, random_wave
from ifss_keras.synthetic.shapes import Texture

_SHORTEST_MM, _LONGEST_MM = 50.0, 160.0


class _Piece:
    """An ellipse in every slice that moves, turns, swells and perhaps begins or ends on the way."""

    def __init__(self, rng: np.random.Generator, length_mm: float, place_mm: np.ndarray, radius_mm: float):
        self._place_mm, self._radius_mm = place_mm, radius_mm
        self._aspect, self._angle = np.exp(rng.uniform(-0.5, 0.5)), rng.uniform(0, np.pi)
        names = ("row", "column", "size", "turn")
        self._waves = {name: random_wave(rng, _SHORTEST_MM, _LONGEST_MM) for name in names}
        self._move_mm = radius_mm * rng.uniform(0.02, 0.4)
        self._swell, self._turn = rng.uniform(0.03, 0.25), rng.uniform(0, 0.3)
        self._begin_mm = rng.uniform(0.03, 0.45) * length_mm if rng.random() < 0.45 else -np.inf
        self._end_mm = rng.uniform(0.55, 0.97) * length_mm if rng.random() < 0.45 else np.inf
        self._taper_mm = rng.uniform(2, 40)

    def distance(self, z_mm: float, rows_mm: np.ndarray, columns_mm: np.ndarray) -> np.ndarray | None:
        """Roughly the distance to its border in mm, negative inside; None where it is absent."""
        inwards = min(z_mm - self._begin_mm, self._end_mm - z_mm)
        if inwards <= 0:
            return None
        wave = {name: float(wave(z_mm)) for name, wave in self._waves.items()}
        radius = self._radius_mm * np.exp(self._swell * wave["size"]) * min(1, inwards / self._taper_mm) ** 0.5
        angle = self._angle + self._turn * wave["turn"]
        y = rows_mm - np.float32(self._place_mm[0] + self._move_mm * wave["row"])
        x = columns_mm - np.float32(self._place_mm[1] + self._move_mm * wave["column"])
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        along = (cosine * x + sine * y) / np.float32(self._aspect)
        across = (cosine * y - sine * x) * np.float32(self._aspect)
        return np.sqrt(along * along + across * across) - np.float32(radius)


class StructureScene:
    """Structures and how they look, read slice by slice on one grid.

    Args:
        seed: decides everything.
        slices, size, length_mm: of the grid.
    """

    def __init__(self, seed: int, slices: int, size: int, length_mm: float):
        rng = np.random.default_rng([seed, 21])
        self._seed = seed
        self.fov_mm = float(rng.uniform(90, 125))
        self._z_mm = pixel_centres(slices, length_mm)
        self._pixels = pixel_centres(size, self.fov_mm)
        self._pixel_mm = self.fov_mm / size
        extent = (length_mm, self.fov_mm, self.fov_mm)
        self._place_pieces(rng, length_mm)
        self._draw_shape(rng, extent)
        self._draw_look(rng, extent)
        self._draw_motion(rng, slices)

    def _place_pieces(self, rng, length_mm):
        count = int(rng.integers(3, 20))
        typical = 0.6 * self.fov_mm / np.sqrt(count + 2)
        places, pieces = [], []
        for _ in range(count):  # of a few random places the one farthest from the others
            tries = rng.uniform(0.12, 0.88, (6, 2)) * self.fov_mm
            free = [min((np.hypot(*(place - other)) for other in places), default=np.inf) for place in tries]
            places.append(tries[int(np.argmax(free))])
            radius = typical * np.exp(rng.normal(-0.25, 0.4))
            pieces.append(_Piece(rng, length_mm, places[-1], float(np.clip(radius, 3.0, 26.0))))
        codes = np.arange(1, count + 1)
        for index in range(count):  # some share a label with their nearest neighbour: it splits and merges
            if index and rng.random() < 0.15:
                near = np.argsort([np.hypot(*(places[index] - place)) for place in places[:index]])
                codes[index] = codes[near[0]]
        self._pieces, self._codes = pieces, codes
        self.codes = [int(code) for code in np.unique(codes)]

    def _draw_shape(self, rng, extent):
        self._reach_mm = rng.uniform(0, 12) if rng.random() < 0.6 else 0.0  # how far structures grow into each other
        self._gap_mm = rng.uniform(0, 2.2)
        self._body_mm = rng.uniform(0.38, 0.6, 2) * self.fov_mm
        step = rng.uniform(9, 30)
        self._warp = [SmoothField(rng, extent, (rng.uniform(20, 60), step, step)) for _ in range(2)]
        self._warp_mm = rng.uniform(0.05, 0.16) * step
        for field in self._warp:
            field.on(self._pixels, self._pixels)

    def _draw_look(self, rng, extent):
        classes = int(rng.integers(2, 7))
        levels = rng.uniform(30, 225) + np.r_[0, rng.uniform(-90, 90, classes - 1)]
        self._levels = np.clip(levels, 10, 245)
        spread = rng.choice([0, 1, 1]) * rng.uniform(0, 18)
        kinds = rng.choice(Texture.KINDS, classes, p=(0.3, 0.2, 0.2, 0.1, 0.1, 0.1))
        if rng.random() < 0.5:
            kinds[:] = kinds[0]
        self._textures = [Texture(rng, kind, extent, self._pixels, self._pixels) for kind in kinds]
        self._strength = rng.uniform(0, 22, classes)
        self._class = np.r_[0, rng.integers(0, classes, len(self._pieces))]
        self._offset = np.r_[0, rng.normal(0, spread, len(self._pieces))][np.r_[0, self._codes]]
        self._class = self._class[np.r_[0, self._codes]]
        lines = [-1, 1, 1] if np.ptp(self._levels) < 30 else [-1, 0, 1, 1]  # something must show the borders
        self._line = rng.choice(lines) * rng.uniform(15, 110)
        self._line_mm = rng.uniform(0.5, 1.3)
        self._visible = SmoothField(rng, extent, (12, 12, 12)).on(self._pixels, self._pixels)
        self._bias = SmoothField(rng, extent, (50, 40, 40)).on(self._pixels, self._pixels)
        self._bias_strength = rng.uniform(0, 0.25)
        self._blur_pixels = rng.uniform(0.2, 1.1)
        self._noise = rng.choice([0, 1, 1]) * rng.uniform(1, 12)
        self._speckle = rng.choice([0, 0, 1]) * rng.uniform(0.05, 0.35)
        self._air = rng.uniform(0, 25) if rng.random() < 0.8 else None
        self._gain = rng.uniform(0, 0.08)
        self._gamma = rng.uniform(0.7, 1.4)

    def _draw_motion(self, rng, slices):
        self._motion_mm = np.zeros((slices, 2))
        if rng.random() < 0.3:  # the hand trembles
            self._motion_mm += rng.normal(0, rng.uniform(0.1, 0.6), (slices, 2))
        if rng.random() < 0.2:  # and jumps
            for place in rng.integers(1, slices, rng.integers(1, 4)):
                self._motion_mm[place:] += rng.normal(0, 1.5, 2)

    def slice(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Grey values and label codes of one slice, both (row, column) uint8."""
        z_mm, rng = float(self._z_mm[index]), np.random.default_rng([self._seed, 22, index])
        codes, first, second = self._nearest(index, z_mm)
        inside = first < self._reach_mm
        labels = np.where(inside & (second - first > self._gap_mm), codes, 0).astype(np.uint8)
        grey = self._tissue(z_mm, labels, rng)
        border_mm = np.minimum(np.abs(first - np.float32(self._reach_mm)), np.abs(second - first) / 2)
        line = np.float32(self._line) / (1 + (border_mm / np.float32(self._line_mm)) ** 4)
        grey += line * np.clip(0.7 + 0.7 * self._visible.plane(z_mm), 0, 1.2)
        body = self._body(index)
        labels[~body] = 0
        if self._air is not None:
            grey[~body] = self._air
        return self._acquired(grey, z_mm, rng), labels

    def _nearest(self, index, z_mm):
        """The code of the nearest structure at every pixel, and the distances in mm to it and to the next other."""
        shift = self._motion_mm[index].astype(np.float32)
        warp = [np.float32(self._warp_mm) * field.plane(z_mm) for field in self._warp]
        rows = self._pixels[:, None] + warp[0] - shift[0]
        columns = self._pixels[None, :] + warp[1] - shift[1]
        first = np.full(rows.shape, 1e3, np.float32)
        second, codes = first.copy(), np.zeros(rows.shape, np.uint8)
        for code in self.codes:
            parts = [
                piece.distance(z_mm, rows, columns)
                for piece, own in zip(self._pieces, self._codes, strict=True)
                if own == code
            ]
            parts = [part for part in parts if part is not None]
            if not parts:
                continue
            distance = np.minimum.reduce(parts)
            nearer = distance < first
            second = np.where(nearer, first, np.minimum(second, distance))
            first, codes = np.where(nearer, distance, first), np.where(nearer, np.uint8(code), codes)
        return codes, first, second

    def _body(self, index):
        shift = self._motion_mm[index]
        middle = self.fov_mm / 2
        rows = (self._pixels[:, None] - middle - shift[0]) / self._body_mm[0]
        columns = (self._pixels[None, :] - middle - shift[1]) / self._body_mm[1]
        return np.hypot(rows, columns) < 1

    def _tissue(self, z_mm, labels, rng):
        planes = [texture.plane(z_mm, rng) for texture in self._textures]
        kind = self._class[labels]
        grey = (self._levels[self._class] + self._offset)[labels].astype(np.float32)
        for number, plane in enumerate(planes):
            grey += np.float32(self._strength[number]) * np.where(kind == number, plane, 0)
        return grey

    def _acquired(self, grey, z_mm, rng):
        """Point spread, bias, speckle, noise, gain and gamma."""
        grey = gaussian_filter(grey, self._blur_pixels)
        grey *= np.exp(np.float32(self._bias_strength) * self._bias.plane(z_mm) + np.float32(rng.normal(0, self._gain)))
        noise = gaussian_filter(rng.standard_normal((2, *grey.shape), dtype=np.float32), (0, 0.6, 0.6))
        grey *= 1 + np.float32(2 * self._speckle) * noise[0]
        grey += np.float32(2 * self._noise) * noise[1]
        return (255 * (np.clip(grey, 0, 255) / 255) ** np.float32(self._gamma) + np.float32(0.5)).astype(np.uint8)
