"""What is refused of a prediction's job, in one sentence, before the network runs."""

from __future__ import annotations

from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.inference.methods import NETWORK, UNSEEING
from ifss_keras.inference.notes import finite_values
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.outputs import check_output
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.drawn_axis import annotated_axis
from ifss_keras.volumes.formats.registry import files_made, files_of
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.catalogue import find_architecture


def refuse_places(job: Job) -> None:
    """Outputs that cannot be written, would replace an input or each other."""
    check_output(job.output)
    refuse_own_input(job.output, job.image, job.reference, job.previous)
    if job.report is None:
        return
    check_folder(job.report)
    if job.report.resolve() == job.output.resolve():
        raise InputError(f"The report and the mask cannot both be {job.output}: choose another name for one.")


def refuse_own_input(output: Path, *sources: Path | None) -> None:
    """An output that would replace what it is made from."""
    for source in filter(None, sources):
        for kept in filter(Path.exists, files_of(source)):
            if any(made.exists() and made.samefile(kept) for made in files_made(output)):
                raise InputError(f"The output {output} would overwrite the input {kept}: choose another name.")


def refuse_a_constant_image(job: Job, volume: Volume) -> None:
    """An image with nothing to look at, by a method that looks."""
    if job.method in UNSEEING:
        return
    first = next(values[0] for values in finite_values(volume))
    if all((values == first).all() for values in finite_values(volume)):
        raise InputError(
            f"{job.image} holds the value {first} in every voxel: expected an image to look at; export it again."
        )


def refuse_another_axis(job: Job, volume: Volume, annotation: Annotation) -> None:
    """Slices that were drawn along another axis than the one that is taken."""
    drawn = volume.source.stored_order[annotated_axis(annotation)]
    if drawn != volume.source.axis:
        raise InputError(
            f"{job.reference} seems to be drawn on slices along stored axis {drawn}: expected single annotated slices "
            f"along axis {volume.source.axis}, received labels in every one; give the axis {drawn}, or "
            f"{volume.source.axis} if it is right.",
            setting="axis",
        )


def refuse_nothing_between(job: Job, annotation: Annotation) -> None:
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


def refuse_what_does_not_go_together(job: Job) -> None:
    """Choices of which one leaves another without sense."""
    if job.method != NETWORK and job.preset is not None:
        raise InputError(f"The method {job.method} uses no network: leave out the preset.", setting="preset")
    takes_references = job.method != NETWORK or find_architecture(job.found_preset().architecture).needs_reference
    if job.reference is None and takes_references:
        raise InputError(
            "There is no reference: give a file with a few annotated slices, or the preset of a network that needs "
            "none, such as a UNet3D that you have trained.",
            setting="reference",
        )
    if job.previous is not None and (job.method != NETWORK or not takes_references):
        raise InputError(
            "Only what the network made of annotated slices is copied from an earlier mask: leave it out.",
            setting="previous",
        )
    if job.reference is not None and not takes_references:
        raise InputError(f"{job.preset} is of a network that takes no references: leave it out.", setting="reference")
    for setting, given in (("ends_annotated", job.ends_annotated), ("complete", job.complete)):
        if given and job.reference is None:
            raise InputError("Without annotated slices there is nothing to say of them: leave it out.", setting=setting)
