"""What a sweep found, as files: the best recipe, a table, TensorBoard's view of the settings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ifss_keras.core.files import replacing_folder, write_whole
from ifss_keras.training.sweep.outcome import Outcome
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.settings import Knob

BEST, TABLE, TENSORBOARD = "best.yaml", "trials.csv", "tensorboard"
_DICE = "best_validation_dice"


def write_best(plan: SweepPlan, best: Outcome, folder: Path) -> Path:
    """The recipe with the best trial's values, which `ifss train --recipe` takes; its file."""
    recipe = plan.recipe_with(best.values)
    told = f"# The best recipe of a sweep by ifss tune: trial {best.trial}, validation Dice {best.dice:.4f}.\n"
    return write_whole(folder / BEST, told + yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))


def write_table(plan: SweepPlan, outcomes: Iterable[Outcome], folder: Path) -> Path:
    """A line for each trial: its status, knobs, best validation Dice, epochs and seconds; its file."""
    knobs, buffer = list(plan.sweep.knobs), io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", "status", *knobs, _DICE, "epochs", "seconds", "continued", "problem"])
    for outcome in outcomes:
        values = [outcome.values[knob] for knob in knobs]
        told = [outcome.dice, outcome.epochs, outcome.seconds, outcome.continued, outcome.problem]
        writer.writerow([outcome.trial, outcome.status, *values, *told])
    return write_whole(folder / TABLE, buffer.getvalue())


def write_hparams(plan: SweepPlan, outcomes: Iterable[Outcome], folder: Path) -> Path | None:
    """Every completed trial for TensorBoard's page HParams; their folder, or None without TensorBoard or TensorFlow."""
    if find_spec("tensorboard") is None or find_spec("tensorflow") is None:
        return None
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    with replacing_folder(folder / TENSORBOARD) as unfinished:
        with tf.summary.create_file_writer(str(unfinished)).as_default():
            domains = [api.HParam(path, _domain(api, knob)) for path, knob in plan.sweep.knobs.items()]
            api.hparams_config(hparams=domains, metrics=[api.Metric(_DICE, display_name="best validation Dice")])
        for outcome in outcomes:
            if outcome.dice is None:
                continue
            with tf.summary.create_file_writer(str(unfinished / outcome.trial)).as_default():
                api.hparams({path: _shown(value) for path, value in outcome.values.items()}, trial_id=outcome.trial)
                tf.summary.scalar(_DICE, outcome.dice, step=outcome.epochs)
    return folder / TENSORBOARD


def _domain(api, knob: Knob):
    if knob.choices is None:
        return api.RealInterval(float(knob.low), float(knob.high))
    return api.Discrete(_of_one_type([_shown(value) for value in knob.choices]))


def _of_one_type(values: Sequence[Any]) -> list:
    """The values as TensorBoard takes them: all texts unless all are of one type already."""
    return list(values) if len({type(value) for value in values}) == 1 else [str(value) for value in values]


def _shown(value: Any) -> Any:
    """A value as TensorBoard takes it: a number, a truth value or a text."""
    return value if isinstance(value, bool | int | float | str) else str(value)
