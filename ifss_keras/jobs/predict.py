"""The main job from files to files: from an image and its annotated slices to the mask and the report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import IFSSError, InputError, PresetError
from ifss_keras.core.files import check_folder
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.messages import finite_values
from ifss_keras.inference.methods import NETWORK, UNSEEING, untrained_method
from ifss_keras.inference.prediction import Prediction
from ifss_keras.jobs.versions import package_versions
from ifss_keras.volumes.annotation import Annotation, annotated_axis, check_names, read_annotation
from ifss_keras.volumes.formats.registry import files_made, files_of
from ifss_keras.volumes.io import check_writable, read_volume
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.catalogue import find_architecture
from ifss_keras.zoo.presets import DEFAULT_PRESET, Preset, find_preset, verified_weights

LAST_AXIS = 2


@dataclass(frozen=True)
class Job:
    """What to predict, from which files to which.

    Attributes:
        image, output: files; the extension of `output` chooses its format.
        reference: file of the annotated slices; None for a network that needs none.
        preset: name or folder of a preset; None for the default one.
        method: one of `inference.methods.METHODS`.
        axis: stored axis of the slices; None for the last, refused where the reference was drawn along another.
        spacing_mm: (slice, row, column) in place of the file's.
        max_gb: the most memory that the voxels of a file may take, in 10^9 bytes; None for what is free.
        labels: code to name.
        complete, ends_annotated: see `Annotation`.
        report: folder for the report, if any.
    """

    image: Path
    reference: Path | None
    output: Path
    preset: str | None = None
    method: str = NETWORK
    axis: int | None = None
    spacing_mm: tuple[float, float, float] | None = None
    max_gb: float | None = None
    labels: dict[int, str] | None = None
    complete: bool = False
    ends_annotated: bool = False
    report: Path | None = None

    @property
    def preset_or_default(self) -> str:
        """The preset that a network is of."""
        return DEFAULT_PRESET if self.preset is None else self.preset

    @property
    def source_of_weights(self) -> str:
        """What the report names as the weights."""
        if self.method == "shape":
            return "none (shape interpolation)"
        return self.preset_or_default if self.method == NETWORK else f"none ({self.method})"


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job made of what; `seconds` is its wall time."""

    job: Job
    prediction: Prediction
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The run and its prediction as JSON holds them."""
        job = self.job
        return {
            "image": str(job.image),
            "reference": str(job.reference) if job.reference else None,
            "output": str(job.output),
            "method": job.method,
            "weights": job.source_of_weights,
            "seconds": round(self.seconds, 2),
            **self.prediction.to_dict(),
        }


def run_job(job: Job, progress: Progress = silent) -> JobResult:
    """The prediction of a job, after its mask (and report) have been written.

    Everything that can be refused is refused before the network runs; nothing is written before all is done.

    Raises:
        IFSSError: in one sentence, for anything that the user can mend.
    """
    began = time.monotonic()
    check_writable(job.output)
    _refuse_own_input(job)
    _refuse_what_does_not_go_together(job)
    if job.report is not None:
        check_folder(job.report)
        if job.report.resolve() == job.output.resolve():
            raise InputError(f"The report and the mask cannot both be {job.output}: choose another name for one.")
    if job.method == NETWORK:
        verified_weights(_preset(job))
    axis = LAST_AXIS if job.axis is None else job.axis
    volume = read_volume(job.image, axis=axis, spacing_mm=job.spacing_mm, max_gb=job.max_gb)
    _refuse_a_constant_image(job, volume)
    prediction = _segment(job, volume, progress) if job.reference is None else _predict(job, volume, progress)
    prediction.save(job.output)
    result = JobResult(job, prediction, time.monotonic() - began)
    if job.report is not None:
        _report(result)
    return result


def _predict(job: Job, volume: Volume, progress: Progress) -> Prediction:
    annotation = read_annotation(
        job.reference,
        volume,
        names=job.labels,
        complete=job.complete,
        ends_annotated=job.ends_annotated,
        max_gb=job.max_gb,
    )
    if job.axis is None:
        _refuse_another_axis(job, volume, annotation)
    _refuse_nothing_between(job, annotation)
    if job.method != NETWORK:
        return untrained_method(job.method)(volume, annotation, progress=progress)
    from ifss_keras.inference.predictor import Predictor

    return Predictor.from_preset(job.preset_or_default).predict(volume, annotation, progress=progress)


def _segment(job: Job, volume: Volume, progress: Progress) -> Prediction:
    from ifss_keras.inference.segmenter import Segmenter

    segmenter = Segmenter.from_preset(job.preset_or_default)
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


def _report(result: JobResult) -> None:
    from ifss_keras.report.html import write_report

    try:
        write_report(result.job.report, result.prediction, run_info(result))
    except (OSError, IFSSError) as error:
        raise InputError(f"The mask {result.job.output} is written, but not its report: {error}") from error


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
        date=time.strftime("%Y-%m-%d %H:%M"),
        versions=package_versions(),
        parameters={
            "complete": job.complete,
            "ends annotated": job.ends_annotated,
            "labels": job.labels or {},
        },
    )


def _refuse_own_input(job: Job) -> None:
    for source in filter(None, (job.image, job.reference)):
        for kept in filter(Path.exists, files_of(source)):
            if any(made.exists() and made.samefile(kept) for made in files_made(job.output)):
                raise InputError(f"The output {job.output} would overwrite the input {kept}: choose another name.")


def _refuse_a_constant_image(job: Job, volume: Volume) -> None:
    if job.method in UNSEEING:
        return
    first = next(values[0] for values in finite_values(volume))
    if all((values == first).all() for values in finite_values(volume)):
        raise InputError(
            f"{job.image} holds the value {first} in every voxel: expected an image to look at; export it again."
        )


def _refuse_another_axis(job: Job, volume: Volume, annotation: Annotation) -> None:
    drawn = volume.source.stored_order[annotated_axis(annotation)]
    if drawn != volume.source.axis:
        raise InputError(
            f"{job.reference} seems to be drawn on slices along stored axis {drawn}: expected single annotated slices "
            f"along axis {volume.source.axis}, received labels in every one; give the axis {drawn}, or "
            f"{volume.source.axis} if it is right.",
            setting="axis",
        )


def _refuse_nothing_between(job: Job, annotation: Annotation) -> None:
    """Methods without a network, and any where the ends are annotated, fill only between two slices of a label."""
    alone = [annotation.names[code] for code in annotation.codes if len(annotation.for_label(code).masks) < 2]
    if not alone or not (job.ends_annotated or job.method != NETWORK):
        return
    why = "With the ends annotated" if job.ends_annotated else f"By the method {job.method}"
    raise InputError(
        f"{why} nothing is filled but what lies between annotated slices: expected two or more of each label, received "
        f"one of {', '.join(alone)}; annotate another.",
        setting="ends_annotated" if job.ends_annotated else "method",
    )


def _refuse_what_does_not_go_together(job: Job) -> None:
    if job.method != NETWORK and job.preset is not None:
        raise InputError(f"The method {job.method} uses no network: leave out the preset.", setting="preset")
    takes_references = job.method != NETWORK or _takes_references(job)
    if job.reference is None and takes_references:
        raise InputError(
            "There is no reference: give a file with a few annotated slices, or the preset of a network that needs "
            "none, such as a UNet3D that you have trained.",
            setting="reference",
        )
    if job.reference is not None and not takes_references:
        raise InputError(f"{job.preset} is of a network that takes no references: leave it out.", setting="reference")
    for setting, given in (("ends_annotated", job.ends_annotated), ("complete", job.complete)):
        if given and job.reference is None:
            raise InputError("Without annotated slices there is nothing to say of them: leave it out.", setting=setting)


def _takes_references(job: Job) -> bool:
    return find_architecture(_preset(job).architecture).needs_reference


def _preset(job: Job) -> Preset:
    try:
        return find_preset(job.preset_or_default)
    except PresetError as error:
        error.setting = "preset"
        raise
