"""`ifss suggest`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options
from ifss_keras.zoo.presets import DEFAULT_PRESET


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--reference", type=click.Path(path_type=Path), required=True, help="Labels of the slices annotated so far."
)
@click.option("--count", type=click.IntRange(1), default=3, show_default=True, help="How many slices.")
@click.option("--preset", help=f"As of `ifss predict`: {DEFAULT_PRESET} if not given.")
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
    help="The first and the last annotated slice of each label are its ends: nothing is suggested beyond them.",
)
@options.as_json
def suggest(count, as_json, **choices):
    """Say which slices of IMAGE to annotate next, and how much volume each is expected to put right.

    The network carries the slices annotated so far through the volume. Where it is unsure, where its two directions
    disagree and where annotated slices are far, more of its mask is expected to be wrong; each slice that is suggested
    counts on those before it being annotated. Nothing is written.

    \b
    Example: ifss suggest calf.mha --reference slices.seg.nrrd
    """
    from ifss_keras.cli.console import print_table, slice_progress
    from ifss_keras.inference.messages import gain_text
    from ifss_keras.jobs.suggest import suggest_slices

    with slice_progress() as progress:
        found = suggest_slices(options.job_of(output=None, **choices), count, progress)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    for text in found.prediction.warnings:
        click.echo(f"Warning: {text}", err=True)
    if not found.suggestions:
        click.echo("There is nothing left to annotate: every slice of the masks is annotated.")
        return
    names = found.prediction.names
    rows = [[str(held.slice), names[held.code], gain_text(held.gain)] for held in found.suggestions]
    print_table("Annotate next", ["slice", "muscle", "less wrong by"], rows)
