"""The pictures of a page with their headings and captions."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ifss_keras.metrics.evaluation import LabelEvaluation
from ifss_keras.report.figures import Curve, LabelStyle, areas_png, dice_png


@dataclass(frozen=True)
class Picture:
    """A PNG with what stands above and below it."""

    heading: str
    content: bytes = field(repr=False)
    caption: str

    @property
    def base64(self) -> str:
        """The PNG as a page holds it."""
        return base64.b64encode(self.content).decode("ascii")


def overlay_picture(png: bytes, styles: Sequence[LabelStyle], with_truth: bool) -> Picture:
    """The slices with the outlines of these labels."""
    caption = "Outlines of the mask, cropped around the muscles and evenly spread from first to last slice."
    if _annotated(styles):
        caption += " Framed: annotated slices."
    if with_truth:
        caption += " Dashed white: the truth."
    return Picture("Slices", png, caption)


def curve_pictures(
    styles: Sequence[LabelStyle],
    areas_mm2: Mapping[int, np.ndarray],
    deviations_mm2: Mapping[int, np.ndarray | None],
    evaluated: Mapping[int, LabelEvaluation],
    slice_mm: float,
) -> list[Picture]:
    """The areas along the muscle with how sure they are, and the Dice if anything was evaluated.

    Args:
        styles: of all labels.
        areas_mm2: label code to (slice,) areas of the mask; none of a label that was not looked for.
        deviations_mm2: label code to (slice,) standard deviations of the areas, where they are known.
        evaluated: label code to its evaluation, if any.
        slice_mm: distance of neighbouring slices.
    """
    curves = [_area_curve(style, areas_mm2, deviations_mm2, evaluated.get(style.code)) for style in styles]
    caption = "Cross-section area of each muscle from slice to slice. A step or a spike is worth a look."
    if _annotated(styles):
        caption += " Dots: annotated slices."
    if evaluated:
        caption += " Dashed: the truth."
    if any(curve.deviations is not None for curve in curves):
        caption += (
            " Shaded: where the true area is expected 19 times of 20. The strip below has a row for each muscle: the "
            "darker, the less sure is the area there, and the more an annotated slice would help; black lines are the "
            "slices annotated for it."
        )
    pictures = [Picture("Area along the muscle", areas_png(curves, slice_mm), caption)]
    if evaluated:
        curves = [Curve(style, evaluated[style.code].dice_per_slice) for style in styles if style.code in evaluated]
        caption = "Overlap with the truth within each slice: 1 is perfect. Slices without the muscle are left out."
        pictures.append(Picture("Dice along the muscle", dice_png(curves, slice_mm), caption))
    return pictures


def _area_curve(
    style: LabelStyle,
    areas_mm2: Mapping[int, np.ndarray],
    deviations_mm2: Mapping[int, np.ndarray | None],
    label: LabelEvaluation | None,
) -> Curve:
    truth = None if label is None else label.truth_areas_mm2
    areas = areas_mm2[style.code] if label is None else areas_mm2.get(style.code, np.zeros_like(truth))
    return Curve(style, areas, truth, deviations_mm2.get(style.code))


def _annotated(styles: Sequence[LabelStyle]) -> bool:
    return any(style.reference_slices for style in styles)
