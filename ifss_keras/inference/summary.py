"""What the mask of one label measures, beside what its references alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ifss_keras.inference.methods import NETWORK
from ifss_keras.metrics.volume import MM3_PER_ML
from ifss_keras.propagation.area import expected_areas
from ifss_keras.propagation.cut import WITHIN_95, Certainty, curve_certainty
from ifss_keras.propagation.ends import NO_ENDS, Ends
from ifss_keras.propagation.places import EVEN, Places
from ifss_keras.sweeps.planes import Planes, thickness_mm
from ifss_keras.volumes.annotation import Annotation, LabelAnnotation

THICK = 0.25  # of the largest area: where an annotated slice has more, a muscle hardly ends
TOLD = 0.001  # of the volume: where less may be lost between two annotated slices, nothing is said of it


@dataclass(frozen=True, eq=False)
class LabelSummary:
    """The measurements of one label.

    Attributes:
        code, name: of the label.
        volume_ml: voxels of the mask, counted.
        volume_ml_low, volume_ml_high: the true volume lies between them 19 times of 20, where the annotated slices are
            right; None where nothing is known of it: with one or two references, with gaps, and for methods that do not
            say.
        curve_volume_ml: the volume of the area curve through the references, see `propagation.area`; None with fewer
            than two.
        curve_half_ml: half of that volume's own 95 % interval; None with fewer than three references.
        straight_volume_ml: the same with straight lines from each reference's area to the next.
        first_slice, last_slice: of the mask, counted from 0; None if it is empty.
        reference_slices: the slices annotated for this label.
        touches_edge: the mask reaches the border of the volume, so part of the muscle may lie outside.
        slice_mm: distance of neighbouring slices; of a sweep the mean.
        areas_mm2: (slice,) cross-section areas of the mask.
        area_deviations_mm2: (slice,) their standard deviations, 0 on references; None as for `volume_ml_low`.
        wrong_areas_mm2: (slice,) how much of each slice is expected to be wrong, see `propagation.wrong`; None for
            methods that do not say.
        method: what made the mask: one of `inference.methods.METHODS`.
        ends: slices beyond the references where the label was decided to be gone.
        cut_off: outermost annotated slices where the label is still thick, and the mask ends there or within a quarter
            of the way to its presumed end: because its method draws nothing further out, or finds nothing.
        gaps: first and last slice of every run without the mask between two annotated slices that hold the label, where
            a thousandth of its volume or more may be lost, and not a few pixels beside a tip.
        slabs_mm: (slice,) how thick a slab each frame of a sweep stands for; None where each slice is `slice_mm` thick.
        positions_mm: (slice,) how far along the body each frame of a sweep lies; None where slices are even.
        copied: first and last slice of every run that is an earlier mask's; none without one.
        anew: first and last slice of every run that was carried although there was an earlier mask.
    """

    code: int
    name: str
    volume_ml: float
    volume_ml_low: float | None
    volume_ml_high: float | None
    curve_volume_ml: float | None
    curve_half_ml: float | None
    straight_volume_ml: float | None
    first_slice: int | None
    last_slice: int | None
    reference_slices: tuple[int, ...]
    touches_edge: bool
    slice_mm: float
    areas_mm2: np.ndarray
    area_deviations_mm2: np.ndarray | None
    method: str
    ends: Ends = NO_ENDS
    cut_off: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    slabs_mm: np.ndarray | None = None
    positions_mm: np.ndarray | None = None
    wrong_areas_mm2: np.ndarray | None = None
    copied: tuple[tuple[int, int], ...] = ()
    anew: tuple[tuple[int, int], ...] = ()

    @property
    def title(self) -> str:
        """The name in a sentence, see `label_title`."""
        return label_title(self.code, self.name)

    @property
    def held(self) -> tuple[int, int] | None:
        """First and last slice of the mask; None if it is empty."""
        return None if self.first_slice is None else (self.first_slice, self.last_slice)

    @property
    def length_mm(self) -> float:
        """How far the mask reaches along the volume: its slices from the first to the last, as thick as they are."""
        if self.first_slice is None:
            return 0.0
        if self.slabs_mm is None:
            return (self.last_slice - self.first_slice + 1) * self.slice_mm
        return float(self.slabs_mm[self.areas_mm2 > 0].sum())

    @property
    def largest_area_mm2(self) -> float:
        """The mask's largest cross-section."""
        return float(self.areas_mm2.max())

    @property
    def doubts(self) -> np.ndarray | None:
        """(slice,), half the 95 % interval of each area over the mask's largest; None where nothing is known of it."""
        if self.area_deviations_mm2 is None:
            return None
        return WITHIN_95 * self.area_deviations_mm2 / (self.largest_area_mm2 or 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the areas, and the curve's interval, as JSON holds it."""
        return {
            "code": self.code,
            "name": self.name,
            "method": self.method,
            "volume_ml": self.volume_ml,
            "volume_ml_low": self.volume_ml_low,
            "volume_ml_high": self.volume_ml_high,
            "curve_volume_ml": self.curve_volume_ml,
            "straight_volume_ml": self.straight_volume_ml,
            "length_mm": self.length_mm,
            "largest_area_mm2": self.largest_area_mm2,
            "first_slice": self.first_slice,
            "last_slice": self.last_slice,
            "references": len(self.reference_slices),
            "reference_slices": list(self.reference_slices),
            "presumed_ends": list(self.ends.presumed),
            "seen_ends": list(self.ends.seen),
            "cut_off": list(self.cut_off),
            "gaps": [list(run) for run in self.gaps],
            "touches_edge": self.touches_edge,
        }


def label_title(code: int, name: str) -> str:
    """The name of a label as a reader understands it: "label 14" where the code is all that is known of it."""
    return f"label {code}" if name == str(code) else name


@dataclass(frozen=True)
class Origin:
    """How the mask of one label came about.

    Attributes:
        method, ends: as in `LabelSummary`.
        certainty: of its areas; None where nothing is known of it.
        wrong_areas_mm2, copied, anew: as in `LabelSummary`.
    """

    method: str
    ends: Ends = NO_ENDS
    certainty: Certainty | None = None
    wrong_areas_mm2: np.ndarray | None = None
    copied: tuple[tuple[int, int], ...] = ()
    anew: tuple[tuple[int, int], ...] = ()


def summarize(
    labels: np.ndarray,
    spacing_mm: tuple[float, float, float],
    label: LabelAnnotation,
    origin: Origin,
    planes: Planes | None = None,
) -> LabelSummary:
    """What the mask of a label measures.

    Args:
        labels: (slice, row, column) codes of all labels.
        spacing_mm: (slice, row, column).
        label: what is annotated of it; empty where the method needs nothing.
        origin: how the mask came about.
        planes: where the slices lie, if they are the frames of a sweep in their order along the body.
    """
    pixels, touches = np.zeros(len(labels), np.int64), False
    centroids = np.zeros((len(labels), 2))
    for index, plane in enumerate(labels):
        box = planes.boxes[index] if planes else (slice(None), slice(None))
        mask = plane[box] == label.code
        pixels[index] = mask.sum()
        if planes and pixels[index]:
            centroids[index] = np.argwhere(mask).mean(axis=0) + [side.start for side in box]
        edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        touches = touches or bool(edge)
    held = np.flatnonzero(pixels)
    touches = touches or bool(pixels[0] or pixels[-1])
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    ml = pixel_mm2 * spacing_mm[0] / MM3_PER_ML  # of a pixel on one slice
    slabs_mm = thickness_mm(planes.sweep, pixels, centroids) if planes else None
    places = planes.places if planes else EVEN
    steps = np.ones(len(labels)) if slabs_mm is None else slabs_mm / spacing_mm[0]
    volume_ml = float(pixels @ steps) * ml
    gaps = _gaps(pixels, label.masks)
    certainty = None if gaps else origin.certainty  # what was lost is not among the errors that it knows
    half_ml = certainty and WITHIN_95 * certainty.of_sum * ml
    deviations = None if certainty is None else np.zeros(len(labels))
    for index, deviation in certainty.deviations.items() if certainty else ():
        deviations[index] = deviation * pixel_mm2
    return LabelSummary(
        code=label.code,
        name=label.name,
        volume_ml=volume_ml,
        volume_ml_low=None if half_ml is None else max(volume_ml - half_ml, 0.0),
        volume_ml_high=None if half_ml is None else volume_ml + half_ml,
        curve_volume_ml=_curve_volume_ml(label.masks, ml, places, steps),
        curve_half_ml=_curve_half_ml(label.masks, ml, places),
        straight_volume_ml=_straight_volume_ml(label.masks, ml, places, steps),
        first_slice=int(held[0]) if held.size else None,
        last_slice=int(held[-1]) if held.size else None,
        reference_slices=tuple(sorted(label.masks)),
        touches_edge=touches,
        slice_mm=spacing_mm[0],
        areas_mm2=pixels * pixel_mm2,
        area_deviations_mm2=deviations,
        method=origin.method,
        ends=origin.ends,
        cut_off=_cut_off(pixels, label, origin),
        gaps=gaps,
        slabs_mm=slabs_mm,
        wrong_areas_mm2=origin.wrong_areas_mm2,
        copied=origin.copied,
        anew=origin.anew,
    )


def _curve_volume_ml(masks: Mapping[int, np.ndarray], ml: float, places: Places, steps: np.ndarray) -> float | None:
    """See `LabelSummary`; `ml` is the volume of a pixel on a slice of one step, of which each is so many thick."""
    held = [index for index, mask in masks.items() if mask.any()]
    if len(masks) < 2:
        return None
    areas = expected_areas(masks, min(held), max(held), places)
    return float(np.array(list(areas.values())) @ steps[list(areas)]) * ml


def _curve_half_ml(masks: Mapping[int, np.ndarray], ml: float, places: Places) -> float | None:
    certainty = curve_certainty(masks, places)
    return certainty and WITHIN_95 * certainty.of_sum * ml


def _straight_volume_ml(masks: Mapping[int, np.ndarray], ml: float, places: Places, steps: np.ndarray) -> float | None:
    """The same with straight lines from area to area."""
    known = sorted(masks)
    if len(masks) < 2:
        return None
    slices, areas = range(known[0], known[-1] + 1), [np.count_nonzero(masks[index]) for index in known]
    return float(np.interp(places.at(slices), places.at(known), areas) @ steps[known[0] : known[-1] + 1]) * ml


def _cut_off(pixels: np.ndarray, label: LabelAnnotation, origin: Origin) -> tuple[int, ...]:
    """See `LabelSummary`; `pixels` is the mask's count in every slice."""
    held = [index for index, mask in label.masks.items() if mask.any()]
    if not held or label.ends_annotated or pixels.max() == 0:
        return ()
    cut, found = [], np.flatnonzero(pixels)
    for end, further, side in ((min(held), min(label.masks), -1), (max(held), max(label.masks), 1)):
        reach = (int(found[-1 if side > 0 else 0]) - end) * side  # of the mask, which should end half-way
        presumed = any((index - end) * side > 0 and 4 * reach <= abs(index - end) for index in origin.ends.presumed)
        inside = 0 < end < len(pixels) - 1 and end == further  # no slice further out is annotated as without it
        if inside and (origin.method != NETWORK or presumed) and pixels[end] >= THICK * pixels.max():
            cut.append(end)
    return tuple(dict.fromkeys(cut))


def _gaps(pixels: np.ndarray, masks: Mapping[int, np.ndarray]) -> tuple[tuple[int, int], ...]:
    """See `LabelSummary`; `pixels` is the mask's count in every slice."""
    missing = np.zeros(len(pixels) + 2, int)
    for before, after in pairwise(sorted(masks)):
        if masks[before].any() and masks[after].any():
            missing[before + 2 : after + 1] = pixels[before + 1 : after] == 0
    steps, least = np.diff(missing), TOLD * pixels.sum()
    runs = zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
    return tuple(
        (int(first), int(end) - 1)
        for first, end in runs
        if (end - first) * max(pixels[first - 1], pixels[end]) >= least
    )


def content_order(annotation: Annotation) -> list[int]:
    """The label codes ordered by where the labels begin, so that renumbering labels changes nothing."""

    def place(label: LabelAnnotation):
        first = min(index for index, mask in label.masks.items() if mask.any())
        return first, int(np.flatnonzero(label.masks[first].ravel())[0])

    return sorted(annotation.codes, key=lambda code: place(annotation.for_label(code)))
