"""The main job from files to files: from an image and its annotated slices to the mask and the report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import Fingerprint
from ifss_keras.inference.methods import NETWORK, untrained_method
from ifss_keras.inference.prediction import Prediction
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.networks import Networks
from ifss_keras.jobs.outputs import publish_report, publish_volume, report_outputs, volume_outputs
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.jobs.refusals import (
    refuse_a_constant_image,
    refuse_another_axis,
    refuse_nothing_between,
    refuse_places,
    refuse_what_does_not_go_together,
)
from ifss_keras.volumes.annotation import Annotation, check_names, read_annotation
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import check_writable, read_labels, read_volume
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import verify

LAST_AXIS = 2
READING = "reading"


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job made of what.

    Attributes:
        job: that was done.
        prediction: its result.
        provenance: where it comes from.
        seconds: wall time since it was asked for.
        reference_offset: (slice, row, column) of the image at which the first voxel of the reference file lies.
        reference_by_shape: whether only its shape put it on the frames of a sweep.
    """

    job: Job
    prediction: Prediction
    provenance: Provenance
    seconds: float
    reference_offset: tuple[int, int, int] = (0, 0, 0)
    reference_by_shape: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The run and its prediction as JSON holds them."""
        job = self.job
        return {
            "subject": job.subject,
            "image": str(job.image),
            "reference": str(job.reference) if job.reference else None,
            "previous": str(job.previous) if job.previous else None,
            "reference_offset": list(self.reference_offset),
            "reference_by_shape": self.reference_by_shape,
            "output": str(job.output),
            "method": job.method,
            "weights": job.source_of_weights,
            "seconds": round(self.seconds, 2),
            "provenance": self.provenance.to_dict(),
            **self.prediction.to_dict(),
        }


def run_job(
    job: Job, progress: Progress = silent, call: Call | None = None, networks: Networks | None = None
) -> JobResult:
    """The prediction of a job, after its mask (and report) have been written, each with a record of where it is from.

    Everything that can be refused is refused before the network runs; nothing is written before all is done.

    Args:
        job: to do.
        progress: told of the files that are read, then of each label, and before of a preset that is fetched.
        call: how it was asked for; None: now, from Python.
        networks: that are loaded already, and stay loaded for other jobs.

    Raises:
        IFSSError: in one sentence, for anything that the user can mend.
    """
    call, networks = call or Call(), networks or Networks()
    refuse_places(job)
    if job.method == NETWORK:
        job.found_preset(progress)
    refuse_what_does_not_go_together(job)
    if job.method == NETWORK:
        verify(job.found_preset())
    files = 1 if job.reference is None else 2
    progress(READING, 0, files)
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(fingerprints, image=job.image)  # while the same bytes are read for their voxels
        volume = image_of(job)
    check_writable(job.output, volume.source)
    refuse_a_constant_image(job, volume)
    source = found.result()
    progress(READING, 1, files)
    mask = volume_outputs(job.output, source, force=job.force)
    report = report_outputs(job.report, source, force=job.force) if job.report is not None else None
    for outputs in filter(None, (mask, report)):
        outputs.check_replaceable()
    annotation = None if job.reference is None else annotation_of(job, volume)
    previous = None if job.previous is None else _previous(job, volume, annotation)
    progress(READING, files, files)
    if annotation is None:
        prediction = _segment(job, volume, progress, networks)
    else:
        prediction = predicted(job, volume, annotation, previous, progress, networks)
    provenance = Provenance.now(call, job.subject, source | _other_inputs(job))
    publish_volume(job.output, mask, provenance, prediction.save, on_frames=volume.sweep is not None)
    result = JobResult(job, prediction, provenance, call.seconds)
    if annotation is not None:
        result = replace(result, reference_offset=annotation.offset, reference_by_shape=annotation.by_shape)
    if report is not None:
        publish_report(report, provenance, prediction, run_info(result))
    return replace(result, seconds=call.seconds)


def inputs_of(job: Job) -> dict[str, Fingerprint]:
    """What decides the result of a job, by what it is, as it is now.

    Raises:
        IFSSError, OSError: something cannot be read.
    """
    return fingerprints(image=job.image) | _other_inputs(job)


def image_of(job: Job) -> Volume:
    """The image of a job, as it says to read it."""
    return read_volume(
        job.image,
        axis=LAST_AXIS if job.axis is None else job.axis,
        spacing_mm=job.spacing_mm,
        frame_step_mm=job.frame_step_mm,
        max_gb=job.max_gb,
        tracking=job.tracking,
    )


def annotation_of(job: Job, volume: Volume) -> Annotation:
    """The references, looked at before anything is computed."""
    annotation = read_annotation(
        job.reference,
        volume,
        names=job.labels,
        complete=job.complete,
        ends_annotated=job.ends_annotated,
        max_gb=job.max_gb,
    )
    if job.axis is None:
        refuse_another_axis(job, volume, annotation)
    refuse_nothing_between(job, annotation)
    return annotation


def _previous(job: Job, volume: Volume, annotation: Annotation) -> np.ndarray:
    """(slice, row, column) codes, the earlier mask on the image's grid."""
    held = read_labels(
        job.previous, axis=volume.source.axis, spacing_mm=volume.spacing_mm, max_gb=job.max_gb, like=volume
    )
    check_same_grid(volume, held, str(job.previous), of=str(job.image))
    annotated = set(annotation.slices.tolist())
    if not any(plane.any() for index, plane in enumerate(held.array) if index not in annotated):
        raise InputError(
            f"{job.previous} holds nothing but annotated slices: expected a whole mask, as `ifss predict` writes; pass "
            "that, or leave it out.",
            setting="previous",
        )
    return held.array


def predicted(
    job: Job,
    volume: Volume,
    annotation: Annotation,
    previous: np.ndarray | None,
    progress: Progress,
    networks: Networks,
) -> Prediction:
    """What the method of a job makes of references, and of an earlier mask if there is one."""
    if job.method != NETWORK:
        return untrained_method(job.method)(volume, annotation, progress=progress)
    predictor = networks.predictor(job)
    return predictor.predict(volume, annotation, previous=previous, progress=progress, memory_gb=job.memory_gb)


def _segment(job: Job, volume: Volume, progress: Progress, networks: Networks) -> Prediction:
    segmenter = networks.segmenter(job)
    for code, name in (job.labels or {}).items():
        if code not in segmenter.names:
            known = ", ".join(f"{code} ({name})" for code, name in segmenter.names.items())
            raise InputError(
                f"There is no label {code} to name {name}: {job.preset} finds {known}; correct the code.",
                setting="labels",
            )
        segmenter.names[code] = name
    check_names(segmenter.names, str(job.preset))
    return segmenter.predict(volume, progress=progress)


def _other_inputs(job: Job) -> dict[str, Fingerprint]:
    weights = {"weights": Fingerprint.of(job.found_preset().path)} if job.method == NETWORK else {}
    tracking = {name: Fingerprint.of(path) for name, path in job.tracking.files.items()}
    return fingerprints(reference=job.reference, previous=job.previous) | tracking | weights


def run_info(result: JobResult):
    """What the report says about a run."""
    from ifss_keras.report.html import RunInfo

    job = result.job
    return RunInfo(
        image_path=str(job.image),
        reference_path=str(job.reference) if job.reference else "none",
        output_path=str(job.output),
        preset=job.source_of_weights,
        method=job.method,
        seconds=result.seconds,
        parameters={
            "complete": job.complete,
            "ends annotated": job.ends_annotated,
            "labels": job.labels or {},
            **({"copied from": str(job.previous)} if job.previous else {}),
            **({"reference begins at": result.reference_offset} if any(result.reference_offset) else {}),
        },
        **result.provenance.told(),
    )
