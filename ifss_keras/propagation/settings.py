"""How a volume is shown to a network and carried through: one record for presets, recipes, training and prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ifss_keras.core.checks import known_names, require

if TYPE_CHECKING:
    import numpy as np


MEMORY_GB = 0.15  # for what a network sees in slices, in 10^9 bytes


@dataclass(frozen=True)
class Softness:
    """How far to trust the anchor: the scale of its border, in working pixels.

    Attributes:
        start: at a reference, above 0.
        per_slice: more for every slice away from the nearest one.
        maximum: at most.
        per_change: more half-way between two references, for every working pixel by which they differ (thick slices:
            few, but far apart).
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}

    start: float = 0.5
    per_slice: float = 0.1
    maximum: float = 4.5
    per_change: float = 0.0

    def __post_init__(self):
        for name, value in vars(self).items():
            require(math.isfinite(value), f"{name} of a softness must be a finite number, received {value}.")
        for name in ("start", "maximum"):
            value = getattr(self, name)
            require(value > 0, f"{name} of a softness must be greater than 0, received {value}.")
        for name in ("per_slice", "per_change"):
            value = getattr(self, name)
            require(value >= 0, f"{name} of a softness cannot be negative, received {value}.")

    def at(self, offsets: np.ndarray, gap: float, change: float = 0.0) -> np.ndarray:
        """The scale in working pixels, `offsets` slices after a reference and `gap` before the next.

        Args:
            offsets: slices after the first of two references.
            gap: slices from it to the second.
            change: by how many working pixels the references differ.
        """
        import numpy as np  # which who only lists presets does not wait for

        offsets = np.asarray(offsets, float)
        middle = 4 * offsets * (gap - offsets) / gap**2  # 0 at the references, 1 half-way
        scale = self.start + self.per_slice * np.minimum(offsets, gap - offsets) + self.per_change * change * middle
        return np.minimum(scale, self.maximum)

    def looking(self, step: float) -> Softness:
        """The same for who looks at one slice in `step` only, and takes these for neighbours."""
        return replace(self, per_slice=self.per_slice / step)


@dataclass(frozen=True)
class Flow:
    """What is handed from window to window.

    Attributes:
        recurrent: otherwise every window begins as if it were the first, from the evidence alone: nothing that was
            estimated before is fed back (TMI 2021, section IV-C, Ablation 2).
        carry_memory: otherwise every window has the memory that the network has at a reference (the official code).
    """

    recurrent: bool = True
    carry_memory: bool = True


FLOW = Flow()


@dataclass(frozen=True)
class PropagationSettings:
    """How a volume is shown to a network, in training and in prediction, and how the mask is carried through it.

    The values were chosen on volumes for development: see docs/propagation.md.

    Attributes:
        size: rows and columns of the working region, those of the network's `image_size`.
        window: slices that the network sees at once, those of its `window`.
        margin: side of the region over the bounding box of the masks it is put around.
        least_share: of the region's shorter side in the longer, see `region_around`.
        softness: of the anchor; None for a network that was trained without one.
        percentiles: grey values that become 0 and 1.
        threshold: soft masks above it are the muscle on the image's grid.
        smoothing_mm: standard deviation across slices of the smoothing of soft masks between two references: a muscle
            changes slowly from slice to slice, the errors of the network do not. Where slices are nearer to each other
            than half of it, the network looks at one in so many, as near as that: the others tell nothing more.
        stretch: slices outside the references after which the region is put anew around the estimate.
        both_directions: between two references run from both; otherwise, for comparison, from the first alone.
        empty_slices: consecutive slices without the muscle after which it has ended.
        least_area: of the outermost reference's; a smaller mask counts as none.
        most_area: of the largest reference's; where references lie further apart than a window, a larger mask outside
            them has run into something else, and the muscle has ended before.
        recurrent, carry_memory: what is handed from window to window, see `Flow`; otherwise for comparison.
        recall_newest: beyond the references the newest estimate is looked up beside the nearest reference, and not a
            second reference.
        bend: how far the anchor between two references bends for those beyond them, from 0, straight, to 1, the curve
            of `propagation.beyond`.
        anchor_area: the anchor has the area of the curve of `propagation.area`; otherwise, for comparison, its own.
        final_area: soft masks are cut as `propagation.cut` says; otherwise, for comparison, they stay as they are.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}

    size: int = 96
    window: int = 3
    margin: float = 1.4
    least_share: float = 0.5
    softness: Softness | None = field(default_factory=Softness)
    percentiles: tuple[float, float] = (0.5, 99.5)
    threshold: float = 0.5
    smoothing_mm: float = 2.5
    stretch: int = 4
    both_directions: bool = True
    empty_slices: int = 3
    least_area: float = 0.05
    most_area: float = 3.0
    recurrent: bool = True
    carry_memory: bool = True
    recall_newest: bool = False
    bend: float = 0.5
    anchor_area: bool = True
    final_area: bool = True

    def __post_init__(self):
        low, high = self.percentiles
        for name, value in vars(self).items():
            finite = not isinstance(value, float) or math.isfinite(value)
            require(finite, f"{name} must be a finite number, received {value}.")
        for right, text in (
            (self.size > 0, f"size must be positive, received {self.size}"),
            (self.window > 1, f"window must be 2 or more, as windows share slices, received {self.window}"),
            (self.margin >= 1, f"margin must be 1 or more, received {self.margin}"),
            (0 < self.least_share <= 1, f"least_share must lie above 0 and at most at 1, received {self.least_share}"),
            (0 <= low < high <= 100, f"percentiles must ascend within 0 to 100, received {self.percentiles}"),
            (0 < self.threshold < 1, f"threshold must lie between 0 and 1, received {self.threshold}"),
            (self.smoothing_mm >= 0, f"smoothing_mm cannot be negative, received {self.smoothing_mm}"),
            (self.stretch > 0, f"stretch must be a slice or more, received {self.stretch}"),
            (self.empty_slices > 0, f"empty_slices must be one or more, received {self.empty_slices}"),
            (0 <= self.least_area < 1, f"least_area must be a share below 1, received {self.least_area}"),
            (self.most_area >= 1, f"most_area must be 1 or more, received {self.most_area}"),
            (0 <= self.bend <= 1, f"bend must lie from 0 to 1, received {self.bend}"),
        ):
            require(right, f"{text}.")

    def step(self, slice_mm: float) -> int:
        """One slice in how many is looked at, where neighbours lie so far apart."""
        return max(int(self.smoothing_mm / 2 / slice_mm), 1)

    @property
    def flow(self) -> Flow:
        """What is handed from window to window."""
        return Flow(self.recurrent, self.carry_memory)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON and YAML hold them."""
        return asdict(self) | {"percentiles": list(self.percentiles)}

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> PropagationSettings:
        """The settings of `to_dict`; what is not there has its default.

        Raises:
            ValueError: a key that there is not, or a value out of range.
        """
        values = dict(held)
        if values.get("softness") is not None:
            right = isinstance(values["softness"], Mapping)
            require(right, f"softness must be its settings by name, received {values['softness']!r:.40}.")
            values["softness"] = _record(Softness, values["softness"])
        if "percentiles" in values:
            pair = values["percentiles"]
            right = isinstance(pair, list | tuple) and len(pair) == 2
            require(right, f"percentiles must be two numbers, received {pair!r:.40}.")
            values["percentiles"] = tuple(pair)
        return _record(cls, values)


def _record(cls, values: Mapping[str, Any]):
    known = [item.name for item in fields(cls)]
    for name, value in values.items():
        require(name in known, f"{cls.__name__} has no setting {name!r}: {known_names(name, known)}")
        kind = type(getattr(cls, name, None))
        right = kind not in (int, float, bool) or type(value) is kind or (kind is float and type(value) is int)
        require(right, f"{name} must be of the kind {kind.__name__}, received {value!r:.40}.")
    return cls(**values)
