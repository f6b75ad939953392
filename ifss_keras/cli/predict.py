"""`ifss predict`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options
from ifss_keras.inference.methods import METHODS, NETWORK
from ifss_keras.zoo.presets import DEFAULT_PRESET


@click.command()
@click.argument("image", type=click.Path(path_type=Path), required=False)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Labels of a few slices; left out with the preset of a network that needs none.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The whole mask; with --batch the folder of all masks and of their table.",
)
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
@options.memory_gb
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
@click.option(
    "--previous",
    type=click.Path(path_type=Path),
    help="The mask that fewer annotated slices of IMAGE gave. What lies between annotated slices that are as in it is "
    "copied, bit for bit; the rest alone is looked for.",
)
@click.option(
    "--batch",
    type=click.Path(path_type=Path),
    help="A CSV with a line for each case in place of IMAGE: the column image, and others named as options are.",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes of a batch, each with its own network.  [default: 1]"
)
@click.option(
    "--scheduler", help="Address of a Dask scheduler, tcp://host:8786, whose workers do a batch (extra dask)."
)
@options.force
@options.as_json
@click.pass_context
def predict(context, image, batch, workers, scheduler, as_json, **choices):
    """Carry a few annotated slices of IMAGE through the whole volume.

    Annotate any slices, as many as you like, of one muscle or several, in 3D Slicer, ITK-SNAP, MATLAB or any tool that
    writes NIfTI, MetaImage, NRRD, TIFF or DICOM (segmentations and contours). IMAGE may also be the folder of a DICOM
    series or of frames, a tracked sweep, or one array of a MAT-file, calf.mat:name. OUTPUT lies on the image's grid; a
    .seg.dcm refers to the DICOM images that it is of.

    With --batch many are done, and what is done already is not done again: see docs/batches.md. The exit code is then 1
    if any failed.

    \b
    Examples: ifss predict calf.mha --reference slices.seg.nrrd -o mask.mha --report report
              ifss predict calf.mha --reference more.seg.nrrd --previous mask.mha -o mask2.mha
              ifss predict --batch cases.csv -o masks --workers 4
    """
    if batch is not None:
        from ifss_keras.cli.predict_batch import predict_batch

        if image is not None:
            raise click.UsageError(f"With --batch there is no IMAGE: leave out {image}, or the batch.")
        return predict_batch(context, batch, choices, workers=workers, scheduler=scheduler, as_json=as_json)
    if image is None:
        raise click.UsageError("There is no IMAGE: give one, or a CSV of many with --batch.")
    if workers is not None or scheduler is not None:
        raise click.UsageError("--workers and --scheduler are for a --batch: leave them out.")
    _predict_one(context.obj, options.job_of(image=image, **choices), as_json)
    return 0


def _predict_one(call, job, as_json):
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.jobs.predict import run_job

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
