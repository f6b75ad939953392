"""The whole job on a synthetic calf, with its truth known: from a seed to a folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import Fingerprint, Outputs
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.outputs import report_outputs, volume_outputs
from ifss_keras.jobs.predict import run_info, run_job
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.metrics.evaluation import Evaluation, evaluate
from ifss_keras.synthetic import calf
from ifss_keras.synthetic.phantom import Phantom
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, verified_weights

DEMO_SEED = 910_000
ANNOTATED = 8  # of 160 slices: 5 %
VOLUMES = ("image.nii.gz", "truth.nii.gz", "references.nii.gz")


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
    force: bool = False,
    progress: Progress = silent,
    call: Call | None = None,
) -> Evaluation:
    """The evaluation of a prediction on a calf that nothing was trained on.

    Leaves in `folder`: image.nii.gz, references.nii.gz, truth.nii.gz, mask.nii.gz, from the report volumes.csv,
    slices.csv, volumes.xlsx, evaluation.json, overlay.png, report.html, and records of all these.

    Raises:
        InputError: the folder cannot be written, or holds files of these names that are not an earlier demo's.
        ChecksumError: the default preset's weights are not the released ones.
    """
    call = call or Call()
    check_folder(folder)
    verified_weights(find_preset(DEFAULT_PRESET))
    volumes = Outputs(folder / "demo.ifss.json", VOLUMES, {}, force)
    job = Job(*(folder / f"{name}.nii.gz" for name in ("image", "references", "mask")), complete=True, force=True)
    here = {"image": Fingerprint(os.path.realpath(job.image), "")}
    for outputs in (
        volumes,
        volume_outputs(job.output, here, force=force),
        report_outputs(folder, here, force=force),
    ):
        outputs.check_replaceable()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}; choose another.") from error
    phantom = calf(seed)
    provenance = Provenance.now(call, None, {})
    with volumes.publishing({}, provenance.facts()) as hidden:
        _write_volumes(hidden, phantom)
    result = run_job(replace(job, labels=phantom.names), progress, call)
    truth = read_labels(folder / "truth.nii.gz").array
    evaluation = evaluate(result.prediction.labels, truth, result.prediction.volume.spacing_mm, phantom.names)
    from ifss_keras.report.html import write_report

    report = report_outputs(folder, fingerprints(image=job.image), force=True)  # was checked above
    with report.publishing(result.provenance.inputs, result.provenance.facts()) as hidden:
        write_report(hidden, result.prediction, run_info(result), evaluation=evaluation, truth=truth)
    return evaluation


def _write_volumes(folder: Path, phantom: Phantom) -> None:
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    references = np.zeros_like(phantom.labels)
    slices = annotated_slices(phantom.labels)
    references[slices] = phantom.labels[slices]
    write_volume(folder / "image.nii.gz", phantom.image, volume)
    write_labels(folder / "truth.nii.gz", phantom.labels, volume)
    write_labels(folder / "references.nii.gz", references, volume)
