"""One to three smooth blobs without any anatomy, in textures of every kind.

A network that has only seen calves learns where a soleus lies. These volumes teach it to follow whatever was
marked in the reference slice: a difference in brightness of either sign, a border line, or texture alone.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ifss_keras.synthetic.fields import SmoothField, pixel_centres, random_wave
from ifss_keras.synthetic.profile import draw_profile

IN_PLANE_MM = 0.55
PLANE_STEP_MM = 1.25
_HARMONICS = 5
_TAPERING = 0.6  # of the blobs, as muscles do; the others end as drops do


class Blob:
    """A closed surface, star-shaped in every slice, whose radii, place and bend change along the slices."""

    def __init__(self, rng: np.random.Generator, length_mm: float, fov_mm: float):
        self.start_mm = rng.uniform(0.04, 0.3) * length_mm
        self.end_mm = rng.uniform(0.62, 0.96) * length_mm
        self._radius_mm = rng.uniform(9, 22)
        self._aspect = np.exp(rng.uniform(-0.45, 0.45))
        margin = 1.5 * self._radius_mm
        self._centre = rng.uniform(min(margin, fov_mm / 2), max(fov_mm - margin, fov_mm / 2), 2)
        self._move_mm = rng.uniform(1, 6)
        self._size = rng.uniform(0.08, 0.25)
        self._bend = rng.uniform(0, 0.25)
        self._roughness = rng.uniform(0.02, 0.11)
        self._blunt = rng.uniform(0.35, 0.8)
        self._waves = {name: random_wave(rng, 45.0, 130.0) for name in ("row", "column", "size", "bend", "turn")}
        self._cosines = [random_wave(rng, 45.0, 130.0) for _ in range(_HARMONICS)]
        self._sines = [random_wave(rng, 45.0, 130.0) for _ in range(_HARMONICS)]
        self._profile = draw_profile(rng) if rng.random() < _TAPERING else None

    def distance(self, z_mm: float, rows_mm: np.ndarray, columns_mm: np.ndarray) -> np.ndarray | None:
        """Roughly the distance to the border in mm, negative inside, (row, column); None beyond the ends."""
        t = (z_mm - self.start_mm) / (self.end_mm - self.start_mm)
        if not 0 < t < 1:
            return None
        wave = {name: float(w(z_mm)) for name, w in self._waves.items()}
        radius = self._radius_mm * self._swell(t) * np.exp(self._size * wave["size"])
        x = (columns_mm - (self._centre[1] + self._move_mm * wave["column"])).astype(np.float32)[None, :]
        y = (rows_mm - (self._centre[0] + self._move_mm * wave["row"])).astype(np.float32)[:, None]
        turn = 0.4 * wave["turn"]
        x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        y = (y + np.float32(self._bend * wave["bend"] / self._radius_mm) * (x * x - radius**2 / 3)) * self._aspect
        x = (x / np.float32(self._aspect)).astype(np.float32)
        return self._star(z_mm, x, y.astype(np.float32), np.float32(radius))

    def _swell(self, t: float) -> float:
        """The radius as a share of the largest, at the share t of the length."""
        return float(self._profile(t)) ** 0.5 if self._profile else 0.25 + 0.75 * np.sin(np.pi * t) ** self._blunt

    def _star(self, z_mm, x, y, radius):
        away = np.sqrt(x * x + y * y) + np.float32(1e-3)
        cosine, sine = x / away, y / away
        c, s = cosine, sine
        ripple = np.zeros_like(away)
        for k, (a, b) in enumerate(zip(self._cosines, self._sines, strict=True)):
            c, s = c * cosine - s * sine, s * cosine + c * sine  # the angle's multiples from 2 on
            scale = self._roughness * 1.5 / (k + 1)
            ripple += np.float32(scale * a(z_mm)) * c + np.float32(scale * b(z_mm)) * s
        return away - radius * np.clip(1 + ripple, 0.4, 1.8)


class Texture:
    """One random texture, read by plane as a field of about unit strength."""

    KINDS = ("none", "speckle", "log speckle", "blobs", "stripes", "gradient")

    def __init__(self, rng: np.random.Generator, kind: str, extent_mm: tuple, rows_mm, columns_mm):
        self.kind = kind
        self._rows, self._columns = rows_mm, columns_mm
        self._sigma = rng.uniform(0.3, 1.6, 2)
        self._angle, self._period = rng.uniform(0, np.pi), rng.uniform(1.8, 9)
        self._turn, self._phase = random_wave(rng), random_wave(rng)
        scale = (10, 12, 12) if kind == "stripes" else (40, 40, 40) if kind == "gradient" else rng.uniform(2.5, 8, 3)
        if kind in ("blobs", "stripes", "gradient"):
            self._field = SmoothField(rng, extent_mm, tuple(scale)).on(rows_mm, columns_mm)

    def plane(self, z_mm: float, rng: np.random.Generator) -> np.ndarray:
        """The texture at one slice position; `rng` feeds what is independent between slices."""
        if self.kind == "none":
            return np.zeros((len(self._rows), len(self._columns)), np.float32)
        if self.kind in ("blobs", "gradient"):
            return self._field.plane(z_mm)
        if self.kind == "stripes":
            angle = self._angle + 0.25 * self._turn(z_mm)
            across = np.cos(angle) * self._rows[:, None] + np.sin(angle) * self._columns[None, :]
            across = across + 1.5 * self._field.plane(z_mm) + 0.8 * self._phase(z_mm)
            return np.sin(across.astype(np.float32) * np.float32(2 * np.pi / self._period))
        return self._speckle(rng)

    def _speckle(self, rng):
        field = rng.standard_normal((2, len(self._rows), len(self._columns)), dtype=np.float32)
        for axis, sigma in enumerate(self._sigma):
            field = gaussian_filter1d(field, sigma, axis=axis + 1, truncate=2.5)
        magnitude = np.hypot(field[0], field[1])
        magnitude /= np.sqrt((magnitude**2).mean())
        if self.kind == "log speckle":
            return np.clip(20 * np.log10(magnitude + np.float32(1e-3)), -20, 10) / np.float32(5.6)
        return (magnitude - np.float32(0.886)) / np.float32(0.463)


class ShapeScene:
    """Blobs and how they look: labels at any pixel, grey values by plane on a grid of its own."""

    def __init__(self, seed: int, length_mm: float):
        rng = np.random.default_rng([seed, 11])
        self._seed = seed
        self.fov_mm = float(rng.uniform(90, 125))
        self.blobs = [Blob(rng, length_mm, self.fov_mm) for _ in range(rng.integers(1, 4))]
        self.size = int(np.ceil(self.fov_mm / IN_PLANE_MM))
        self.planes = int(np.ceil(length_mm / PLANE_STEP_MM))
        self._rows = self._columns = pixel_centres(self.size, self.fov_mm)
        self._z_mm = pixel_centres(self.planes, length_mm)
        extent = (length_mm, self.fov_mm, self.fov_mm)
        shared = rng.random() < 0.35
        kinds = rng.choice(Texture.KINDS, len(self.blobs) + 1)
        if shared:
            kinds[:] = kinds[0]
        self._textures = [Texture(rng, kind, extent, self._rows, self._columns) for kind in kinds]
        self._strength = rng.uniform(6, 26, len(kinds))
        # Where brightness is nearly equal, texture or a border line is all there is.
        self._level = rng.uniform(50, 170) + np.r_[0, rng.uniform(-70, 70, len(self.blobs))]
        self._line = rng.choice([-1, 0, 1], len(self.blobs)) * rng.uniform(15, 90, len(self.blobs))
        self._line = np.where(np.abs(np.diff(self._level, prepend=0)[1:]) < 12, np.abs(self._line) + 15, self._line)
        self._line_mm = rng.uniform(0.5, 1.4, len(self.blobs))
        self._soft_mm = rng.uniform(0.3, 1.5)
        self._fields = [
            SmoothField(rng, extent, step).on(self._rows, self._columns) for step in ((12, 12, 12), (50, 40, 40))
        ]
        self._bias, self._noise = rng.uniform(0, 0.22), rng.choice([0, 1]) * rng.uniform(1, 14)
        self._gamma = rng.uniform(0.7, 1.4)

    def labels(self, z_mm: float, rows_mm: np.ndarray, columns_mm: np.ndarray) -> np.ndarray:
        """The label at every position, (row, column) uint8: 1 for the first blob, which covers later ones."""
        labels = np.zeros((len(rows_mm), len(columns_mm)), np.uint8)
        for code in range(len(self.blobs), 0, -1):
            distance = self.blobs[code - 1].distance(z_mm, rows_mm, columns_mm)
            if distance is not None:
                labels[distance < 0] = code
        return labels

    def plane(self, index: int) -> np.ndarray:
        """The grey values of one plane, (row, column) float32, before resampling."""
        z_mm = float(self._z_mm[index])
        rng = np.random.default_rng([self._seed, 12, index])
        grey = self._level[0] + np.float32(self._strength[0]) * self._textures[0].plane(z_mm, rng)
        visible = np.clip(0.7 + 0.7 * self._fields[0].plane(z_mm), 0, 1.2)
        for code in range(len(self.blobs), 0, -1):
            distance = self.blobs[code - 1].distance(z_mm, self._rows, self._columns)
            if distance is None:
                continue
            inside = np.clip(0.5 - distance / np.float32(2 * self._soft_mm), 0, 1)
            own = self._level[code] + np.float32(self._strength[code]) * self._textures[code].plane(z_mm, rng)
            grey += inside * (own.astype(np.float32) - grey)
            line = np.float32(self._line[code - 1]) / (1 + (distance / np.float32(self._line_mm[code - 1])) ** 4)
            grey += line * visible
        grey *= np.exp(np.float32(self._bias) * self._fields[1].plane(z_mm))
        grey += np.float32(self._noise) * rng.standard_normal(grey.shape, dtype=np.float32)
        return 255 * (np.clip(grey, 0, 255) / 255).astype(np.float32) ** np.float32(self._gamma)
