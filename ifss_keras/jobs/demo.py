"""The whole job on a synthetic calf, with its truth known: from a seed to a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.progress import Progress, silent
from ifss_keras.jobs.predict import Job, run_info, run_job
from ifss_keras.metrics.evaluation import Evaluation, evaluate
from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, verified_weights

DEMO_SEED = 910_000
ANNOTATED = 8  # of 160 slices: 5 %


def annotated_slices(labels: np.ndarray, count: int = ANNOTATED) -> list[int]:
    """`count` slices where the README advises: both ends of every muscle, then always the middle of the widest gap."""
    held = [np.flatnonzero((labels == code).any(axis=(1, 2))) for code in np.unique(labels[labels > 0])]
    chosen = sorted({int(end) for slices in held for end in slices[[0, -1]]})
    while len(chosen) < count:
        widest = int(np.argmax(np.diff(chosen)))
        chosen.insert(widest + 1, sum(chosen[widest : widest + 2]) // 2)
    return chosen


def run_demo(
    folder: Path,
    *,
    seed: int = DEMO_SEED,
    progress: Progress = silent,
) -> Evaluation:
    """The evaluation of a prediction on a calf that nothing was trained on.

    Leaves in `folder`: image.nii.gz, references.nii.gz, truth.nii.gz, mask.nii.gz, and from the report volumes.csv,
    slices.csv, evaluation.json, overlay.png, report.html.

    Raises:
        InputError: the folder cannot be written.
        ChecksumError: the default preset's weights are not the released ones.
    """
    check_folder(folder)
    verified_weights(find_preset(DEFAULT_PRESET))
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}; choose another.") from error
    phantom = calf(seed)
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    references = np.zeros_like(phantom.labels)
    slices = annotated_slices(phantom.labels)
    references[slices] = phantom.labels[slices]
    write_volume(folder / "image.nii.gz", phantom.image, volume)
    write_labels(folder / "truth.nii.gz", phantom.labels, volume)
    write_labels(folder / "references.nii.gz", references, volume)

    job = Job(
        image=folder / "image.nii.gz",
        reference=folder / "references.nii.gz",
        output=folder / "mask.nii.gz",
        labels=phantom.names,
        complete=True,
    )
    result = run_job(job, progress)
    truth = read_labels(folder / "truth.nii.gz").array
    evaluation = evaluate(result.prediction.labels, truth, result.prediction.volume.spacing_mm, phantom.names)
    from ifss_keras.report.html import write_report

    write_report(folder, result.prediction, run_info(result), evaluation=evaluation, truth=truth)
    return evaluation
