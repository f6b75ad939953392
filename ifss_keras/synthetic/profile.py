"""How large a muscle's cross-section is along its length, as a share of the largest one.

The draws follow eleven muscles of thigh, hip and calf in MRI and CT that lie whole in their volumes: nearly all begin
and end at less than a fifth of their largest area, some swell over two thirds of their length, some keep their size.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_FINE = np.linspace(0, 1, 2001)


@dataclass(frozen=True)
class End:
    """One end of a muscle; lengths are shares of the muscle's length.

    Attributes:
        area: at the tip, a share of the largest.
        rise: the length over which the area grows from `area` to the belly's.
        power: how it grows: 1 as a sphere does, steep at the tip, 2 in an S. Above 1 the slope at the tip is 0.
        tail: the length of a tendon of constant area before the rise.
    """

    area: float
    rise: float
    power: float
    tail: float = 0.0

    def __call__(self, inwards: np.ndarray) -> np.ndarray:
        """How far the area has grown at a distance from the tip, 0 to 1."""
        way = np.clip((inwards - self.tail) / self.rise, 0, 1)
        return np.sin(np.pi / 2 * way) ** self.power


@dataclass(frozen=True)
class AreaProfile:
    """The area along a muscle, called with the share of its length in [0, 1]; at most 1, without a step in slope.

    Attributes:
        begin, end: both ends.
        peak: where the belly is largest.
        fall: by how much the belly is smaller at its farther end; the more steeply the farther from `peak`.
        dip: how much of the area is missing midway between two bellies; 0 for one belly.
    """

    begin: End
    end: End
    peak: float = 0.5
    fall: float = 0.0
    dip: float = 0.0

    def __call__(self, t: np.ndarray | float) -> np.ndarray:
        """The share of the largest area, of the shape of `t`."""
        t = np.clip(t, 0, 1)
        body = self._body(t) / self._largest
        tips = self.begin.area * (1 - self.begin(t)) + self.end.area * (1 - self.end(1 - t))
        return body + tips * (1 - body)

    @cached_property
    def _largest(self) -> float:
        return float(self._body(_FINE).max())

    def _body(self, t):
        """The area of a muscle whose tips are points, unscaled."""
        belly = 1 - self.fall * (np.abs(t - self.peak) / max(self.peak, 1 - self.peak)) ** 1.5
        first, last = self.begin.tail + self.begin.rise, 1 - self.end.tail - self.end.rise
        if self.dip:  # exactly between the shoulders, so that each is a maximum
            way = np.clip((t - first) / (last - first), 0, 1)
            belly = belly * (1 - self.dip * np.sin(np.pi * way) ** 2)
        return self.begin(t) * self.end(1 - t) * belly


def draw_profile(rng: np.random.Generator) -> AreaProfile:
    """A random profile: tapering at both ends, or blunt at one, or with a tendon at one, or with two bellies.

    A tapering end has 0.005 to 0.15 of the largest area, more often little; a blunt one 0.3 to 0.7.
    """
    kind = rng.choice(["both", "blunt", "tendon", "bellies"], p=(0.6, 0.1, 0.15, 0.15))
    longest = 0.35 if kind == "bellies" else 0.5
    ends = [
        End(0.005 * 30 ** (rng.random() ** 1.5), rng.uniform(0.15, longest), 1 + rng.random() ** 3) for _ in range(2)
    ]
    peak, fall, dip = rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.85), rng.uniform(0.1, 0.3)
    blunt = End(rng.uniform(0.3, 0.7), rng.uniform(0.15, longest), rng.uniform(1, 2))
    tendon = End(rng.uniform(0.01, 0.06), rng.uniform(0.15, 0.4), rng.uniform(1.4, 2), rng.uniform(0.05, 0.2))
    if kind in ("blunt", "tendon"):
        ends[int(rng.integers(2))] = blunt if kind == "blunt" else tendon
    if kind == "bellies":
        return AreaProfile(*ends, dip=dip)
    return AreaProfile(*ends, peak=peak, fall=fall / 3 if kind == "blunt" else fall)
