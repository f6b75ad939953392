"""The report of a prediction or an evaluation: one self-contained HTML page beside CSV, JSON and PNG."""

import base64
import csv
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.inference.figures import Curve, areas_png, dice_png, label_styles, overlay_png
from ifss_keras.inference.summary import LabelSummary, check_text, ends_text, gaps_text
from ifss_keras.metrics.evaluation import DEFINITIONS

CSV_COLUMNS = (
    "code",
    "name",
    "volume_ml",
    "shape_volume_ml",
    "spline_volume_ml",
    "first_slice",
    "last_slice",
    "references",
    "reference_slices",
    "touches_edge",
    "method",
)
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
FACTS = {
    "image_path": "Image",
    "prediction_path": "Mask",
    "reference_path": "Annotated slices",
    "truth_path": "Truth",
    "output_path": "Mask written to",
    "preset": "Preset",
    "method": "Method",
    "shape": "Voxels (slice, row, column)",
    "spacing_mm": "Spacing in mm (slice, row, column)",
    "axis": "Slices along stored axis",
    "seconds": "Time taken (s)",
    "date": "Date",
}


@dataclass(frozen=True)
class RunInfo:
    """Everything that a reader needs to repeat a prediction; `preset` and `output_path` may be None.

    `shape` and `spacing_mm` are (slice, row, column); `axis` is the stored axis that the slices lie along;
    `date` is shown as given; `versions` (package to version) and `parameters` (name to value) are free;
    `notes`, whole sentences, stand with the warnings.
    """

    image_path: str
    reference_path: str
    output_path: str | None
    preset: str | None
    method: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    axis: int
    seconds: float
    date: str
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationRunInfo:
    """Everything that a reader needs to repeat an evaluation; fields as in `RunInfo`."""

    prediction_path: str
    truth_path: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    axis: int
    seconds: float
    date: str
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)


def write_report(folder, image, labels, summaries: Sequence[LabelSummary], run: RunInfo, evaluation=None, truth=None):
    """Paths of the files written: report.html, overlay.png, volumes.csv, and evaluation.json if evaluated.

    Everything is drawn before the first file is written, and each file replaces an older one in one step.

    Args:
        folder: where to write; made if it is absent.
        image: grey volume (slice, row, column).
        labels: the mask, an integer label volume of the same shape.
        summaries: one per label, in the order of the table and the colours.
        run: shown at the end of the page.
        evaluation: `Evaluation` of this mask, adds its table, curves and file.
        truth: label volume of the same shape, adds its contours to the pictures.

    Raises:
        GeometryError: if the shapes differ.
        InputError: if there is no summary or the folder cannot be written.
    """
    if not summaries:
        raise InputError("summaries must hold one label or more, received none; check the references.")
    _check_shapes(labels, image=image, truth=truth)
    evaluated = {} if evaluation is None else {label.code: label for label in evaluation.labels}
    names = {item.code: item.name for item in summaries}
    names |= {code: label.name for code, label in evaluated.items() if code not in names}
    styles = label_styles(names, {item.code: item.reference_slices for item in summaries})
    areas = {item.code: item.areas_mm2 for item in summaries}
    overlay = overlay_png(labels, styles, run.spacing_mm, image=image, truth=truth)
    pictures = [_picture("Slices", overlay, _overlay_caption(truth, annotated=True))]
    pictures += _curve_pictures(styles, areas, evaluated, run.spacing_mm)
    page = _render(
        title="Muscle volumes",
        subject=f"{Path(run.image_path).name} · {run.date}",
        facts=_facts(run),
        volumes=[_volume_row(item, style) for item, style in zip(summaries, styles, strict=False)],
        warnings=[*_warnings(summaries), *run.notes],
        outside=_outside_references(summaries),
        ends=[(item.name, text) for item in summaries if (text := ends_text(item))],
        evaluation=_evaluation_rows(evaluated, styles),
        pictures=pictures,
    )
    files = {"report.html": page, "overlay.png": overlay, "volumes.csv": _volumes_csv(summaries)}
    if evaluation is not None:
        files["evaluation.json"] = _evaluation_json(evaluation)
    return _publish(folder, files)


def write_evaluation_report(folder, prediction, truth, evaluation, run: EvaluationRunInfo | None = None, image=None):
    """Paths of the files written: report.html, overlay.png and evaluation.json.

    Args:
        folder: where to write; made if it is absent.
        prediction, truth: integer label volumes (slice, row, column) of one shape.
        evaluation: the `Evaluation` of the two.
        run: shown at the end of the page; without it only the grid is.
        image: grey volume of the same shape to draw the contours on; a dark ground if there is none.

    Raises:
        GeometryError: if the shapes differ.
        InputError: if the folder cannot be written.
    """
    _check_shapes(prediction, image=image, truth=truth)
    evaluated = {label.code: label for label in evaluation.labels}
    styles = label_styles({code: label.name for code, label in evaluated.items()}, {})
    areas = {code: label.prediction_areas_mm2 for code, label in evaluated.items()}
    spacing_mm = evaluation.spacing_mm
    overlay = overlay_png(prediction, styles, spacing_mm, image=image, truth=truth)
    pictures = [_picture("Slices", overlay, _overlay_caption(truth, annotated=False))]
    pictures += _curve_pictures(styles, areas, evaluated, spacing_mm)
    names = [] if run is None else [Path(path).name for path in (run.prediction_path, run.truth_path)]
    page = _render(
        title="Evaluation of a mask",
        subject=f"{' against '.join(names)} · {run.date}" if run else "",
        facts=_facts(evaluation if run is None else run),
        volumes=[],
        warnings=[],
        outside=[],
        ends=[],
        evaluation=_evaluation_rows(evaluated, styles),
        pictures=pictures,
    )
    files = {"report.html": page, "overlay.png": overlay, "evaluation.json": _evaluation_json(evaluation)}
    return _publish(folder, files)


def _check_shapes(labels, **others):
    for name, volume in others.items():
        if volume is not None and volume.shape != labels.shape:
            raise GeometryError(
                f"{name} must have the mask's shape {labels.shape} (slice, row, column), received "
                f"{volume.shape}; give both on the same grid."
            )


def _curve_pictures(styles, areas, evaluated, spacing_mm):
    curves = []
    for style in styles:
        label = evaluated.get(style.code)
        true = None if label is None else label.truth_areas_mm2
        # A label of the truth that was not asked for has no area of its own in the summaries.
        curves.append(Curve(style, areas[style.code] if style.code in areas else np.zeros_like(true), true))
    caption = "Cross-section area of each muscle from slice to slice. A step or a spike is worth a look."
    if any(style.reference_slices for style in styles):
        caption += " Dots: annotated slices."
    if evaluated:
        caption += " Dashed: the truth."
    pictures = [_picture("Area along the muscle", areas_png(curves, spacing_mm), caption)]
    if evaluated:
        dice = [Curve(style, evaluated[style.code].dice_per_slice) for style in styles if style.code in evaluated]
        caption = "Overlap with the truth within each slice: 1 is perfect. Slices without the muscle are left out."
        pictures.append(_picture("Dice along the muscle", dice_png(dice, spacing_mm), caption))
    return pictures


def _picture(heading, png, caption):
    return {"heading": heading, "png": base64.b64encode(png).decode("ascii"), "caption": caption}


def _overlay_caption(truth, annotated):
    caption = "Outlines of the mask, cropped around the muscles and evenly spread from first to last slice."
    if annotated:
        caption += " Framed: annotated slices."
    return caption if truth is None else caption + " Dashed white: the truth."


def _volume_row(item, style):
    return {
        "code": item.code,
        "name": item.name,
        "colour": style.colour,
        "volume": _millilitres(item.volume_ml),
        "first": _text(item.first_slice),
        "last": _text(item.last_slice),
        "references": len(item.reference_slices),
        "method": item.method,
        "check": check_text(item),
        "shape": _compared(item.shape_volume_ml, item.volume_ml),
        "spline": _compared(item.spline_volume_ml, item.volume_ml),
    }


def _compared(other_ml, volume_ml):
    if other_ml is None:
        return {"value": "–", "difference": ""}
    difference = f"{100 * (other_ml / volume_ml - 1):+.1f} %" if volume_ml else ""
    return {"value": _millilitres(other_ml), "difference": difference}


def _warnings(summaries):
    texts = [gaps_text(item) for item in summaries if item.gaps]
    for item in summaries:
        if item.first_slice is None:
            texts.append(f"The mask of {item.name} is empty: no voxel was found.")
        if item.touches_edge:
            texts.append(
                f"The mask of {item.name} touches the edge of the volume. The muscle may go on outside the "
                "image, and its volume may then be too small."
            )
    return texts


def _outside_references(summaries):
    """(name, slices) of every mask that goes beyond its annotated slices: what deserves the reader's eye."""
    found = []
    for item in summaries:
        if item.first_slice is None or not item.reference_slices:
            continue
        low, high = min(item.reference_slices), max(item.reference_slices)
        spans = []
        if item.first_slice < low:
            spans.append((item.first_slice, min(low - 1, item.last_slice)))
        if item.last_slice > high:
            spans.append((max(high + 1, item.first_slice), item.last_slice))
        if spans:
            found.append((item.name, " and ".join(_span(span) for span in spans)))
    return found


def _evaluation_rows(evaluated, styles):
    return [
        {
            "code": label.code,
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
        if (label := evaluated.get(style.code)) is not None
    ]


def _number(value, form):
    return format(value, form) if np.isfinite(value) else "–"


def _millilitres(value):
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _text(value):
    return "–" if value is None else str(value)


def _span(slices):
    if slices is None:
        return "–"
    return str(slices[0]) if slices[0] == slices[1] else f"{slices[0]} to {slices[1]}"


def _facts(record):
    """Rows (name, value) of a run's record, nothing left out but what is None or not in `FACTS`."""
    held = {item.name for item in fields(record)}
    rows = []
    for name, title in FACTS.items():
        value = getattr(record, name) if name in held else None
        if value is not None:
            rows.append((title, f"{value:.1f}" if name == "seconds" else _plain(value)))
    rows += [(f"Parameter {name}", _plain(value)) for name, value in getattr(record, "parameters", {}).items()]
    return rows + [(f"Version of {name}", value) for name, value in getattr(record, "versions", {}).items()]


def _plain(value):
    """A value of a run as a reader would write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {item}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _render(**context):
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ifss_keras.inference", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html")
    definitions = {title: DEFINITIONS[name] for name, title in METRICS.items()}
    return page.render(definitions=definitions, **context).encode("utf-8")


def _volumes_csv(summaries):
    """UTF-8 CSV; numbers in full precision, missing values empty, reference slices separated by spaces."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in summaries:
        row = {name: getattr(item, name) for name in CSV_COLUMNS if name != "references"}
        row["references"] = len(item.reference_slices)
        row["reference_slices"] = " ".join(str(index) for index in item.reference_slices)
        row["touches_edge"] = "yes" if item.touches_edge else "no"
        writer.writerow(row)
    return text.getvalue().encode("utf-8")


def _evaluation_json(evaluation):
    return (json.dumps(evaluation.to_dict(), indent=1, allow_nan=False) + "\n").encode("utf-8")


def _publish(folder, files):
    """Paths of the files, each written beside its place and then moved there."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_replace(folder / name, content) for name, content in files.items()]
    except OSError as error:
        raise InputError(
            f"The report folder must be a folder that can be written, received {folder} ({error.strerror}); "
            "choose another folder."
        ) from error


def _replace(path, content):
    handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(unfinished, 0o644)  # mkstemp's files are the owner's alone
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    return path
