"""`ifss agree`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options


@click.command()
@click.argument("places", type=click.Path(path_type=Path), nargs=-1, required=True)
@options.label
@options.spacing
@options.max_gb
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Folder for report.html, bland_altman.png, reliability.csv, limits.csv, measurements.csv and agreement.xlsx.",
)
@options.force
@options.as_json
@click.pass_obj
def agree(call, places, labels, as_json, **choices):
    """Say how well raters agree who measured the same muscles.

    PLACES is a CSV with the columns subject, rater and volume_ml, and session and muscle if there are several; or two
    or more folders of masks, one of each rater, with the same file names in each. ICC(2,1) and ICC(3,1), CV, SEM,
    minimal detectable change, bias and limits of agreement; of masks also Dice and surface distances.

    \b
    Examples: ifss agree raters.csv --report agreement
              ifss agree masks_anna masks_ben
    """
    from ifss_keras.cli.console import print_table, slice_progress
    from ifss_keras.jobs.agree import agree as agreement_of
    from ifss_keras.report import agreement as shown

    with slice_progress() as progress:
        found = agreement_of(places, names=options.label_names(labels), call=call, progress=progress, **choices)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    print_table("Reliability", list(shown.RELIABILITY_HEADS), shown.reliability_rows(found.comparisons))
    print_table("Limits of agreement", list(shown.LIMITS_HEADS), shown.limits_rows(found.comparisons))
    if found.overlaps:
        print_table("Masks, means over the subjects", list(shown.OVERLAP_HEADS), shown.overlap_rows(found))
    for text in found.left_out:
        click.echo(text)
    for text in found.warnings:
        click.echo(f"Warning: {text}", err=True)
    if choices["report"]:
        click.echo(f"Wrote {choices['report'] / 'report.html'}.")
