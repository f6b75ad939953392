"""An evaluation from files: a mask against the truth."""

from __future__ import annotations

import time
from pathlib import Path

from ifss_keras.core.files import check_folder
from ifss_keras.jobs.versions import package_versions
from ifss_keras.metrics.evaluation import Evaluation, evaluate
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import present_codes, read_labels


def evaluate_files(
    prediction: Path,
    truth: Path,
    *,
    axis: int = 2,
    spacing_mm: tuple[float, float, float] | None = None,
    max_gb: float | None = None,
    names: dict[int, str] | None = None,
    report: Path | None = None,
) -> Evaluation:
    """Every metric of every label in two label files on the same grid; with `report`, also a report there.

    Raises:
        InputError: a file that cannot be used, or no label in either.
        GeometryError: the grids differ.
    """
    began = time.monotonic()
    if report is not None:
        check_folder(report)
    predicted, true = (
        read_labels(path, axis=axis, spacing_mm=spacing_mm, max_gb=max_gb) for path in (prediction, truth)
    )
    check_same_grid(true, predicted, str(prediction), of=str(truth))
    held = {*present_codes(predicted.array), *present_codes(true.array)}
    known = {**predicted.source.names, **true.source.names}
    known = {code: name for code, name in known.items() if code in held} | (names or {})
    evaluation = evaluate(predicted.array, true.array, true.spacing_mm, known)
    if report is not None:
        from ifss_keras.report.html import EvaluationRunInfo, write_evaluation_report

        run = EvaluationRunInfo(
            prediction_path=str(prediction),
            truth_path=str(truth),
            axis=axis,
            seconds=time.monotonic() - began,
            date=time.strftime("%Y-%m-%d %H:%M"),
            versions=package_versions(),
        )
        write_evaluation_report(report, predicted.array, true.array, evaluation, run, like=predicted)
    return evaluation
