"""An evaluation from files: a mask against the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ifss_keras.core.files import check_folder
from ifss_keras.datasets.labels import recoding
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.outputs import report_outputs
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.metrics.evaluation import Evaluation, evaluate
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import read_labels
from ifss_keras.volumes.volume import Volume, present_codes


def evaluate_files(
    prediction: Path,
    truth: Path,
    *,
    axis: int = 2,
    spacing_mm: tuple[float, float, float] | None = None,
    frame_step_mm: float | None = None,
    max_gb: float | None = None,
    names: dict[int, str] | None = None,
    report: Path | None = None,
    subject: str | None = None,
    force: bool = False,
    call: Call | None = None,
) -> Evaluation:
    """Every metric of every label in two label files on the same grid; with `report`, also a report there.

    Args:
        prediction, truth: label files.
        axis: stored axis of the slices.
        spacing_mm, frame_step_mm, max_gb: see `read_volume`.
        names: code to name, before those of the files.
        report: folder for the report, if any.
        subject: whom they show, as the report calls them.
        force: whether files may be replaced there that are not an earlier report on the same two.
        call: how it was asked for; None: now, from Python.

    Raises:
        InputError: a file that cannot be used, no label in either, or files of others where the report should go.
        GeometryError: the grids differ.
    """
    call = call or Call()
    if report is not None:
        check_folder(report)
    reading = {"axis": axis, "spacing_mm": spacing_mm, "frame_step_mm": frame_step_mm, "max_gb": max_gb}
    predicted = read_labels(prediction, **reading)
    true = read_labels(truth, **reading, like=predicted)
    check_same_grid(true, predicted, str(prediction), of=str(truth))
    true = recoded_by_name(true, predicted)
    held = {*present_codes(predicted.array), *present_codes(true.array)}
    known = {**predicted.source.names, **true.source.names}
    known = {code: name for code, name in known.items() if code in held} | (names or {})
    outputs = report and report_outputs(report, fingerprints(prediction=prediction, truth=truth), force=force)
    if outputs:
        outputs.check_replaceable()
    evaluation = evaluate(predicted.array, true.array, true.spacing_mm, known)
    if outputs:
        from ifss_keras.report.html import EvaluationRunInfo, write_evaluation_report

        provenance = Provenance.now(call, subject, outputs.source)
        run = EvaluationRunInfo(
            prediction_path=str(prediction),
            truth_path=str(truth),
            axis=axis,
            seconds=call.seconds,
            **provenance.told(),
        )
        report.mkdir(exist_ok=True)
        with outputs.publishing(provenance.inputs, provenance.facts()) as hidden:
            write_evaluation_report(hidden, predicted.array, true.array, evaluation, run, like=predicted)
    return evaluation


def recoded_by_name(true: Volume, predicted: Volume) -> Volume:
    """The truth with the prediction's codes, where both files name their labels: the same names are the same labels."""
    names = predicted.source.names
    if not (names and true.source.names):
        return true
    held = present_codes(true.array)
    codes = recoding([code for code in held if code], true.source.names, names)
    free = max([*held, *names, *codes.values()]) + 1
    others = [code for code in held if code and code not in codes]
    taken = {*codes.values(), *names}
    codes |= {code: free + place if code in taken else code for place, code in enumerate(others)}
    array = np.zeros(true.array.shape, np.min_scalar_type(max(codes.values(), default=0)))
    for code, meant in codes.items():
        array[true.array == code] = meant
    known = {meant: true.source.names[code] for code, meant in codes.items() if code in true.source.names}
    return replace(true, array=array, source=replace(true.source, names=known))
