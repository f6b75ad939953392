"""The pictures of a page with their headings and captions."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ifss_keras.metrics.evaluation import LabelEvaluation
from ifss_keras.report.figures import CROWD, Curve, LabelStyle, areas_png, dice_png
from ifss_keras.report.viewer import Shown

JPEG_QUALITY = 88  # of photographs in the page; their PNG would be several times as large


@dataclass(frozen=True)
class Picture:
    """A picture with what stands above and below it."""

    heading: str
    content: bytes = field(repr=False)
    caption: str
    media_type: str = "image/png"

    @property
    def base64(self) -> str:
        """The picture as a page holds it."""
        return base64.b64encode(self.content).decode("ascii")


def overlay_picture(png: bytes, shown: Shown, styles: Sequence[LabelStyle]) -> Picture:
    """The slices with the outlines of these labels."""
    annotated = any(style.reference_slices for style in styles)
    caption = "Outlines of the mask, cropped around the muscles. "
    if annotated:
        caption += "Shown where least is known and half-way between annotated slices; framed: some annotated slices."
    else:
        caption += "Slices evenly spread from first to last."
    if shown.truth is not None:
        caption += " Dashed white: the truth."
    return Picture("Slices", _jpeg(png), f"{caption} {_orientation_text(shown)}", "image/jpeg")


def _orientation_text(shown: Shown) -> str:
    if not shown.view.known:
        return "How the body lies is not known from the file (?): slices are shown as they are stored."
    return "Letters: R right, L left, A front, P back, S head, I feet, as the file says."


def _jpeg(png: bytes) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(buffer, "jpeg", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def area_curves(
    styles: Sequence[LabelStyle],
    areas_mm2: Mapping[int, np.ndarray],
    deviations_mm2: Mapping[int, np.ndarray | None],
    evaluated: Mapping[int, LabelEvaluation],
) -> list[Curve]:
    """The areas of each label along the volume.

    Args:
        styles: of all labels.
        areas_mm2: label code to (slice,) areas of the mask; none of a label that was not looked for.
        deviations_mm2: label code to (slice,) standard deviations of the areas, where they are known.
        evaluated: label code to its evaluation, if any.
    """
    return [_area_curve(style, areas_mm2, deviations_mm2, evaluated.get(style.code)) for style in styles]


def curve_pictures(
    curves: Sequence[Curve], evaluated: Mapping[int, LabelEvaluation], slice_mm: float | None
) -> list[Picture]:
    """The areas along the muscle with how sure they are, and the Dice if anything was evaluated.

    Args:
        curves: of all labels, in mm².
        evaluated: label code to its evaluation, if any.
        slice_mm: distance of neighbouring slices; None of frames that lie at uneven places.
    """
    caption = "Cross-section area of each muscle from slice to slice. A step or a spike is worth a look."
    if any(curve.style.reference_slices for curve in curves):
        caption += " Dots: annotated slices."
    if evaluated:
        caption += " Dashed: the truth."
    if any(curve.deviations is not None for curve in curves):
        if len(curves) <= CROWD:
            caption += " Shaded: where the true area is expected 19 times of 20."
        caption += (
            " The strip below has a row for each muscle: the darker, the less sure is the area there, and the more an "
            "annotated slice would help; black lines are the slices annotated for it."
        )
    pictures = [Picture("Area along the muscle", areas_png(curves, slice_mm), caption)]
    if evaluated:
        dice = [Curve(c.style, evaluated[c.style.code].dice_per_slice) for c in curves if c.style.code in evaluated]
        caption = "Overlap with the truth within each slice: 1 is perfect. Slices without the muscle are left out."
        pictures.append(Picture("Dice along the muscle", dice_png(dice, slice_mm), caption))
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
