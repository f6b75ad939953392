"""The numbers of a result as tables: volumes.csv, the page's tables, and the console's."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ifss_keras.inference.messages import span_text
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
CONSOLE_HEADS = ("label", "mL", "95 % interval", "slices", "references", "mL by area curve")
MISSING, CONSOLE_MISSING = "–", "-"


def volumes_csv(summaries: Iterable[LabelSummary]) -> str:
    """A line per label with the columns of `LabelSummary.to_dict`; numbers in full, what is missing empty.

    Slices are separated by blanks, runs of slices by semicolons.
    """
    rows = [summary.to_dict() for summary in summaries]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def console_table(prediction: Prediction) -> tuple[list[str], list[list[str]]]:
    """The heads, and a row of texts per label, as a terminal shows the volumes."""
    return list(CONSOLE_HEADS), [_console_row(summary) for summary in prediction.summaries]


def volume_rows(summaries: Sequence[LabelSummary], styles: Sequence[LabelStyle]) -> list[dict[str, Any]]:
    """A row per label of the page's table of volumes; `styles` begin with those of the summaries."""
    return [
        {
            "code": summary.code,
            "name": summary.name,
            "colour": style.colour,
            "volume": _millilitres(summary.volume_ml),
            "interval": _interval(summary, ""),
            "first": _slice(summary.first_slice),
            "last": _slice(summary.last_slice),
            "references": len(summary.reference_slices),
            "curve": _compared(summary.curve_volume_ml, summary.volume_ml),
        }
        for summary, style in zip(summaries, styles, strict=False)
    ]


def evaluation_rows(labels: Mapping[int, LabelEvaluation], styles: Sequence[LabelStyle]) -> list[dict[str, Any]]:
    """A row per evaluated label of the page's tables of agreement, in the order of the styles; `labels` by code."""
    return [
        {
            "code": style.code,
            "name": style.name,
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


def _cell(value: Any) -> Any:
    """A value of `LabelSummary.to_dict` as one cell."""
    match value:
        case bool():
            return "yes" if value else "no"
        case [[_, _], *_]:
            return "; ".join(map(span_text, value))
        case list():
            return " ".join(map(str, value))
    return value


def _console_row(summary: LabelSummary) -> list[str]:
    held = None if summary.first_slice is None else (summary.first_slice, summary.last_slice)
    return [
        summary.name,
        _number(summary.volume_ml, ".2f", CONSOLE_MISSING),
        _interval(summary, CONSOLE_MISSING),
        _span(held, CONSOLE_MISSING),
        str(len(summary.reference_slices)),
        _number(summary.curve_volume_ml, ".2f", CONSOLE_MISSING),
    ]


def _compared(other_ml: float | None, volume_ml: float) -> dict[str, str]:
    """Another volume, and how far it is from the mask's."""
    if other_ml is None:
        return {"value": MISSING, "difference": ""}
    difference = f"{100 * (other_ml / volume_ml - 1):+.1f} %" if volume_ml else ""
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


def _slice(index: int | None) -> str:
    return MISSING if index is None else str(index)


def _span(slices: tuple[int, int] | None, missing: str = MISSING) -> str:
    return missing if slices is None else span_text(slices)
