"""What the viewer of a page shows: pictures of the slices, outlines, and areas, as data within so many bytes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifss_keras.report.figures import Curve
from ifss_keras.report.frame import Frame, Greys, crop_box
from ifss_keras.report.orientation import AS_STORED, View
from ifss_keras.report.polygon import simplified

AROUND = 2  # slices shown before and after the masks
SAMPLES = 7  # slices that the size of all is estimated from
TENTHS = 10  # outlines are in tenths of a pixel
TOLERANCE = 0.35  # pixels that a simplified outline may be beside the mask's


@dataclass(frozen=True)
class Fineness:
    """How much is kept: of so many slices one, at most so many pixels along a side, in this JPEG quality."""

    stride: int
    pixels: int
    quality: int


FINEST_FIRST = (
    *(Fineness(1, pixels, quality) for pixels, quality in ((512, 80), (448, 70), (384, 60), (320, 50))),
    *(Fineness(2, pixels, 50) for pixels in (384, 320, 256)),
    *(Fineness(stride, 256, 50) for stride in (3, 4, 5, 8, 10, 20, 50, 100)),
)


@dataclass(frozen=True, eq=False)
class Shown:
    """What there is to look at, on one grid (slice, row, column).

    Attributes:
        labels: codes of the mask.
        curves: one per label, areas in mm².
        spacing_mm: (slice, row, column); None for slices where these are frames that lie at uneven places.
        image: grey values; None for none.
        truth: codes to compare with; None for none.
        view: how slices are turned.
    """

    labels: np.ndarray
    curves: Sequence[Curve]
    spacing_mm: tuple[float | None, float, float]
    image: np.ndarray | None = None
    truth: np.ndarray | None = None
    view: View = AS_STORED


def viewer_json(shown: Shown, budget_bytes: int) -> tuple[str, int]:
    """The data of the viewer as JSON that may stand in a page, and how many slices apart the pictures are.

    As fine as fits into the budget: first pictures get smaller, then slices are left out, but not annotated ones and
    those where least is known unless these are the most.
    """
    codes = [curve.style.code for curve in shown.curves]
    along, rows, columns = crop_box([shown.labels] if shown.truth is None else [shown.labels, shown.truth], codes)
    frame = Frame(rows, columns, *shown.spacing_mm[1:], shown.view)
    greys = None if shown.image is None else Greys.of(shown.image, along, frame)
    held = range(max(along.start - AROUND, 0), min(along.stop + AROUND, len(shown.labels)))
    same = _unchanging(shown, frame)
    for fineness in FINEST_FIRST:
        slices = _kept_slices(shown.curves, held, fineness.stride)
        sample = slices[:: max(1, len(slices) // SAMPLES)]
        expected = len(_json(_slices(shown, frame, greys, sample, fineness))) * len(slices) / len(sample)
        if expected <= budget_bytes or fineness is FINEST_FIRST[-1]:
            text = _json(same | _slices(shown, frame, greys, slices, fineness))
            if len(text) <= budget_bytes:
                break
    return text, fineness.stride


def _kept_slices(curves: Sequence[Curve], held: range, stride: int) -> list[int]:
    """One slice of `stride`, with those that matter if they are no more than these."""
    evenly = held[::stride]
    matter = {index for curve in curves for index in (*curve.style.reference_slices, worst_slice(curve))}
    matter.intersection_update(held)
    return sorted({*evenly, *(matter if len(matter) <= len(evenly) else ())})


def worst_slice(curve: Curve) -> int | None:
    """Where least is known of a label's area; None where nothing is known, or nothing is in doubt."""
    if curve.deviations is None or not curve.deviations.any():
        return None
    return int(curve.deviations.argmax())


def outline(mask: np.ndarray) -> str:
    """The outline of a mask (row, column) as an SVG path in tenths of a pixel; pixel (0, 0) has the first ten."""
    from contourpy import contour_generator

    if not mask.any():
        return ""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    parts = []
    for line in contour_generator(z=box.view(np.uint8)).lines(0.5):
        # the ring of zeros takes one pixel away, and a pixel's centre is half a pixel from its edge
        points = simplified(line[:, ::-1], TOLERANCE) + np.array([rows[0] - 0.5, columns[0] - 0.5])
        whole = np.rint(TENTHS * points).astype(int)
        steps = np.diff(whole, axis=0)[:-1]  # the last point is the first one
        parts.append(f"M{whole[0, 1]} {whole[0, 0]}l" + " ".join(f"{x} {y}" for y, x in steps) + "z")
    return "".join(parts)


def _unchanging(shown: Shown, frame: Frame) -> dict[str, Any]:
    """What does not depend on how fine the pictures are."""
    view = frame.view
    return {
        "count": len(shown.labels),
        "sliceMm": shown.spacing_mm[0],
        "box": [TENTHS * frame.shape[1], TENTHS * frame.shape[0]],
        "ratio": _short(frame.width_mm / frame.height_mm),
        "letters": [view.top, view.right, view.bottom, view.left],
        "ends": [view.first, view.last] if view.known else None,
        "labels": [_label(curve) for curve in shown.curves],
    }


def _label(curve: Curve) -> dict[str, Any]:
    """One label; areas in cm²."""
    worst = worst_slice(curve)
    return {
        "name": curve.style.title,
        "colour": curve.style.colour,
        "annotated": list(curve.style.reference_slices),
        "areas": [_short(area / 100) for area in curve.values],
        "half": None if curve.deviations is None else [_short(half / 100) for half in curve.band[1] - curve.values],
        "worst": worst,
        "doubt": None if worst is None else _short(100 * curve.doubt[worst]),
    }


def _slices(
    shown: Shown, frame: Frame, greys: Greys | None, slices: Sequence[int], fineness: Fineness
) -> dict[str, Any]:
    """What changes from slice to slice."""
    codes = [curve.style.code for curve in shown.curves]
    return {
        "slices": list(map(int, slices)),
        "outlines": [list(_outlines(frame.of(shown.labels[index]), codes)) for index in slices],
        "truth": shown.truth is not None
        and ["".join(_outlines(frame.of(shown.truth[index]), codes)) for index in slices],
        "images": greys and [_jpeg(greys.to_bytes(frame.of(shown.image[index])), frame, fineness) for index in slices],
    }


def _outlines(plane: np.ndarray, codes: Sequence[int]) -> Iterator[str]:
    return (outline(plane == code) for code in codes)


def _jpeg(picture: np.ndarray, frame: Frame, fineness: Fineness) -> str:
    """A grey picture (row, column) as base64, not larger than it is and than the fineness allows."""
    from PIL import Image

    height, width = (max(1, round(size * min(1, fineness.pixels / max(frame.shape)))) for size in frame.shape)
    image = Image.fromarray(np.ascontiguousarray(picture))
    buffer = io.BytesIO()
    image.resize((width, height), Image.Resampling.BOX).save(buffer, "jpeg", quality=fineness.quality)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _json(data: Mapping[str, Any]) -> str:
    """JSON without a sign that could end the element of a page that holds it."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
