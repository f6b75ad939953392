"""A calf in continuous millimetre coordinates: skin, fat, gastrocnemii, soleus and two bones.

Every border is a height (row, in mm) over a bent lateral coordinate `u`. One slice is therefore a handful of
one-dimensional curves, cheap to evaluate at any pixel size, and labels exclude each other by construction:
the gastrocnemii are cut by one moving septum, the soleus begins below both. Along its length a muscle either tapers
by a drawn profile, as most do in people, or begins and ends bluntly, at a third to two thirds of its largest area.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import uniform_filter1d

from ifss_keras.synthetic.fields import Wave, random_wave
from ifss_keras.synthetic.profile import AreaProfile, draw_profile

ENDS = ("tapering", "blunt")
MUSCLES = {100: "SOL", 150: "GM", 200: "GL"}

# Borders are tabulated over u this finely and read at the nearest entry, 0.025 mm away at most.
_TABLE_STEP_MM = 0.05
_TABLE_MARGIN_MM = 30.0
_SMOOTH_ENTRIES = 260  # 13 mm
_GAP_MM = 0.9  # connective tissue between two muscles

# Where GM, GL and SOL begin and end, as shares of the volume's length. A tapering muscle is longer: its tips are thin.
_SPANS = {
    "blunt": (((0.03, 0.12), (0.64, 0.82)), ((0.05, 0.18), (0.56, 0.76)), ((0.12, 0.26), (0.86, 0.97))),
    "tapering": (((0.03, 0.10), (0.72, 0.90)), ((0.04, 0.15), (0.66, 0.86)), ((0.08, 0.22), (0.88, 0.97))),
}


@dataclass(frozen=True)
class Borders:
    """The borders of one slice: heights (rows) in mm over the table of `u`.

    A muscle exists where its bottom lies below (greater than) its top.
    """

    skin: np.ndarray
    dermis: np.ndarray
    fascia: np.ndarray
    gm_top: np.ndarray
    gm_bottom: np.ndarray
    gl_top: np.ndarray
    gl_bottom: np.ndarray
    sol_top: np.ndarray
    sol_bottom: np.ndarray
    tibia: np.ndarray
    fibula: np.ndarray

    def curves(self) -> dict[str, np.ndarray]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Muscle:
    """One muscle's sizes where it is largest and the waves that modulate them along the leg.

    `profile` is the area along it and `share` the part of it that the width takes, as its exponent; the thickness
    takes the rest. Without a profile both ends are blunt.
    """

    start_mm: float
    end_mm: float
    centre_mm: float
    half_width_mm: float
    thickness_mm: float
    peak: float
    roundness: float
    change: float
    width_wave: Wave
    thickness_wave: Wave
    centre_wave: Wave
    bend_wave: Wave
    skew_wave: Wave
    lift_wave: Wave
    ripple_waves: tuple[Wave, ...]
    profile: AreaProfile | None = None
    share: float = 0.5

    def factors(self, z_mm: float) -> tuple[float, float]:
        """Width and thickness at `z_mm` as shares of the largest; beyond an end they are the end's."""
        t = np.clip((z_mm - self.start_mm) / (self.end_mm - self.start_mm), 0, 1)
        if self.profile:
            area = float(self.profile(t))
            return area**self.share, area ** (1 - self.share)
        turned = t**self.peak
        swell = 0.2 * np.sin(np.pi * turned) + 0.8 * (1 - abs(2 * turned - 1))
        return 0.75 + 0.25 * swell, 0.53 + 0.47 * swell

    def lens(self, u: np.ndarray, z_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The offset of the upper border, the thickness and the normalised lateral place, over `u`, in mm."""
        wide, thick = self.factors(z_mm)
        width = self.half_width_mm * wide * np.exp(0.10 * self.change * self.width_wave(z_mm))
        height = self.thickness_mm * thick * np.exp(0.145 * self.change * self.thickness_wave(z_mm))
        centre = self.centre_mm + 1.0 * self.centre_wave(z_mm)
        place = (u - centre) / width
        inside = np.clip(1 - place**2, 0, None)
        skewed = np.clip(place, -1, 1) + 0.064 * np.clip(self.skew_wave(z_mm), -2, 2) * inside
        ripple = sum(
            0.036 * wave(z_mm) * np.cos((k + 1) * np.pi * skewed + k) for k, wave in enumerate(self.ripple_waves)
        )
        thickness = height * np.clip(1 - skewed**2, 0, None) ** self.roundness * np.clip(1 + ripple, 0.15, None)
        bend = 0.64 * self.bend_wave(z_mm) * (np.clip(place, -1.3, 1.3) ** 2 - 0.4)
        return bend + 0.36 * self.lift_wave(z_mm), thickness, place

    def beyond_mm(self, z_mm: float) -> float:
        """How far `z_mm` lies outside the muscle's extent; 0 inside."""
        return max(self.start_mm - z_mm, z_mm - self.end_mm, 0.0)


def _random_muscle(rng, span, length_mm, centre_mm, half_width_mm, thickness_mm, taper, change=1.0) -> Muscle:
    start, end = (rng.uniform(*limits) * length_mm for limits in span)
    waves = [random_wave(rng) for _ in range(6)]
    return Muscle(
        start,
        end,
        centre_mm,
        half_width_mm,
        thickness_mm,
        rng.uniform(0.85, 1.15),
        rng.uniform(0.45, 0.7),
        change,
        *waves,
        ripple_waves=tuple(random_wave(rng, 60.0) for _ in range(3)),
        **taper,
    )


def _random_taper(seed: int, ends: str) -> list[dict]:
    """What tapers GM, GL and SOL; from a generator of its own, so that blunt calves stay as they were."""
    rng = np.random.default_rng([seed, 6])
    if ends == "blunt":
        return [{}, {}, {}]
    return [{"profile": draw_profile(rng), "share": rng.uniform(0.35, 0.5)} for _ in range(3)]


class Calf:
    """A random calf; asks for borders and labels at any slice position in mm.

    Along the slices every modulation is a sum of sinusoids of 50 to 120 mm, whatever the length of the
    volume; the muscles begin and end at fractions of that length. `ends` is one of `ENDS`.
    """

    def __init__(self, seed: int, length_mm: float, ends: str = "tapering"):
        rng = np.random.default_rng([seed, 1])
        self.length_mm = length_mm
        self.fov_mm = float(rng.uniform(95.0, 120.0))
        self.mirrored = bool(rng.random() < 0.5)
        scale = self.fov_mm / 105.0
        middle = self.fov_mm / 2
        self._skin_top_mm = rng.uniform(4.0, 9.0)
        self._sag = rng.uniform(0.5, 1.0) * 18.0 / middle**2
        self._dermis_mm = rng.uniform(1.3, 2.4)
        self._fat_mm = rng.uniform(2.5, 7.0)
        spans, tapers = _SPANS[ends], _random_taper(seed, ends)
        self._tapering = ends == "tapering"
        self.gm = _random_muscle(
            rng,
            spans[0],
            length_mm,
            middle - scale * rng.uniform(19, 24),
            scale * rng.uniform(23, 28),
            rng.uniform(24, 31),
            tapers[0],
        )
        self.gl = _random_muscle(
            rng,
            spans[1],
            length_mm,
            middle + scale * rng.uniform(19, 24),
            scale * rng.uniform(21, 26),
            rng.uniform(21, 28),
            tapers[1],
        )
        self.sol = _random_muscle(
            rng,
            spans[2],
            length_mm,
            middle + scale * rng.uniform(-6, 6),
            scale * rng.uniform(35, 42),
            rng.uniform(26, 34),
            tapers[2],
            change=0.6,
        )
        self._septum_mm = middle + rng.uniform(-4, 4)
        self._sol_depth_mm = rng.uniform(12, 16), rng.uniform(5, 8)
        self._bones = [
            (middle + scale * rng.uniform(-22, -8), scale * rng.uniform(56, 64), rng.uniform(13, 18)),
            (middle + scale * rng.uniform(22, 32), scale * rng.uniform(48, 58), rng.uniform(6, 9)),
        ]
        names = ("skin", "sag", "fat", "septum", "shear", "sway", "tilt")
        self._waves = {name: random_wave(rng) for name in names}
        self._fat_ripple = rng.uniform(0, 2 * np.pi), rng.uniform(45, 90)
        self._u = np.arange(-_TABLE_MARGIN_MM, self.fov_mm + _TABLE_MARGIN_MM, _TABLE_STEP_MM)

    def borders(self, z_mm: float) -> Borders:
        """The borders of the slice at `z_mm`, heights in mm over the table of `u`."""
        u, wave = self._u, {name: float(w(z_mm)) for name, w in self._waves.items()}
        off_centre = u - self.fov_mm / 2
        skin = self._skin_top_mm + 0.6 * wave["skin"] + self._sag * (1 + 0.1 * wave["sag"]) * off_centre**2
        skin = skin + 0.03 * wave["tilt"] * off_centre
        phase, period = self._fat_ripple
        fat = self._fat_mm * (1 + 0.08 * wave["fat"] + 0.12 * np.sin(2 * np.pi * u / period + phase + z_mm / 30))
        fascia = skin + self._dermis_mm + fat
        septum = self._septum_mm + 2.0 * wave["septum"]
        edge = 0.44 * self.fov_mm
        gm_room = np.minimum(septum - 0.5 * _GAP_MM - u, off_centre + edge)
        gl_room = np.minimum(u - septum - 0.5 * _GAP_MM, edge - off_centre)
        gm = self._gastrocnemius(self.gm, z_mm, fascia, gm_room)
        gl = self._gastrocnemius(self.gl, z_mm, fascia, gl_room)
        sol = self._soleus(z_mm, fascia, gm, gl)
        bones = [self._bone(bone, z_mm, skin, sol) for bone in self._bones]
        return Borders(skin, skin + self._dermis_mm, fascia, *gm[:2], *gl[:2], *sol, *bones)

    def _gastrocnemius(self, muscle, z_mm, fascia, room_mm):
        """Top, bottom and the height the soleus must stay under; `room_mm` is the way to the septum."""
        offset, thickness, place = muscle.lens(self._u, z_mm)
        top = fascia + _GAP_MM + np.clip(offset + 1.0, 0, None)
        thickness = np.minimum(thickness, 2.0 * np.clip(room_mm, 0, None))
        # Beyond the tips and the ends the limit falls away steeply but without a step.
        reach = muscle.half_width_mm * (muscle.factors(z_mm)[0] if self._tapering else 1)
        beyond = 1.5 * reach * np.clip(np.abs(place) - 1, 0, None) + 0.8 * muscle.beyond_mm(z_mm)
        limit = top + thickness + _GAP_MM - beyond
        exists = (thickness > 0) & (muscle.beyond_mm(z_mm) == 0)
        return top, np.where(exists, top + thickness, top - 1), limit

    def _covered(self, z_mm) -> float:
        """How far the gastrocnemii push the soleus down, 0 to 1; without a step along the leg."""
        if self._tapering:  # as far as the thicker of both is thick, fading beyond a blunt end
            return max(m.factors(z_mm)[1] * np.exp(-((m.beyond_mm(z_mm) / 12) ** 2)) for m in (self.gm, self.gl))
        gastrocnemii_end = max(self.gm.end_mm, self.gl.end_mm)
        return 1 / (1 + np.exp((z_mm - gastrocnemii_end + 25) / 14.0))

    def _soleus(self, z_mm, fascia, gm, gl):
        proximal = self._covered(z_mm)
        deep, shallow = self._sol_depth_mm
        offset, thickness, _ = self.sol.lens(self._u, z_mm)
        own = fascia + _GAP_MM + np.clip(shallow + (deep - shallow) * proximal + 1.0 * offset, 0, None)
        top = np.maximum(own, np.maximum(gm[2], gl[2]))
        room = 2.0 * np.clip(0.44 * self.fov_mm - np.abs(self._u - self.fov_mm / 2), 0, None)
        middle = 0.3 * own + 0.7 * top
        for _ in range(2):  # the soleus does not copy the sharp tips of the muscles above it
            middle = uniform_filter1d(middle, _SMOOTH_ENTRIES, mode="nearest")
        if self._tapering:  # a thin soleus lies along the muscles above it, else they would tear it
            middle = top + self.sol.factors(z_mm)[1] * (middle - top)
        bottom = middle + np.minimum(thickness, room)
        exists = (thickness > 0) & (bottom - top > 0) & (self.sol.beyond_mm(z_mm) == 0)
        return top, np.where(exists, bottom, top - 1)

    def _bone(self, bone, z_mm, skin, sol):
        centre, depth, radius = bone
        across = self._u - centre - 1.5 * self._waves["sway"](z_mm + 20)
        surface = self._skin_top_mm + depth - np.sqrt(np.clip(radius**2 - across**2, 0, None))
        surface = np.maximum(surface, np.maximum(sol[1], sol[0]) + 1.0)
        return np.where(np.abs(across) < radius, surface, 1e4)

    def lookup(self, z_mm: float, rows_mm: np.ndarray, columns_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The table entry of every pixel, (row, column) int, and d u / d row in the same shape."""
        columns_mm = self.fov_mm - columns_mm if self.mirrored else columns_mm
        shear = np.float32(0.06 * self._waves["shear"](z_mm))
        sway = np.float32(1.2 * self._waves["sway"](z_mm))
        turn = np.float32(2 * np.pi / 60.0)
        u = columns_mm + (shear * (rows_mm - np.float32(25)) + sway * np.sin(turn * rows_mm))
        entry = (u + np.float32(_TABLE_MARGIN_MM + _TABLE_STEP_MM / 2)) * np.float32(1 / _TABLE_STEP_MM)
        return np.clip(entry, 0, len(self._u) - 1).astype(np.intp), shear + sway * turn * np.cos(turn * rows_mm)

    @property
    def table_step_mm(self) -> float:
        return _TABLE_STEP_MM

    def labels(self, z_mm: float, rows_mm: np.ndarray, columns_mm: np.ndarray) -> np.ndarray:
        """The label at every row position (row,) and column position (column,): (row, column) uint8."""
        rows = rows_mm[:, None]
        entry, _ = self.lookup(z_mm, rows, columns_mm[None, :])
        borders = self.borders(z_mm)
        labels = np.zeros(entry.shape, np.uint8)
        for code, name in ((100, "sol"), (150, "gm"), (200, "gl")):
            top = getattr(borders, f"{name}_top").astype(np.float32)
            bottom = getattr(borders, f"{name}_bottom").astype(np.float32)
            labels[(rows > top[entry]) & (rows < bottom[entry])] = code
        return labels
