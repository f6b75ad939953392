"""`ifss bench`."""

from __future__ import annotations

from pathlib import Path

import click

TABLES = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "ablation5")


@click.command()
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(TABLES, case_sensitive=False),
    help="A table of the TMI paper, or its Ablation 5; repeat for more.",
)
@click.option("--miccai", multiple=True, type=click.Choice(["1", "2"]), help="A table of the MICCAI paper.")
@click.option("--all", "all_of_them", is_flag=True, help="Every table of both.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of cohort, trainings and tables.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder or CSV of a data set with the splits train and test [default: synthetic calves].",
)
@click.option("--recipes", type=click.Path(path_type=Path), help="Only write the recipe of every row to this folder.")
@click.option("--full", is_flag=True, help="Networks and trainings as large as the papers': days on a GPU.")
@click.pass_obj
def bench(call, tables, miccai, all_of_them, output, data, recipes, full):
    """Train and score the rows of the papers' tables, and show them beside the papers' figures.

    OUTPUT/tables.md has the tables and which of the papers' claims hold, tables.csv the numbers, tables.png a picture.
    Each row takes a few minutes on 2 cores. Interrupt it at any time: the same command goes on, and no finished row
    is done again.

    \b
    Example: ifss bench --table IV -o bench
    """
    from ifss_keras.bench.tables import tables_named
    from ifss_keras.core.errors import InputError

    chosen = tables_named(tables, miccai, all_of_them)
    if not chosen:
        raise InputError("No table is named: expected --table, --miccai or --all, received none; name one.")
    if output is None and (recipes is None or data is None):
        raise InputError("No folder is named for the cohort and the trainings: expected -o FOLDER; give one.")
    _run(call, chosen, output, data, recipes, full)


def _run(call, chosen, output, data, recipes, full):
    """Heavy: imports what trains."""
    from ifss_keras.bench.outputs import save_tables
    from ifss_keras.bench.rows import FULL, SMALL
    from ifss_keras.bench.run import run_tables, write_recipes
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.core.files import check_folder

    setting = FULL if full else SMALL
    for folder in filter(None, (output, recipes)):
        check_folder(folder)
    with slice_progress() as progress:
        cohort = _cohort(data, output, progress)
        if recipes is not None:
            click.echo(f"Wrote {len(write_recipes(chosen, recipes, cohort, setting))} recipes to {recipes}.")
            return
        results = run_tables(chosen, output, cohort, setting, tell=click.echo, progress=progress)
    written = save_tables(output, chosen, results, cohort, setting, call.command or "ifss bench")
    _print_verdicts(chosen, results, cohort)
    click.echo(f"Wrote {', '.join(str(path) for path in written)}.")


def _cohort(data, output, progress):
    from ifss_keras.bench.cohort import Calves, make_calves, read_cohort

    if data is not None:
        return read_cohort(data)
    return read_cohort(make_calves(output / "cohort", progress=progress), str(Calves()))


def _print_verdicts(chosen, results, cohort):
    from ifss_keras.bench.paper import MEASURES
    from ifss_keras.bench.tables import number, verdicts
    from ifss_keras.cli.console import print_table

    rows = [
        [
            verdict.claim.text,
            MEASURES[verdict.claim.measure],
            number(verdict.better, verdict.claim.measure),
            number(verdict.worse, verdict.claim.measure),
            verdict.word,
        ]
        for verdict in verdicts(chosen, results, cohort)
    ]
    if rows:
        print_table("Which claims hold here", ["claim", "by", "better one", "other one", "verdict"], rows)
