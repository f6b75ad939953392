"""`ifss data`: check and prepare a lab's own volumes."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli import options
from ifss_keras.cli.group import Group


@click.group(cls=Group)
def data():
    """Check your own volumes before a training, or make their working copies."""


@data.command("check")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), help="Folder for a page with a picture of each volume.")
@options.force
@options.as_json
@click.pass_obj
def check(call, dataset, report, force, as_json):
    """Say what is wrong with the volumes in DATASET, a folder or a CSV, before hours are spent on them.

    One finding a line; an error stops a training, and then the exit code is 1.

    \b
    Example: ifss data check legs --report legs_report
    """
    from ifss_keras.cli.console import print_table, slice_progress
    from ifss_keras.jobs.data import check_data
    from ifss_keras.report.data_page import COLUMNS, table_rows

    with slice_progress() as progress:
        checked = check_data(dataset, report=report, force=force, call=call, progress=progress)
    if as_json:
        click.echo(json.dumps(checked.to_dict(), indent=2))
        return int(checked.stops_a_training)
    print_table(f"Data set {dataset}", list(COLUMNS), table_rows(dataset, checked.known))
    for finding in checked.findings:
        click.echo(f"{finding.severity}: {finding.text}")
    errors = sum(finding.severity == "error" for finding in checked.findings)
    warnings = len(checked.findings) - errors
    ending = "Mend the errors before training." if errors else "Nothing stops a training."
    click.echo(f"{len(checked.known)} volumes, {errors} errors, {warnings} warnings. {ending}")
    if report:
        click.echo(f"Wrote {report / 'index.html'}.")
    return int(checked.stops_a_training)


@data.command("prepare")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the working copies.")
def prepare(dataset, output):
    """Make the working copies of the volumes in DATASET, as `ifss train` does by itself.

    Interrupt it at any time and start it again: copies that are whole stay. `ifss train --corpus FOLDER` has them in
    FOLDER/data.

    \b
    Example: ifss data prepare legs -o runs/corpus/data
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.jobs.data import prepare_data

    with slice_progress() as progress:
        copies = prepare_data(dataset, output, progress=progress)
    click.echo(f"{len(copies)} working copies are in {output}.")
