"""`ifss predict`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options
from ifss_keras.inference.methods import METHODS, NETWORK
from ifss_keras.zoo.presets import DEFAULT_PRESET


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Labels of a few slices; left out with the preset of a network that needs none.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The whole mask.")
@click.option(
    "--preset",
    help=f"A released network, {DEFAULT_PRESET} if not given (see `ifss models list`), or the folder of a training.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=NETWORK,
    show_default=True,
    help="All but network fill only between a muscle's outermost annotated slices; shape and morphological do not "
    "look at the image, growcut, watershed and random-walker grow the annotated slices through it. morphological and "
    "growcut need the extra itk.",
)
@options.axis(None)
@options.spacing
@options.frame_step
@options.max_gb
@options.poses
@options.calibration
@options.space
@options.label
@click.option("--complete", is_flag=True, help="A label missing in an annotated slice is absent there.")
@click.option(
    "--ends-annotated",
    is_flag=True,
    help="The first and the last annotated slice of each label are its ends: nothing is drawn beyond them.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Folder for report.html, overlay.png, volumes.csv, slices.csv and volumes.xlsx.",
)
@options.subject
@options.force
@options.as_json
@click.pass_obj
def predict(call, as_json, labels, poses, calibration, space, **choices):
    """Carry a few annotated slices of IMAGE through the whole volume.

    Annotate any slices, as many as you like, of one muscle or several, in 3D Slicer, ITK-SNAP, MATLAB or any tool that
    writes NIfTI, MetaImage, NRRD, TIFF or DICOM (segmentations and contours). IMAGE may also be the folder of a DICOM
    series or of frames, a tracked sweep, or one array of a MAT-file, calf.mat:name. OUTPUT lies on the image's grid; a
    .seg.dcm refers to the DICOM images that it is of.

    \b
    Example: ifss predict calf.mha --reference slices.seg.nrrd -o mask.mha --report report
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.jobs.job import Job
    from ifss_keras.jobs.predict import run_job
    from ifss_keras.volumes.tracking import Tracking

    tracking = Tracking(poses, calibration, space)
    job = Job(labels=options.label_names(labels), tracking=tracking, **choices)
    with slice_progress() as progress:
        result = run_job(job, progress, call)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
        return
    _print(result)


def _print(result):
    from ifss_keras.cli.console import print_table
    from ifss_keras.inference.notes import by_shape_text, offset_text
    from ifss_keras.report.tables import console_table

    job, prediction = result.job, result.prediction
    print_table(f"Volumes of {job.subject}" if job.subject else "Volumes", *console_table(prediction))
    for text in filter(None, (offset_text(result.reference_offset), by_shape_text(result.reference_by_shape))):
        click.echo(text)
    for text in prediction.remarks:
        click.echo(text)
    for text in prediction.warnings:
        click.echo(f"Warning: {text}", err=True)
    places = f"{job.output}" + (f" and {job.report / 'report.html'}" if job.report else "")
    click.echo(f"Wrote {places} in {result.seconds:.0f} s.")
