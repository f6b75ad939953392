"""What a predicted mask measures, beside what the references alone would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from ifss_keras.data.anchor import interpolate_shapes
from ifss_keras.data.references import LabelReferences, References
from ifss_keras.metrics.volume import MM3_PER_ML, spline_volume_ml
from ifss_keras.propagation.spans import presumed_ends


@dataclass(frozen=True, eq=False)
class LabelSummary:
    """The measurements of one label.

    Attributes:
        code, name: of the label.
        volume_ml: voxels of the mask, counted.
        shape_volume_ml: the volume that shape interpolation between the references gives; None with fewer than two.
        spline_volume_ml: the volume of a cubic spline through the references' areas, from the first to the last that
            holds the label; None with fewer than two references.
        first_slice, last_slice: of the mask, counted from 0; None if it is empty.
        reference_slices: the slices annotated for this label.
        touches_edge: the mask reaches the border of the volume, so part of the muscle may lie outside.
        areas_mm2: (slice,) cross-section areas of the mask.
        method: what made the mask: a method of `ifss predict --method`, or "adapted network".
        check: method to mean Dice on the references that were held back to choose between them; empty if none were.
        check_slices: those references' slices.
        presumed_ends: slices beyond the references where the label was presumed to have ended, since a series of
            annotated slices would have gone on there.
        seen_ends: slices right beyond the references where the image showed that the label is gone.
        gaps: first and last slice of every run without the mask between two annotated slices that hold the label.
    """

    code: int
    name: str
    volume_ml: float
    shape_volume_ml: float | None
    spline_volume_ml: float | None
    first_slice: int | None
    last_slice: int | None
    reference_slices: tuple[int, ...]
    touches_edge: bool
    areas_mm2: np.ndarray
    method: str
    check: Mapping[str, float] = field(default_factory=dict)
    check_slices: tuple[int, ...] = ()
    presumed_ends: tuple[int, ...] = ()
    seen_ends: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Prediction:
    """The mask of every label on the image's grid, and what it measures.

    Attributes:
        labels: (slice, row, column), the references' codes, 0 elsewhere.
        summaries: one per label, in the order of the codes.
    """

    labels: np.ndarray
    summaries: tuple[LabelSummary, ...]


def summarize(
    labels: np.ndarray,
    spacing_mm: tuple[float, float, float],
    references: References,
    method: str,
    choices: Mapping | None = None,
    gone: Mapping[int, Sequence[int]] | None = None,
) -> tuple[LabelSummary, ...]:
    """A `LabelSummary` of every label in the references, in the order of their codes.

    Args:
        labels: (slice, row, column) codes.
        spacing_mm: (slice, row, column).
        references: that `labels` were made from.
        method: what made them.
        choices: label code to `Choice` of the method, where each label has its own.
        gone: label code to the slices right beyond its references where it was seen to be gone.
    """
    summaries = []
    for code in references.codes:
        label = references.for_label(code)
        summary = _label_summary(labels, spacing_mm, label, method)
        if choices:
            held = [index for index, mask in label.masks.items() if mask.any()]
            seen = tuple((gone or {}).get(code, ()))
            ends = () if references.ends_annotated else presumed_ends(held, [*label.masks, *seen], len(labels))
            summary = replace(summary, method=choices[code].method, presumed_ends=tuple(ends), seen_ends=seen)
        if choices and choices[code].check:
            check = choices[code].check
            summary = replace(summary, check=check.dice, check_slices=check.slices)
        summaries.append(summary)
    return tuple(summaries)


def summarize_labels(
    labels: np.ndarray, spacing_mm: tuple[float, float, float], names: Mapping[int, str], method: str
) -> tuple[LabelSummary, ...]:
    """A `LabelSummary` of every label in `names`, made by `method` without any reference.

    Args:
        labels: (slice, row, column) codes.
        spacing_mm: (slice, row, column).
        names: label code to name.
        method: what made the labels.
    """
    held = (LabelReferences(code, name, {}, {}) for code, name in sorted(names.items()))
    return tuple(_label_summary(labels, spacing_mm, label, method) for label in held)


def _label_summary(labels, spacing_mm, label: LabelReferences, method: str) -> LabelSummary:
    pixels, touches = np.zeros(len(labels), np.int64), False
    for index, plane in enumerate(labels):
        mask = plane == label.code
        pixels[index] = mask.sum()
        edge = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        touches = touches or bool(edge)
    held = np.flatnonzero(pixels)
    touches = touches or bool(pixels[0] or pixels[-1])
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    annotated = sorted(index for index, mask in label.masks.items())
    shape_ml, spline_ml = None, None
    if len(annotated) > 1:
        shape_pixels = sum(int(mask.sum()) for _, mask in interpolate_shapes(label.masks, spacing_mm[1:]))
        shape_ml = shape_pixels * pixel_mm2 * spacing_mm[0] / MM3_PER_ML
        present = [index for index in annotated if label.masks[index].any()]
        within = [index for index in annotated if present[0] <= index <= present[-1]]
        reference_areas = [float(label.masks[index].sum()) * pixel_mm2 for index in within]
        spline_ml = spline_volume_ml(within, reference_areas, spacing_mm[0])
    return LabelSummary(
        code=label.code,
        name=label.name,
        volume_ml=float(pixels.sum()) * pixel_mm2 * spacing_mm[0] / MM3_PER_ML,
        shape_volume_ml=shape_ml,
        spline_volume_ml=spline_ml,
        first_slice=int(held[0]) if held.size else None,
        last_slice=int(held[-1]) if held.size else None,
        reference_slices=tuple(annotated),
        touches_edge=touches,
        areas_mm2=pixels * pixel_mm2,
        method=method,
        gaps=_gaps(pixels, label.masks),
    )


def _gaps(pixels: np.ndarray, masks: Mapping[int, np.ndarray]) -> tuple[tuple[int, int], ...]:
    """See `LabelSummary`; `pixels` is the mask's count in every slice."""
    missing = np.zeros(len(pixels) + 2, int)
    for before, after in pairwise(sorted(masks)):
        if masks[before].any() and masks[after].any():
            missing[before + 2 : after + 1] = pixels[before + 1 : after] == 0
    steps = np.diff(missing)
    runs = zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)
    return tuple((int(first), int(end) - 1) for first, end in runs)


def check_text(summary: LabelSummary) -> str:
    """What decided on the method, for people; empty if nothing did."""
    if not summary.check:
        return ""
    found = ", ".join(f"{method} {dice:.3f}" for method, dice in summary.check.items())
    slices = ", ".join(str(index) for index in summary.check_slices)
    several = "s" * (len(summary.check_slices) > 1)
    text = f"Dice on slice{several} {slices}, held back and found over twice the usual distance: {found}"
    best = max(summary.check, key=summary.check.__getitem__)
    passed_over = summary.check[best] > summary.check[summary.method]
    return f"{text}; the {best} is not taken, as so few slices can mislead" if passed_over else text


def ends_text(summary: LabelSummary) -> str:
    """Where the label was seen or presumed to have ended, for people; empty if nowhere."""
    seen, presumed = summary.seen_ends, summary.presumed_ends
    texts = (
        seen and f"taken to be gone on {_slices(seen)}, where the image changes more than at any step inside",
        presumed and f"presumed to have ended before {_slices(presumed)}, where the annotated series would go on",
    )
    return "; ".join(filter(None, texts))


def _slices(indices: Sequence[int]) -> str:
    return f"slice{'s' * (len(indices) > 1)} {' and '.join(map(str, indices))}"


def gaps_text(summary: LabelSummary) -> str:
    """Where the mask is missing between annotated slices, for people; empty if nowhere."""
    if not summary.gaps:
        return ""
    runs = (str(first) if first == last else f"{first} to {last}" for first, last in summary.gaps)
    return (
        f"The mask of {summary.name} is empty on slices {', '.join(runs)} between annotated ones that hold it. "
        "Annotate a slice there."
    )


def content_order(references: References) -> list[int]:
    """The label codes ordered by where the labels begin, so that renumbering labels changes nothing."""

    def place(label: LabelReferences):
        first = min(index for index, mask in label.masks.items() if mask.any())
        return first, int(np.flatnonzero(label.masks[first].ravel())[0])

    return sorted(references.codes, key=lambda code: place(references.for_label(code)))
