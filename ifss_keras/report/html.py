"""The report of a prediction or an evaluation: one HTML page that needs nothing else, beside CSV, JSON and PNG."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.files import write_whole
from ifss_keras.inference.prediction import Prediction
from ifss_keras.metrics.evaluation import Evaluation, LabelEvaluation
from ifss_keras.report.figures import LabelStyle, encodable, label_styles
from ifss_keras.report.orientation import AS_STORED, View
from ifss_keras.report.overlay import overlay_png
from ifss_keras.report.page import render_page
from ifss_keras.report.pictures import area_curves, curve_pictures, overlay_picture
from ifss_keras.report.run_info import EvaluationRunInfo, RunInfo, facts_of
from ifss_keras.report.tables import Table, csv_text, evaluation_rows, slices_table, volume_rows, volumes_table
from ifss_keras.report.viewer import Shown
from ifss_keras.report.workbook import workbook_xlsx
from ifss_keras.volumes.volume import Source, Volume

MEASURED = {"volumes": volumes_table, "slices": slices_table}


def write_report(
    folder: str | Path,
    prediction: Prediction,
    run: RunInfo,
    evaluation: Evaluation | None = None,
    truth: np.ndarray | None = None,
) -> list[Path]:
    """The files written: report.html, overlay.png, volumes.csv, slices.csv, volumes.xlsx; evaluation.json if evaluated.

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
        raise InputError("summaries must hold one label or more, received none; check the annotated slices.")
    _check_shapes(labels, image=volume.array, truth=truth)
    evaluated = _by_code(evaluation)
    styles = _styles(prediction, evaluated)
    areas = {summary.code: summary.areas_mm2 for summary in summaries}
    deviations = {summary.code: summary.area_deviations_mm2 for summary in summaries}
    curves = area_curves(styles, areas, deviations, evaluated)
    spacing_mm = volume.spacing_mm if volume.sweep is None else (None, *volume.spacing_mm[1:])
    shown = Shown(labels, curves, spacing_mm, volume.array, truth, View.of(volume))
    doubts = {summary.code: summary.doubts for summary in summaries}
    overlay = overlay_png(labels, styles, spacing_mm, image=volume.array, truth=truth, view=shown.view, doubts=doubts)
    facts = facts_of(run, shape=labels.shape, spacing_mm=volume.spacing_mm, axis=volume.source.axis)
    page = render_page(
        shown,
        [
            overlay_picture(overlay, shown, styles),
            *curve_pictures(curves, evaluated, spacing_mm[0]),
        ],
        title="Muscle volumes",
        whom=run.subject,
        subject=f"{Path(run.image_path).name} · {run.date}",
        facts=facts,
        volumes=volume_rows(summaries, styles),
        warnings=prediction.warnings,
        remarks=prediction.remarks,
        evaluation=evaluation_rows(evaluated, styles),
    )
    measured = {name: make(summaries, run.subject) for name, make in MEASURED.items()}
    tables = {f"{name}.csv": csv_text(table) for name, table in measured.items()}
    tables["volumes.xlsx"] = workbook_xlsx({**measured, "run": Table(("what", "value"), tuple(facts))}, run.date)
    return _publish(folder, {"report.html": page, "overlay.png": overlay} | tables | _evaluation_file(evaluation))


def write_evaluation_report(
    folder: str | Path,
    prediction_labels: np.ndarray,
    truth: np.ndarray,
    evaluation: Evaluation,
    run: EvaluationRunInfo | None = None,
    image: np.ndarray | None = None,
    like: Volume | None = None,
) -> list[Path]:
    """The files written: report.html, overlay.png and evaluation.json.

    Args:
        folder: where to write; made if it is absent.
        prediction_labels, truth: (slice, row, column) codes.
        evaluation: of the two.
        run: shown at the end of the page; without it only the grid is.
        image: (slice, row, column) grey values to draw the outlines on; a dark ground if there are none.
        like: a volume on the same grid that tells how the body lies, and colours labels if it holds some.

    Raises:
        GeometryError: the shapes differ.
        InputError: the folder cannot be written.
    """
    _check_shapes(prediction_labels, image=image, truth=truth)
    evaluated = _by_code(evaluation)
    source = like.source if like else Source()
    styles = label_styles({code: label.name for code, label in evaluated.items()}, {}, source.colours)
    areas = {code: label.prediction_areas_mm2 for code, label in evaluated.items()}
    curves = area_curves(styles, areas, {}, evaluated)
    view = View.of(like) if like else AS_STORED
    shown = Shown(prediction_labels, curves, evaluation.spacing_mm, image, truth, view)
    overlay = overlay_png(prediction_labels, styles, evaluation.spacing_mm, image=image, truth=truth, view=view)
    page = render_page(
        shown,
        [
            overlay_picture(overlay, shown, styles),
            *curve_pictures(curves, evaluated, evaluation.spacing_mm[0]),
        ],
        title="Evaluation of a mask",
        whom=run.subject if run else None,
        subject=f"{Path(run.prediction_path).name} against {Path(run.truth_path).name} · {run.date}" if run else "",
        facts=facts_of(run, shape=evaluation.shape, spacing_mm=evaluation.spacing_mm),
        evaluation=evaluation_rows(evaluated, styles),
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
    references = {summary.code: summary.reference_slices for summary in prediction.summaries}
    return label_styles(names, references, prediction.colours)


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
        return [
            write_whole(folder / name, encodable(content) if isinstance(content, str) else content)
            for name, content in files.items()
        ]
    except OSError as error:
        raise InputError(
            f"The report folder must be a folder that can be written, received {folder} ({error.strerror}); "
            "choose another folder."
        ) from error
