"""The search space of a sweep as keras-tuner sees it."""

from __future__ import annotations

from typing import Any

from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.settings import Knob

DIGITS = 4  # of a value that was drawn; the numbers that pass between chief and workers have 7


def hyperparameters(plan: SweepPlan):
    """The knobs as keras-tuner's `HyperParameters`.

    Of choices it knows the places alone: so they may be of any type, and survive the numbers in single precision that
    chief and workers exchange. Only numbers that rise are taken as near or far by the Bayesian method.
    """
    import keras_tuner

    space = keras_tuner.HyperParameters()
    for path, knob in plan.sweep.knobs.items():
        if knob.choices is not None:
            space.Choice(path, list(range(len(knob.choices))), ordered=_rises(knob.choices))
        elif _is_whole(plan, path, knob):
            space.Int(path, knob.low, knob.high, sampling=knob.scale)
        else:
            space.Float(path, knob.low, knob.high, sampling=knob.scale)
    return space


def values_of(plan: SweepPlan, drawn: dict[str, Any]) -> dict[str, Any]:
    """The knobs' values of a trial, from what keras-tuner has drawn."""
    values = {}
    for path, knob in plan.sweep.knobs.items():
        value = drawn[path]
        if knob.choices is not None:
            values[path] = knob.choices[value]
        elif _is_whole(plan, path, knob):
            values[path] = int(value)
        else:
            values[path] = min(max(float(f"{value:.{DIGITS}g}"), knob.low), knob.high)
    return values


def _rises(choices: tuple) -> bool:
    """Whether these are numbers, each above the one before."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in choices)
    return numbers and list(choices) == sorted(choices)


def _is_whole(plan: SweepPlan, path: str, knob: Knob) -> bool:
    """Whether a range is of whole numbers: its ends are, and the setting is no fraction."""
    ends = isinstance(knob.low, int) and isinstance(knob.high, int)
    return ends and not isinstance(plan.value_at(path), float)
