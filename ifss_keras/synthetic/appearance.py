"""The ranges that a synthetic ultrasound image is drawn from: those to train on, and those beyond them."""

from dataclasses import dataclass, fields

import numpy as np

Interval = tuple[float, float]


@dataclass(frozen=True)
class Appearance:
    """How one image looks; lengths in mm, intensities in dB before log compression."""

    speckle_mm: float
    gain_db: float
    dynamic_range_db: float
    gamma: float
    streak_spacing_mm: float


@dataclass(frozen=True)
class AppearanceRange:
    """Intervals of every value of `Appearance`; one of several intervals is drawn with equal chance."""

    speckle_mm: tuple[Interval, ...]
    gain_db: tuple[Interval, ...]
    dynamic_range_db: tuple[Interval, ...]
    gamma: tuple[Interval, ...]
    streak_spacing_mm: tuple[Interval, ...]

    def draw(self, rng: np.random.Generator) -> Appearance:
        values = {}
        for field in fields(self):
            intervals = getattr(self, field.name)
            values[field.name] = float(rng.uniform(*intervals[rng.integers(len(intervals))]))
        return Appearance(**values)


# Speckle is the full width at half maximum across the beam; below 0.6 mm it would be finer than its grid.
TRAINING = AppearanceRange(
    speckle_mm=((0.85, 1.7),),
    gain_db=((-6.0, 6.0),),
    dynamic_range_db=((42.0, 62.0),),
    gamma=((0.8, 1.25),),
    streak_spacing_mm=((1.4, 2.6),),
)
SHIFTED = AppearanceRange(
    speckle_mm=((0.6, 0.72), (2.0, 2.5)),
    gain_db=((-12.0, -8.0), (8.0, 11.0)),
    dynamic_range_db=((31.0, 37.0), (68.0, 80.0)),
    gamma=((0.55, 0.7), (1.45, 1.75)),
    streak_spacing_mm=((0.9, 1.15), (3.2, 4.5)),
)
