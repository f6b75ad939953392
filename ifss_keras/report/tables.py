"""The numbers of a result as tables: those of the files volumes.csv and volumes.xlsx, the page's, and the console's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifss_keras.inference.listed import span_text
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import LabelSummary
from ifss_keras.metrics.evaluation import DEFINITIONS, LabelEvaluation
from ifss_keras.report.figures import LabelStyle

METRICS = {
    "dice": "Dice",
    "iou": "IoU",
    "mean_iou": "Mean IoU",
    "precision": "Precision",
    "recall": "Recall",
    "asd_mm": "ASD",
    "hd95_mm": "HD95",
    "hausdorff_mm": "Hausdorff",
    "signed_volume_error_percent": "Volume error",
    "paper_volume_error_percent": "Volume error over the mean",
    "dice_per_slice": "Dice along the muscle",
}
VOLUME_COLUMNS: dict[str, Callable[[LabelSummary], Any]] = {
    "muscle": lambda summary: summary.name,
    "label": lambda summary: summary.code,
    "volume_ml": lambda summary: summary.volume_ml,
    "volume_ml_low": lambda summary: summary.volume_ml_low,
    "volume_ml_high": lambda summary: summary.volume_ml_high,
    "length_mm": lambda summary: summary.length_mm,
    "largest_area_cm2": lambda summary: summary.largest_area_mm2 / MM2_PER_CM2,
    "curve_volume_ml": lambda summary: summary.curve_volume_ml,
    "straight_volume_ml": lambda summary: summary.straight_volume_ml,
    "first_slice": lambda summary: summary.first_slice,
    "last_slice": lambda summary: summary.last_slice,
    "annotated_slices": lambda summary: len(summary.reference_slices),
    "annotated": lambda summary: " ".join(map(str, summary.reference_slices)),
    "ended_at_changes": lambda summary: " ".join(map(str, summary.ends.seen)),
    "presumed_ends": lambda summary: " ".join(map(str, summary.ends.presumed)),
    "empty_slices_between": lambda summary: "; ".join(map(span_text, summary.gaps)),
    "touches_edge": lambda summary: summary.touches_edge,
    "method": lambda summary: summary.method,
}
SLICE_COLUMNS = ["muscle", "label", "slice", "position_mm", "area_cm2", "area_deviation_cm2", "annotated"]
MM2_PER_CM2 = 100
DIGITS = 5  # of numbers in files: more than any of them is known to
STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CONSOLE_HEADS = ("muscle", "mL", "95 % interval", "slices", "annotated", "mL by area curve")
MISSING, CONSOLE_MISSING = "–", "-"


@dataclass(frozen=True)
class Table:
    """A table as files hold it.

    Attributes:
        columns: their names, with the units of numbers.
        rows: of as many values: texts, whole numbers, floats, bools, or None for what is missing.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def volumes_table(summaries: Iterable[LabelSummary], subject: str | None = None) -> Table:
    """A row per muscle with the columns of `VOLUME_COLUMNS`, the subject before them.

    Slices are separated by blanks, runs of slices by semicolons.
    """
    rows = ((subject, *(value(summary) for value in VOLUME_COLUMNS.values())) for summary in summaries)
    return Table(("subject", *VOLUME_COLUMNS), tuple(rows))


def slices_table(summaries: Iterable[LabelSummary], subject: str | None = None) -> Table:
    """A row per muscle and slice with the columns of `SLICE_COLUMNS`, where the mask or an annotated slice holds it.

    The deviation is the standard deviation of the area, 0 on annotated slices and missing where nothing is known of it.
    """
    rows = ((subject, *row) for summary in summaries for row in _slice_rows(summary))
    return Table(("subject", *SLICE_COLUMNS), tuple(rows))


def csv_text(table: Table) -> str:
    """A table as a CSV file; what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(map(_cell, row) for row in table.rows)
    return text.getvalue()


def shown_number(value: float) -> str:
    """A number with as many digits as are known of it, and no exponent."""
    return np.format_float_positional(value, DIGITS, unique=False, fractional=False, trim="-")


def console_table(prediction: Prediction) -> tuple[list[str], list[list[str]]]:
    """The heads, and a row of texts per label, as a terminal shows the volumes."""
    return list(CONSOLE_HEADS), [_console_row(summary) for summary in prediction.summaries]


def volume_rows(summaries: Sequence[LabelSummary], styles: Sequence[LabelStyle]) -> list[dict[str, Any]]:
    """A row per label of the page's table of volumes; `styles` begin with those of the summaries."""
    return [
        {
            "name": style.title,
            "code": style.code,
            "colour": style.colour,
            "volume": _millilitres(summary.volume_ml),
            "interval": _interval(summary, ""),
            "length": f"{summary.length_mm:.0f}" if summary.length_mm >= 10 else f"{summary.length_mm:.1f}",
            "area": f"{summary.largest_area_mm2 / MM2_PER_CM2:.{1 if summary.largest_area_mm2 >= 1000 else 2}f}",
            "annotated": len(summary.reference_slices),
            "slices": _span(summary.held),
            "curve": _compared(summary.curve_volume_ml, summary),
            "straight": _compared(summary.straight_volume_ml, summary),
        }
        for summary, style in zip(summaries, styles, strict=False)
    ]


def evaluation_rows(labels: Mapping[int, LabelEvaluation], styles: Sequence[LabelStyle]) -> list[dict[str, Any]]:
    """A row per evaluated label of the page's tables of agreement, in the order of the styles; `labels` by code."""
    return [
        {
            "name": style.title,
            "code": style.code,
            "colour": style.colour,
            "prediction": _millilitres(label.prediction_ml),
            "truth": _millilitres(label.truth_ml),
            "signed": _number(label.signed_volume_error_percent, "+.2f"),
            "paper": _number(label.paper_volume_error_percent, ".2f"),
            "prediction_slices": _span(label.prediction_slices),
            "truth_slices": _span(label.truth_slices),
            **{name: _number(getattr(label, name), ".3f") for name in ("dice", "iou", "mean_iou")},
            **{name: _number(getattr(label, name), ".3f") for name in ("precision", "recall")},
            **{name: _number(getattr(label, f"{name}_mm"), ".2f") for name in ("asd", "hd95", "hausdorff")},
        }
        for style in styles
        if (label := labels.get(style.code)) is not None
    ]


def definitions() -> dict[str, str]:
    """What the page calls each metric, and what it is."""
    return {title: DEFINITIONS[name] for name, title in METRICS.items()}


def _slice_rows(summary: LabelSummary) -> Iterator[list[Any]]:
    deviations = summary.area_deviations_mm2
    annotated = np.isin(np.arange(len(summary.areas_mm2)), summary.reference_slices)
    shown = np.flatnonzero((summary.areas_mm2 > 0) | annotated | (0 if deviations is None else deviations > 0))
    for index in range(shown[0], shown[-1] + 1) if shown.size else ():
        deviation = None if deviations is None else deviations[index] / MM2_PER_CM2
        area, known = summary.areas_mm2[index] / MM2_PER_CM2, bool(annotated[index])
        along_mm = index * summary.slice_mm if summary.positions_mm is None else float(summary.positions_mm[index])
        yield [summary.name, summary.code, index, along_mm, area, deviation, known]


def _cell(value: Any) -> str:
    """A value as one cell; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return shown_number(value)
        case str() if value.startswith(STARTS_OF_FORMULAS):
            return f"'{value}"
    return str(value)


def _console_row(summary: LabelSummary) -> list[str]:
    return [
        summary.name,
        _millilitres(summary.volume_ml),
        _interval(summary, CONSOLE_MISSING),
        _span(summary.held, CONSOLE_MISSING),
        str(len(summary.reference_slices)),
        CONSOLE_MISSING if summary.curve_volume_ml is None else _by_curve(summary),
    ]


def _by_curve(summary: LabelSummary) -> str:
    part = _annotated_part(summary)
    return _millilitres(summary.curve_volume_ml) + (f" (slices {_span(part)})" if part else "")


def _annotated_part(summary: LabelSummary) -> tuple[int, int] | None:
    """From the first to the last annotated slice, where the mask goes further: else both are of the same slices."""
    if summary.held is None or not summary.reference_slices:
        return None
    first, last = min(summary.reference_slices), max(summary.reference_slices)
    return None if first <= summary.held[0] and summary.held[1] <= last else (first, last)


def _compared(other_ml: float | None, summary: LabelSummary) -> dict[str, str]:
    """Another volume, and how far it is from the mask's; where that goes further, between which slices it lies."""
    if other_ml is None:
        return {"value": MISSING, "difference": ""}
    if part := _annotated_part(summary):
        return {"value": _millilitres(other_ml), "difference": f"slices {_span(part)}"}
    percent = round(100 * (other_ml / summary.volume_ml - 1), 1) if summary.volume_ml else None
    difference = "" if percent is None else f"{percent:+.1f} %" if percent else "0.0 %"
    return {"value": _millilitres(other_ml), "difference": difference}


def _interval(summary: LabelSummary, missing: str) -> str:
    """The 95 % interval of a volume in mL, both ends with as many digits."""
    low, high = summary.volume_ml_low, summary.volume_ml_high
    if low is None or high is None:
        return missing
    return f"{low:.{_digits(high)}f} to {high:.{_digits(high)}f}"


def _millilitres(value: float) -> str:
    return f"{value:.{_digits(value)}f}"


def _digits(millilitres: float) -> int:
    return 1 if millilitres >= 10 else 2


def _number(value: float | None, form: str, missing: str = MISSING) -> str:
    return missing if value is None or not np.isfinite(value) else format(value, form)


def _span(slices: tuple[int, int] | None, missing: str = MISSING) -> str:
    return missing if slices is None else span_text(slices)
