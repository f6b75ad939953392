"""`ifss tune`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ifss_keras.cli.options import as_json
from ifss_keras.cli.stopping import was_stopped


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of this sweep.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    help="Folder of synthetic volumes to keep [default: OUTPUT/corpus].",
)
@click.option("--trials", type=click.IntRange(1, 10_000), help="How many  [default: sweep.trials of the recipe, or 8].")
@as_json
def tune(recipe, output, corpus, trials, as_json):
    """Search the best settings of a recipe: train it again and again with others.

    RECIPE is a recipe whose key `sweep` says what is varied; without it the learning rate and the weight decay are.
    OUTPUT/best.yaml is the recipe of the best validation Dice, for `ifss train --recipe`. Interrupt it at any time:
    the same command goes on.

    \b
    sweep:
      method: random        # or bayesian, hyperband
      trials: 8
      knobs:
        optimizer.learning_rate: {low: 0.0001, high: 0.01, scale: log}
        batch: {choices: [2, 4]}

    Several processes share a sweep where each runs this command on one folder, with keras-tuner's variables:
    KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT, and KERASTUNER_TUNER_ID=chief for the one that hands out the trials,
    another ID for each of the others. One that was killed goes on under the same ID.

    \b
    Example: ifss tune zoo/ifss_synthetic_v5/recipe.yaml -o sweeps/mine
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.jobs.tune import run_tune, run_worker
    from ifss_keras.training.needs import check_volumes
    from ifss_keras.training.sweep.plan import read_sweep
    from ifss_keras.training.sweep.role import role

    plan = read_sweep(recipe).with_trials(trials)
    check_volumes(plan.recipe)
    part = role()

    def told(outcome):
        click.echo(_line(outcome), err=as_json)

    with slice_progress() as progress:
        try:
            given = {"corpus_folder": corpus, "told": told, "progress": progress}
            if part == "worker":
                run_worker(plan, output, **given)
                return
            result = run_tune(plan, output, **given)
        except BaseException as error:
            if was_stopped(error):
                click.echo("The same command goes on; no trial that has ended is repeated.", err=True)
            raise
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=1))
        return
    _print_result(plan, result)
    click.echo(f"Wrote {result.files['recipe']}: ifss train --recipe {result.files['recipe']} -o ...")


def _line(outcome) -> str:
    """What came of one trial."""
    values = ", ".join(f"{path} {value}" for path, value in outcome.values.items())
    if outcome.dice is None:
        return f"trial {outcome.trial}, {values}: failed. {outcome.problem}"
    epochs = f"{outcome.epochs} epoch{'s' if outcome.epochs > 1 else ''}"
    return f"trial {outcome.trial}, {values}: validation Dice {outcome.dice:.4f} ({epochs}, {outcome.seconds:.0f} s)"


def _print_result(plan, result) -> None:
    """The trials, the best first."""
    from ifss_keras.cli.console import number, print_table

    ranked = sorted(result.outcomes, key=lambda outcome: -1 if outcome.dice is None else outcome.dice, reverse=True)
    rows = [
        [
            outcome.trial,
            *(str(outcome.values[path]) for path in plan.sweep.knobs),
            "failed" if outcome.dice is None else number(outcome.dice, 4),
            str(outcome.epochs),
            number(outcome.seconds, 0),
        ]
        for outcome in ranked
    ]
    print_table("Trials, the best first", ["trial", *plan.sweep.knobs, "validation Dice", "epochs", "s"], rows)
