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
    help="Labels of a few slices; left out with --weights of a network that needs none.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The whole mask.")
@click.option("--preset", help=f"Released weights, {DEFAULT_PRESET} if not given; see `ifss models list`.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights of your own, from `ifss train`.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=NETWORK,
    show_default=True,
    help="All but network fill only between a muscle's outermost references; shape, curve and morphological do not "
    "look at the image, growcut, watershed and random-walker grow the references through it. morphological and growcut "
    "need the extra itk.",
)
@click.option(
    "--adapt/--no-adapt",
    default=None,
    help="By default take more time: train a copy of the network on the annotated slices first, if there are enough, "
    "and look at the volume mirrored, too.",
)
@options.axis(None)
@options.spacing
@options.label
@click.option("--complete", is_flag=True, help="A label missing in an annotated slice is absent there.")
@click.option(
    "--ends-annotated",
    is_flag=True,
    help="The first and the last annotated slice of each label are its ends: nothing is drawn beyond them.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Folder for report.html, overlay.png, volumes.csv.")
@options.as_json
def predict(as_json, labels, **choices):
    """Carry a few annotated slices of IMAGE through the whole volume.

    Annotate any slices, as many as you like, of one muscle or several, in 3D Slicer, ITK-SNAP or any tool that writes
    NIfTI, MetaImage or NRRD. OUTPUT lies on the image's grid.

    \b
    Example: ifss predict calf.mha --reference slices.seg.nrrd -o mask.mha --report report
    """
    from ifss_keras.cli.console import slice_progress, start_tensorflow
    from ifss_keras.inference.job import Job, result_dict, run_job

    job = Job(labels=options.label_names(labels), **choices)
    if job.method == NETWORK:
        start_tensorflow()
    with slice_progress() as progress:
        result = run_job(job, progress)
    if as_json:
        click.echo(json.dumps(result_dict(job, result), indent=2))
        return
    _print(job, result)


def _print(job, result):
    from ifss_keras.cli.console import number, print_table
    from ifss_keras.inference.job import TOO_FEW, unchecked
    from ifss_keras.inference.summary import check_text, ends_text, gaps_text

    rows = [
        [
            summary.name,
            number(summary.volume_ml, 2),
            "-" if summary.first_slice is None else f"{summary.first_slice} to {summary.last_slice}",
            str(len(summary.reference_slices)),
            summary.method,
            number(summary.shape_volume_ml, 2),
            number(summary.spline_volume_ml, 2),
        ]
        for summary in result.prediction.summaries
    ]
    print_table("Volumes", ["label", "mL", "slices", "references", "made by", "mL by shape", "mL by spline"], rows)
    for summary in result.prediction.summaries:
        if summary.check:
            click.echo(f"{summary.name}: {check_text(summary)}.")
        if ends_text(summary):
            click.echo(f"{summary.name}: {ends_text(summary)}. Annotate a slice further out if it goes on.")
    if job.adapts:
        few = unchecked(result.prediction)
        if few:
            click.echo(f"Not adapted to, as {TOO_FEW}: {', '.join(few)}.")
    for note in result.notes:
        click.echo(f"Warning: {note}", err=True)
    for summary in result.prediction.summaries:
        if summary.first_slice is None:
            click.echo(f"Warning: no voxel of {summary.name} was found.", err=True)
        if summary.gaps:
            click.echo(f"Warning: {gaps_text(summary)}", err=True)
        if summary.touches_edge:
            click.echo(f"Warning: {summary.name} touches the volume's edge; part of it may lie outside.", err=True)
    places = f"{job.output}" + (f" and {job.report / 'report.html'}" if job.report else "")
    click.echo(f"Wrote {places} in {result.seconds:.0f} s.")
