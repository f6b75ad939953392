"""The main job from files to files: what `ifss predict` does."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ifss_keras import __version__
from ifss_keras.core.errors import IFSSError, InputError
from ifss_keras.data.io import check_folder, check_writable, files_made, files_of, read_volume, write_labels
from ifss_keras.data.references import References, annotated_axis, check_names, load_references
from ifss_keras.data.volume import Volume
from ifss_keras.inference.methods import NETWORK, UNSEEING, untrained_method
from ifss_keras.inference.notes import finite_values, notes_on
from ifss_keras.inference.summary import Prediction
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, verified_weights

LAST_AXIS = 2
TOO_FEW = "too few annotated slices lie between two others and not beside one"  # to adapt to, or to choose by


@dataclass(frozen=True)
class Job:
    """What to predict, from which files to which.

    Attributes:
        image, output: files; the extension of `output` chooses its format.
        reference: file of the annotated slices; None for a network that needs none.
        preset: a released preset; None for the default one.
        weights: from `ifss train`, in place of a preset.
        method: one of `inference.methods.METHODS`.
        adapt: take more time, see `Predictor.predict`; None takes it where there is a network and annotated slices.
        axis: stored axis of the slices; None for the last, refused where the reference was drawn along another.
        spacing_mm: (slice, row, column) in place of the file's.
        labels: code to name.
        complete: a label that an annotated slice does not hold is absent there.
        ends_annotated: see `References`.
        report: folder for the report, if any.
    """

    image: Path
    reference: Path | None
    output: Path
    preset: str | None = None
    weights: Path | None = None
    method: str = NETWORK
    adapt: bool | None = None
    axis: int | None = None
    spacing_mm: tuple[float, float, float] | None = None
    labels: dict[int, str] | None = None
    complete: bool = False
    ends_annotated: bool = False
    report: Path | None = None

    @property
    def released(self) -> str:
        """The released preset to use if there are no weights of one's own."""
        return self.preset or DEFAULT_PRESET

    @property
    def adapts(self) -> bool:
        """Whether the network may be adapted to the annotated slices."""
        return self.adapt is not False and self.method == NETWORK and self.reference is not None

    @property
    def source_of_weights(self) -> str:
        """What the report names as the weights."""
        if self.method == "shape":
            return "none (shape interpolation)"
        if self.method != NETWORK:
            return f"none ({self.method})"
        return str(self.weights) if self.weights else self.released


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job read and made; `names` are the labels', `notes` on the input, `seconds` its wall time."""

    volume: Volume
    names: dict[int, str]
    prediction: Prediction
    notes: tuple[str, ...]
    seconds: float


def run_job(job: Job, progress: Callable[[str, int, int], None] = lambda name, done, total: None) -> JobResult:
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
    if job.method == NETWORK and job.weights is None:
        verified_weights(find_preset(job.released))
    volume = read_volume(job.image, axis=LAST_AXIS if job.axis is None else job.axis, spacing_mm=job.spacing_mm)
    _refuse_a_constant_image(job, volume)
    if job.reference is None:
        references, prediction = None, _segment(job, volume, progress)
    else:
        references = load_references(job.reference, volume, labels=job.labels, complete=job.complete)
        references = replace(references, ends_annotated=job.ends_annotated)
        if job.axis is None:
            _refuse_another_axis(job, volume, references)
        _refuse_nothing_between(job, references)
        prediction = _predict(job, volume, references, progress)
    names = {summary.code: summary.name for summary in prediction.summaries}
    write_labels(job.output, prediction.labels, volume, names)
    result = JobResult(volume, names, prediction, notes_on(volume, references), time.monotonic() - began)
    if job.report is not None:
        _report(job, result)
    return result


def _report(job: Job, result: JobResult) -> None:
    from ifss_keras.inference.report import write_report

    held = result.prediction
    try:
        write_report(job.report, result.volume.array, held.labels, held.summaries, run_info(job, result))
    except (OSError, IFSSError) as error:
        raise InputError(f"The mask {job.output} is written, but not its report: {error}") from error


def _predict(job: Job, volume: Volume, references: References, progress) -> Prediction:
    if job.method != NETWORK:
        return untrained_method(job.method)(volume, references, progress=progress)
    from ifss_keras.inference.predictor import DEFAULT_ADAPTATION, Predictor

    predictor = Predictor.from_training(job.weights) if job.weights else Predictor.from_preset(job.released)
    adaptation = DEFAULT_ADAPTATION if job.adapts else None
    return predictor.predict(volume, references, adaptation=adaptation, progress=progress)


def _segment(job: Job, volume: Volume, progress) -> Prediction:
    from ifss_keras.inference.segmenter import Segmenter

    segmenter = Segmenter.from_training(job.weights)
    for code, name in (job.labels or {}).items():
        if code not in segmenter.names:
            known = ", ".join(f"{code} ({name})" for code, name in segmenter.names.items())
            raise InputError(f"--label {code}={name}: {job.weights} finds {known}; correct the code.")
        segmenter.names[code] = name
    check_names(segmenter.names, str(job.weights))
    return segmenter.predict(volume, progress=lambda done, total: progress("slices", done, total))


def result_dict(job: Job, result: JobResult) -> dict:
    """A job's result as JSON-ready values."""
    return {
        "image": str(job.image),
        "reference": str(job.reference) if job.reference else None,
        "output": str(job.output),
        "method": job.method,
        "weights": job.source_of_weights,
        "shape": list(result.volume.array.shape),
        "spacing_mm": list(result.volume.spacing_mm),
        "seconds": round(result.seconds, 2),
        "notes": list(result.notes),
        "adaptation": adaptation_text(job, result.prediction),
        "labels": [
            {
                "code": summary.code,
                "name": summary.name,
                "method": summary.method,
                "check": {"slices": list(summary.check_slices), "dice": dict(summary.check)} if summary.check else None,
                "volume_ml": summary.volume_ml,
                "shape_volume_ml": summary.shape_volume_ml,
                "spline_volume_ml": summary.spline_volume_ml,
                "first_slice": summary.first_slice,
                "last_slice": summary.last_slice,
                "references": len(summary.reference_slices),
                "reference_slices": list(summary.reference_slices),
                "presumed_ends": list(summary.presumed_ends),
                "seen_ends": list(summary.seen_ends),
                "gaps": [list(run) for run in summary.gaps],
                "touches_edge": summary.touches_edge,
            }
            for summary in result.prediction.summaries
        ],
    }


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


def _refuse_another_axis(job: Job, volume: Volume, references: References) -> None:
    drawn = volume.source.stored_order[annotated_axis(references)]
    if drawn != volume.source.axis:
        raise InputError(
            f"{job.reference} seems to be drawn on slices along stored axis {drawn}: expected single annotated slices "
            f"along axis {volume.source.axis}, received labels in every one; pass --axis {drawn}, or "
            f"--axis {volume.source.axis} if it is right."
        )


def _refuse_nothing_between(job: Job, references: References) -> None:
    """Methods without a network, and any where the ends are annotated, fill only between two slices of a label."""
    alone = [references.names[code] for code in references.codes if len(references.for_label(code).masks) < 2]
    option = "--ends-annotated" if job.ends_annotated else f"--method {job.method}" if job.method != NETWORK else None
    if option and alone:
        raise InputError(
            f"With {option} nothing is filled but what lies between annotated slices: expected two or more of each "
            f"label, received one of {', '.join(alone)}; annotate another, or leave out {option}."
        )


def _refuse_what_does_not_go_together(job: Job) -> None:
    if job.method != NETWORK:
        for option, given in (("--weights", job.weights), ("--preset", job.preset)):
            if given is not None:
                raise InputError(f"The method {job.method} uses no network: leave out {option} or --method.")
        if job.adapt:
            raise InputError(f"The method {job.method} has no network to adapt: leave out --adapt or --method.")
    if job.weights is not None and job.preset is not None:
        raise InputError("--weights takes the place of --preset: leave one of them out.")
    alone = job.method == NETWORK and job.weights is not None and not _takes_references(job.weights)
    if job.reference is None and not alone:
        raise InputError(
            "There is no reference: pass --reference with a few annotated slices, or --weights of a network that needs "
            "none, such as a UNet3D from `ifss train`."
        )
    if job.reference is not None and alone:
        raise InputError(f"{job.weights} is of a network that takes no references: leave out --reference.")
    for option, given in (("--ends-annotated", job.ends_annotated), ("--complete", job.complete)):
        if given and job.reference is None:
            raise InputError(f"Without annotated slices there is nothing for {option} to say: leave it out.")
    if job.adapt and not job.adapts:
        raise InputError("Without annotated slices there is nothing to adapt to: leave out --adapt.")


def _takes_references(weights: Path) -> bool:
    from ifss_keras.inference.trained import recipe_beside
    from ifss_keras.zoo.catalogue import find_architecture

    return find_architecture(recipe_beside(weights).model).needs_reference


def run_info(job: Job, result: JobResult):
    """What the report says about a run."""
    from ifss_keras.inference.report import RunInfo

    return RunInfo(
        image_path=str(job.image),
        reference_path=str(job.reference) if job.reference else "none",
        output_path=str(job.output),
        preset=job.source_of_weights,
        method=job.method,
        spacing_mm=result.volume.spacing_mm,
        shape=result.volume.array.shape,
        axis=result.volume.source.axis,
        versions=package_versions(),
        seconds=result.seconds,
        date=time.strftime("%Y-%m-%d %H:%M"),
        parameters={
            "complete": job.complete,
            "ends annotated": job.ends_annotated,
            "adaptation": adaptation_text(job, result.prediction),
            "labels": job.labels or {},
        },
        notes=result.notes,
    )


def unchecked(prediction: Prediction) -> list[str]:
    """The names of the labels for which nothing was held back, so that the network serves them as it is."""
    return [summary.name for summary in prediction.summaries if not summary.check]


def adaptation_text(job: Job, prediction: Prediction) -> str:
    """Whether the network was adapted to the annotated slices, for people."""
    if not job.adapts:
        return "no"
    few = unchecked(prediction)
    if len(few) == len(prediction.summaries):
        return f"no, {TOO_FEW}"
    return f"yes, but for too few annotated slices without a choice for {', '.join(few)}" if few else "yes"


def package_versions() -> dict[str, str]:
    """The versions that a report names, of Python and of the packages that decide a result."""
    packages = ("keras", "tensorflow", "numpy", "scipy", "nibabel", "SimpleITK", "scikit-image")
    installed = {name: version(name) for name in packages}
    for name in ("itk-growcut", "itk-morphologicalcontourinterpolation"):
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return {"ifss_keras": __version__, "python": platform.python_version()} | installed
