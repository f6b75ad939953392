"""The report of a prediction or an evaluation: one HTML page that needs nothing else, beside CSV, JSON and PNG."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.files import write_whole
from ifss_keras.inference.messages import FURTHER_OUT, ends_text, interval_texts, outside_text
from ifss_keras.inference.prediction import Prediction
from ifss_keras.metrics.evaluation import Evaluation, LabelEvaluation
from ifss_keras.report.figures import LabelStyle, label_styles
from ifss_keras.report.overlay import overlay_png
from ifss_keras.report.pictures import curve_pictures, overlay_picture
from ifss_keras.report.tables import definitions, evaluation_rows, volume_rows, volumes_csv

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
    "command": "Command",
    "machine": "Machine",
}


@dataclass(frozen=True)
class RunInfo:
    """What it takes to repeat a prediction, beside the prediction itself.

    Attributes:
        image_path, reference_path: what was read.
        output_path: where the mask was written; None for nowhere.
        preset: the weights; None for none.
        method: that was asked for.
        seconds: wall time.
        date: shown as given.
        versions: package to version.
        parameters: name to value.
        command: that was run; None from Python.
        subject: whom the volume shows, as its user calls them; None if not said.
        checksums: full SHA-256 of each file that decided the result, by what it is ("image", "reference", "weights").
        machine: what it ran on.
    """

    image_path: str
    reference_path: str
    output_path: str | None
    preset: str | None
    method: str
    seconds: float
    date: str
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None
    subject: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    machine: str | None = None


@dataclass(frozen=True)
class EvaluationRunInfo:
    """What it takes to repeat an evaluation, beside the evaluation itself.

    Attributes:
        prediction_path, truth_path: what was read.
        axis: stored axis that the slices lie along.
        seconds, date, versions, parameters, command, subject, checksums, machine: as in `RunInfo`.
    """

    prediction_path: str
    truth_path: str
    axis: int
    seconds: float
    date: str
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None
    subject: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    machine: str | None = None


def write_report(
    folder: str | Path,
    prediction: Prediction,
    run: RunInfo,
    evaluation: Evaluation | None = None,
    truth: np.ndarray | None = None,
) -> list[Path]:
    """The files written: report.html, overlay.png, volumes.csv, and evaluation.json if evaluated.

    Everything is drawn before the first file is written, and each file replaces an older one in one step.

    Args:
        folder: where to write; made if it is absent.
        prediction: what to report; the labels have the colours that a `.seg.nrrd` gives them.
        run: shown at the end of the page.
        evaluation: of this prediction; adds its table, curves and file.
        truth: (slice, row, column) codes; adds dashed outlines to the picture.

    Raises:
        GeometryError: the shapes of image, labels and truth differ.
        InputError: there is no summary, or the folder cannot be written.
    """
    labels, summaries, volume = prediction.labels, prediction.summaries, prediction.volume
    if not summaries:
        raise InputError("summaries must hold one label or more, received none; check the references.")
    _check_shapes(labels, image=volume.array, truth=truth)
    evaluated = _by_code(evaluation)
    styles = _styles(prediction, evaluated)
    areas = {summary.code: summary.areas_mm2 for summary in summaries}
    deviations = {summary.code: summary.area_deviations_mm2 for summary in summaries}
    overlay = overlay_png(labels, styles, volume.spacing_mm, image=volume.array, truth=truth)
    page = _render(
        title="Muscle volumes",
        subject=f"{Path(run.image_path).name} · {run.date}",
        facts=_facts(run, shape=labels.shape, spacing_mm=volume.spacing_mm, axis=volume.source.axis),
        volumes=volume_rows(summaries, styles),
        warnings=prediction.warnings,
        without_interval=interval_texts(summaries),
        outside=_named((summary.name, outside_text(summary)) for summary in summaries),
        ends=_named((summary.name, ends_text(summary)) for summary in summaries),
        evaluation=evaluation_rows(evaluated, styles),
        pictures=[
            overlay_picture(overlay, styles, with_truth=truth is not None),
            *curve_pictures(styles, areas, deviations, evaluated, volume.spacing_mm[0]),
        ],
    )
    files = {"report.html": page, "overlay.png": overlay, "volumes.csv": volumes_csv(summaries)}
    return _publish(folder, files | _evaluation_file(evaluation))


def write_evaluation_report(
    folder: str | Path,
    prediction_labels: np.ndarray,
    truth: np.ndarray,
    evaluation: Evaluation,
    run: EvaluationRunInfo | None = None,
    image: np.ndarray | None = None,
) -> list[Path]:
    """The files written: report.html, overlay.png and evaluation.json.

    Args:
        folder: where to write; made if it is absent.
        prediction_labels, truth: (slice, row, column) codes.
        evaluation: of the two.
        run: shown at the end of the page; without it only the grid is.
        image: (slice, row, column) grey values to draw the outlines on; a dark ground if there are none.

    Raises:
        GeometryError: the shapes differ.
        InputError: the folder cannot be written.
    """
    _check_shapes(prediction_labels, image=image, truth=truth)
    evaluated = _by_code(evaluation)
    styles = label_styles({code: label.name for code, label in evaluated.items()}, {})
    areas = {code: label.prediction_areas_mm2 for code, label in evaluated.items()}
    overlay = overlay_png(prediction_labels, styles, evaluation.spacing_mm, image=image, truth=truth)
    page = _render(
        title="Evaluation of a mask",
        subject=f"{Path(run.prediction_path).name} against {Path(run.truth_path).name} · {run.date}" if run else "",
        facts=_facts(run, shape=evaluation.shape, spacing_mm=evaluation.spacing_mm),
        evaluation=evaluation_rows(evaluated, styles),
        pictures=[
            overlay_picture(overlay, styles, with_truth=True),
            *curve_pictures(styles, areas, {}, evaluated, evaluation.spacing_mm[0]),
        ],
    )
    return _publish(folder, {"report.html": page, "overlay.png": overlay} | _evaluation_file(evaluation))


def _check_shapes(labels: np.ndarray, **others: np.ndarray | None) -> None:
    for name, volume in others.items():
        if volume is not None and volume.shape != labels.shape:
            raise GeometryError(
                f"{name} must have the mask's shape {labels.shape} (slice, row, column), received "
                f"{volume.shape}; give both on the same grid."
            )


def _by_code(evaluation: Evaluation | None) -> dict[int, LabelEvaluation]:
    return {} if evaluation is None else {label.code: label for label in evaluation.labels}


def _styles(prediction: Prediction, evaluated: Mapping[int, LabelEvaluation]) -> tuple[LabelStyle, ...]:
    """Of the predicted labels, in the colours of their file, and after these of labels that only the truth holds."""
    names = dict(prediction.names)
    for code, label in evaluated.items():
        names.setdefault(code, label.name)
    return label_styles(names, {summary.code: summary.reference_slices for summary in prediction.summaries})


def _named(texts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those pairs of name and text that have a text."""
    return [(name, text) for name, text in texts if text]


# the page


def _facts(run: RunInfo | EvaluationRunInfo | None, **grid: Any) -> list[tuple[str, str]]:
    """Title and value of all that is known of a run and its grid, in the order of `FACTS`."""
    known = grid if run is None else grid | vars(run) | {"seconds": f"{run.seconds:.1f}"}
    rows = [(title, _plain(known[name])) for name, title in FACTS.items() if known.get(name) is not None]
    rows += [(f"Parameter {name}", _plain(value)) for name, value in known.get("parameters", {}).items()]
    rows += [(f"SHA-256 of the {name}", value) for name, value in known.get("checksums", {}).items()]
    return rows + [(f"Version of {name}", value) for name, value in known.get("versions", {}).items()]


def _plain(value: Any) -> str:
    """A value of a run as a reader would write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {item}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _render(**context: Any) -> str:
    """The page; what is left out of the context has no part in it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ifss_keras.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    nothing = dict.fromkeys(("volumes", "warnings", "without_interval", "outside", "ends"), ())
    always = {"definitions": definitions(), "further_out": FURTHER_OUT}
    return environment.get_template("report.html").render({**always, **nothing, **context})


# files


def _evaluation_file(evaluation: Evaluation | None) -> dict[str, str]:
    if evaluation is None:
        return {}
    return {"evaluation.json": json.dumps(evaluation.to_dict(), indent=1, allow_nan=False) + "\n"}


def _publish(folder: str | Path, files: Mapping[str, str | bytes]) -> list[Path]:
    """The paths of the files (name to content), each written whole or not at all."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [write_whole(folder / name, content) for name, content in files.items()]
    except OSError as error:
        raise InputError(
            f"The report folder must be a folder that can be written, received {folder} ({error.strerror}); "
            "choose another folder."
        ) from error
