"""B-mode planes of a calf: echo strength from the anatomy, then speckle, then log compression.

Speckle is fully developed: a complex Gaussian field filtered with the point-spread function, its magnitude
Rayleigh distributed (Goodman 1975; Wagner et al. 1983). Planes lie on a grid that depends on the field of
view alone, and each is drawn from its own seed, so any plane can be made without the others.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ifss_keras.synthetic.anatomy import Borders, Calf
from ifss_keras.synthetic.appearance import Appearance
from ifss_keras.synthetic.fields import SmoothField, pixel_centres, random_wave

IN_PLANE_MM = 0.55
PLANE_STEP_MM = 1.25
_FWHM = 2.3548  # full width at half maximum of a Gaussian of standard deviation 1
_STREAK_TABLE_MM = 0.1
_STREAK_ENTRIES = 4096

GEL, DERMIS, FAT, BETWEEN, GM, GL, SOL = range(7)


def facing(slope_angle: np.ndarray, beam_angles: tuple, width: float) -> np.ndarray:
    """How strongly a border mirrors the beams, 0 to 1: 1 where its normal faces one of them.

    `slope_angle` is the border's inclination in radians, a beam angle is the inclination of the border that
    the beam meets at a right angle, `width` the standard deviation of the lobe.
    """
    lobes = [np.exp(-0.5 * ((slope_angle - beam) / width) ** 2) for beam in beam_angles]
    return np.maximum.reduce(lobes)


class _Sweeps:
    """Which probe sweep every column shows, and how each sweep is displaced, amplified and tilted."""

    def __init__(self, rng: np.random.Generator, calf: Calf):
        self.count = int(rng.integers(1, 4))
        fov = calf.fov_mm
        seams = fov * (np.arange(1, self.count) / self.count) + rng.uniform(-6, 6, self.count - 1)
        self._seams = list(zip(seams, [random_wave(rng) for _ in seams], strict=True))
        self._shift = rng.uniform(0.25, 0.5) * rng.choice([-1, 1])
        self._shift_waves = [random_wave(rng) for _ in range(2 * self.count)]
        self._gain_db = rng.normal(0, 1.5, self.count)
        self._tilt = rng.uniform(0.4, 0.9)
        self._compound = float(rng.uniform(0.1, 0.3)) if rng.random() < 0.4 else 0.0

    def at(self, z_mm: float, columns_mm: np.ndarray, skin_slope: np.ndarray):
        """Row and column displacement in mm, gain in dB (all per column) and the beam angles per column."""
        sweep = np.zeros(len(columns_mm), int)
        for seam, wave in self._seams:
            sweep += columns_mm > seam + 1.5 * wave(z_mm)
        # Neighbours are displaced to opposite sides, so that the whole stays where the labels are.
        side = np.where(np.arange(self.count) % 2, -1, 1) * (self.count > 1) * self._shift
        waves = np.array([wave(z_mm) for wave in self._shift_waves]).reshape(2, self.count)
        rows = side + 0.1 * waves[0] * (self.count > 1)
        middle = np.array([skin_slope[sweep == k].mean() if (sweep == k).any() else 0.0 for k in range(self.count)])
        beam = (self._tilt * np.arctan(middle)).astype(np.float32)[sweep]
        beams = (beam,) if not self._compound else (beam - self._compound, beam, beam + self._compound)
        return rows[sweep], 0.15 * waves[1][sweep], self._gain_db[sweep], beams


class Ultrasound:
    """Renders planes of one calf as float32 grey values, 0 to 255."""

    def __init__(self, seed: int, calf: Calf, look: Appearance):
        rng = np.random.default_rng([seed, 2])
        self._seed, self._calf, self._look = seed, calf, look
        self.size = int(np.ceil(calf.fov_mm / IN_PLANE_MM))
        self.planes = int(np.ceil(calf.length_mm / PLANE_STEP_MM))
        self._pitch_mm = calf.fov_mm / self.size
        self._rows = self._columns = pixel_centres(self.size, calf.fov_mm)
        self._z_mm = pixel_centres(self.planes, calf.length_mm)
        self._sweeps = _Sweeps(rng, calf)
        self._draw_tissue(rng)
        self._draw_borders(rng)
        extent = (calf.length_mm, calf.fov_mm, calf.fov_mm)
        self._fields = {
            name: SmoothField(rng, extent, step).on(self._rows, self._columns)
            for name, step in {
                "warp": (12, 9, 9),
                "gate": (4, 4, 6),
                "mottle": (6, 5, 6),
                "bias": (40, 35, 35),
                "visible": (14, 12, 12),
            }.items()
        }
        self._contact = SmoothField(rng, extent, (18, calf.fov_mm, 7)).on(self._rows[:1], self._columns)
        self._draw_optics(rng)
        self._noise = lru_cache(maxsize=8)(self._white_plane)

    def _draw_tissue(self, rng):
        muscle = rng.normal(0, 1.6, 3)
        between = rng.uniform(2.0, 7.0)
        self._level_db = np.array([-26, 7, rng.uniform(-7, 1), between, *muscle], np.float32)
        self._streak_db = np.array([0, 0, rng.uniform(2, 7), rng.uniform(0, 5), *rng.uniform(2.5, 7.5, 3)], np.float32)
        self._mottle_db = np.array([0.5, 0.5, 1.5, 2.5, *rng.uniform(0.4, 1.6, 3)], np.float32)
        self._streak_angle = np.array([0, 0, 0, *rng.uniform(-0.6, 0.6, 4)])
        self._streak_waves = [random_wave(rng) for _ in range(7)]
        centres = np.arange(0, _STREAK_ENTRIES * _STREAK_TABLE_MM, self._look.streak_spacing_mm)
        centres = centres + rng.normal(0, 0.3 * self._look.streak_spacing_mm, len(centres))
        table = np.zeros(_STREAK_ENTRIES, np.float32)
        place = (centres / _STREAK_TABLE_MM).astype(int) % _STREAK_ENTRIES
        np.add.at(table, place, rng.gamma(1.5, 1.0, len(centres)).astype(np.float32))
        table = gaussian_filter1d(table, 0.3 / _STREAK_TABLE_MM, mode="wrap")
        self._streaks = np.clip((table - table.mean()) / table.std(), -1.5, 3.0)

    def _draw_borders(self, rng):
        strength = {"skin": 14, "dermis": 6, "fascia": 17, "gm_top": 9, "gm_bottom": 15, "gl_top": 9}
        strength |= {"gl_bottom": 15, "sol_top": 13, "sol_bottom": 12, "tibia": 26, "fibula": 24}
        self._border_db = {name: value + rng.uniform(-4, 4) for name, value in strength.items()}
        self._border_mm = {name: rng.uniform(0.35, 0.6) for name in strength}
        self._lobe = rng.uniform(0.3, 0.5)
        self._faint = rng.uniform(-0.25, 0.6)

    def _draw_optics(self, rng):
        self._lateral = self._look.speckle_mm / _FWHM / self._pitch_mm
        self._axial = self._lateral * rng.uniform(0.45, 0.75)
        elevation = rng.uniform(1.2, 2.6) / _FWHM / PLANE_STEP_MM
        taps = np.exp(-0.5 * (np.arange(-2, 3) / elevation) ** 2)
        self._taps = (taps / np.linalg.norm(taps)).astype(np.float32)
        self._attenuation_db_per_mm = rng.uniform(0.0, 0.28)
        self._focus_mm = rng.uniform(25, 50)
        self._averaging = rng.uniform(0.0, 0.4)
        self._jitter_mm = rng.uniform(0.05, 0.2)
        self._bias_db = rng.uniform(0.5, 2.5)
        self._contact_db = rng.uniform(4, 12)
        self._shadow_db = rng.uniform(14, 26)

    def _white_plane(self, plane: int) -> np.ndarray:
        # Offset by two: the filter across planes reaches that far before the first.
        rng = np.random.default_rng([self._seed, 3, plane + 2])
        return rng.standard_normal((2, self.size, self.size), dtype=np.float32)

    def plane(self, index: int) -> np.ndarray:
        """The grey values of one plane, (row, column) float32, before resampling."""
        echo_db = self._echo_db(index)
        amplitude = np.exp(echo_db * np.float32(np.log(10) / 20))
        scatterers = sum(tap * self._noise(index + k - 2) for k, tap in enumerate(self._taps) if abs(tap) > 0.02)
        field = scatterers * amplitude
        intensity = self._point_spread(field[0]) ** 2
        intensity += self._point_spread(field[1]) ** 2
        # Frames averaged during compounding: part of the intensity loses its speckle.
        smooth = gaussian_filter1d(gaussian_filter1d(amplitude**2, self._axial, axis=0), self._lateral, axis=1)
        intensity = (1 - self._averaging) * intensity + (2 * self._averaging) * smooth
        return self._compress(10 * np.log10(0.5 * intensity + 1e-9))

    def _point_spread(self, field: np.ndarray) -> np.ndarray:
        for axis, sigma in ((0, self._axial), (1, self._lateral)):
            radius = max(1, int(3 * sigma + 0.5))
            taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
            field = gaussian_filter1d(field, sigma, axis=axis, radius=radius)
            field *= np.float32(taps.sum() / np.linalg.norm(taps))
        return field

    def _compress(self, level_db: np.ndarray) -> np.ndarray:
        look = self._look
        grey = (level_db + look.gain_db + 0.45 * look.dynamic_range_db) / look.dynamic_range_db
        return np.float32(255) * np.clip(grey, 0, 1) ** np.float32(look.gamma)

    def _echo_db(self, index: int) -> np.ndarray:
        """Mean echo strength in dB of one plane, (row, column): tissue, streaks, borders, shadows."""
        z_mm = float(self._z_mm[index])
        borders = self._calf.borders(z_mm)
        curves = {name: curve.astype(np.float32) for name, curve in borders.curves().items()}
        rows, entry, bend, sweep = self._geometry(index, z_mm, borders)
        heights = {name: curve[entry] for name, curve in curves.items()}
        tissue = _tissue(rows, heights)
        echo = self._tissue_db(z_mm, rows, heights["skin"], tissue)
        echo += self._border_echo_db(z_mm, borders, rows, heights, entry, bend, sweep[3])
        echo += sweep[2].astype(np.float32)[None, :]
        return self._shade(z_mm, rows, heights, echo)

    def _geometry(self, index: int, z_mm: float, borders: Borders):
        rng = np.random.default_rng([self._seed, 4, index])
        jitter = rng.normal(0, self._jitter_mm, 2)
        step = self._calf.table_step_mm
        middle_row = np.full((1, 1), self._calf.fov_mm / 6, np.float32)
        entry, _ = self._calf.lookup(z_mm, middle_row, self._columns[None, :])
        slope = np.gradient(borders.skin, step)[entry[0]] * (-1 if self._calf.mirrored else 1)
        sweep = self._sweeps.at(z_mm, self._columns, slope)
        rows = self._rows[:, None] + (sweep[0] + jitter[0]).astype(np.float32)[None, :]
        columns = (self._columns + sweep[1] + jitter[1]).astype(np.float32)[None, :]
        return rows, *self._calf.lookup(z_mm, rows, columns), sweep

    def _tissue_db(self, z_mm, rows, skin, tissue):
        angle = self._streak_angle + 0.3 * np.array([wave(z_mm) for wave in self._streak_waves])
        depth = rows - skin
        across = np.cos(angle).astype(np.float32)[tissue] * depth
        across -= np.sin(angle).astype(np.float32)[tissue] * self._columns[None, :]
        across += np.float32(1.3) * self._fields["warp"].plane(z_mm) + (40 * tissue + 100).astype(np.float32)
        entry = (across * np.float32(1 / _STREAK_TABLE_MM)).astype(np.int32) % _STREAK_ENTRIES
        gate = np.clip(0.6 + 0.7 * self._fields["gate"].plane(z_mm), 0, 1.6)
        seen = facing(angle, (0.0,), 0.5).astype(np.float32)
        echo = (
            self._level_db[tissue] + (self._streak_db * seen)[tissue].astype(np.float32) * self._streaks[entry] * gate
        )
        echo += self._mottle_db[tissue] * self._fields["mottle"].plane(z_mm)
        echo += np.float32(self._bias_db) * self._fields["bias"].plane(z_mm)
        return echo

    def _border_echo_db(self, z_mm, borders, rows, heights, entry, bend, beams):
        """What borders add in dB: bright lines where they face a beam and are not faint."""
        visible = np.clip(0.75 + self._faint + 0.6 * self._fields["visible"].plane(z_mm), 0.0, 1.15)
        side = -1 if self._calf.mirrored else 1
        added = np.zeros(rows.size, np.float32)
        for name, curve in borders.curves().items():
            # y = c(x + g(y)) gives dy/dx = c' / (1 - c' g').
            slope = np.gradient(curve, self._calf.table_step_mm)
            slope[np.abs(slope) > 20] = 20
            if name.endswith("_bottom"):
                slope = np.where(curve > getattr(borders, name.replace("bottom", "top")), slope, np.inf)
            distance = rows - heights[name]
            near = np.flatnonzero(np.abs(distance) < 3 * self._border_mm[name])
            if not len(near):
                continue
            at = slope.astype(np.float32)[entry.ravel()[near]]
            ok = np.isfinite(at)
            near, at = near[ok], at[ok]
            at = side * at / np.clip(1 - at * bend.ravel()[near], 0.2, None)
            angle = np.arctan(at)
            across = distance.ravel()[near] * np.cos(angle) / np.float32(self._border_mm[name])
            columns = near % rows.shape[1]
            lobe = facing(angle, tuple(beam[columns] for beam in beams), self._lobe)
            seen = visible.ravel()[near] if name[:2] in ("gm", "gl", "so") else 1.0
            line = np.float32(self._border_db[name]) * (0.2 + 0.8 * lobe) * seen / (1 + across**4)
            added[near] = np.maximum(added[near], line)
        return added.reshape(rows.shape)

    def _shade(self, z_mm, rows, heights, echo):
        """Attenuation with depth, bone and poor-contact shadows, and the gel above the skin."""
        depth = np.clip(rows - heights["skin"], 0, None)
        echo -= np.float32(self._attenuation_db_per_mm) * np.clip(depth - np.float32(self._focus_mm), -20, None)
        bone = np.minimum(heights["tibia"], heights["fibula"])
        echo -= np.float32(self._shadow_db) * np.clip((rows - bone) / 2.5, 0, 1)
        contact = np.clip(self._contact.plane(z_mm) - 1.1, 0, 1.5) * np.float32(self._contact_db)
        echo -= contact * np.clip(depth / 15.0, 0, 1)
        return echo


def _tissue(rows: np.ndarray, heights: dict[str, np.ndarray]) -> np.ndarray:
    """The tissue of every pixel as an index into the tables of tissue properties."""
    tissue = (rows > heights["skin"]).astype(np.uint8)
    tissue += rows > heights["dermis"]
    tissue += rows > heights["fascia"]
    for code, name in ((SOL, "sol"), (GM, "gm"), (GL, "gl")):
        tissue[(rows > heights[f"{name}_top"]) & (rows < heights[f"{name}_bottom"])] = code
    return tissue
