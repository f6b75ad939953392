"""`ifss demo`."""

from __future__ import annotations

from pathlib import Path

import click

from ifss_keras.cli import options


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Folder, made if absent.",
)
@options.force
@click.pass_obj
def demo(call, output, force):
    """See the whole job on a synthetic calf: annotate, predict, evaluate, report."""
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.cli.evaluate import print_evaluation
    from ifss_keras.core.backend import start_backend
    from ifss_keras.jobs.demo import ANNOTATED, run_demo

    click.echo(f"A synthetic calf with {ANNOTATED} of its 160 slices annotated ...")
    start_backend()
    with slice_progress() as progress:
        evaluation = run_demo(output, force=force, progress=progress, call=call)
    print_evaluation(evaluation)
    click.echo(f"Open {output / 'report.html'} in a browser.")
