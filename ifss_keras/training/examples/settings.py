"""Which clips are drawn: one record for recipes and for what draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ifss_keras.core.checks import require


@dataclass(frozen=True)
class ClipSettings:
    """Which clips are drawn. Lengths are in slices, shares from 0 to 1; `PropagationSettings` say how they are shown.

    Attributes:
        windows: consecutive windows that are trained on.
        gap: the least and greatest distance between two references, drawn log-uniformly.
        both_ends: share of the clips with a reference at both ends; the others have one to a window of them on one
            side.
        degraded: share of the clips that start from a degraded truth and not from what the anchor says.
        redrawn: share of the clips whose references are a little wrong, as contours drawn by hand are.
        border_mm: so far inside to so far outside of a label the annotations of a clip run, truth and references alike,
            but at most a fifth of the label's radius: experts draw inside, on, or outside of a bright line.
        recent: share of the clips with references on one side that look up an estimate of the slices just before,
            as prediction does there, beside the first reference.
        lost: share of the estimates, of starts and of recent slices, that lack a large part of the muscle.
        rollout: the range of windows before the trained ones that the network runs through without gradient.
        recent_slices: how far back such an estimate may lie.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}

    windows: int = 5
    gap: tuple[int, int] = (4, 80)
    both_ends: float = 2 / 3
    degraded: float = 0.5
    redrawn: float = 0.0
    border_mm: float = 0.0
    recent: float = 0.0
    lost: float = 0.0
    rollout: tuple[int, int] = (0, 24)
    recent_slices: int = 9

    def __post_init__(self):
        for name in ("windows", "recent_slices"):
            require(getattr(self, name) > 0, f"{name} must be 1 or more, received {getattr(self, name)}.")
        for name, least in (("gap", 1), ("rollout", 0)):
            low, high = pair = getattr(self, name)
            right = least <= low <= high
            require(right, f"{name}: the least comes first, then the greatest, both {least} or more, received {pair}.")
        require(0 <= self.border_mm < np.inf, f"border_mm must be a length from 0 on, received {self.border_mm}.")
        for name in ("both_ends", "degraded", "redrawn", "recent", "lost"):
            share = getattr(self, name)
            require(0 <= share <= 1, f"{name} must be a share from 0 to 1, received {share}.")
