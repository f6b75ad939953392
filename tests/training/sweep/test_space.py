"""The search space as keras-tuner has it, and the values that come of what it draws."""

import math

import keras_tuner
import numpy as np
import pytest

from ifss_keras.training.sweep.oracles import oracle_of
from ifss_keras.training.sweep.space import hyperparameters, values_of
from tests.training.sweep.needs import NEEDS_SKLEARN

KNOBS = {
    "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "scale": "log"},
    "optimizer.warmup_steps": {"low": 2, "high": 7},
    "loss.smooth": {"low": 1, "high": 3},
    "batch": {"choices": [2, 3, 5]},
    "optimizer.clip_norm": {"choices": [None, 0.5]},
    "network.widths": {"choices": [[4], [4, 6]]},
}


@pytest.fixture
def drawn(plan):
    """The values of 200 trials at random."""
    sweep = plan(trials=200, knobs=KNOBS)
    oracle = oracle_of(sweep)
    return [values_of(sweep, oracle.populate_space(str(index))["values"]) for index in range(200)]


def test_each_knob_is_of_its_kind(plan):
    kinds = {part.name: type(part).__name__ for part in hyperparameters(plan(knobs=KNOBS)).space}
    assert kinds == {
        "optimizer.learning_rate": "Float",
        "optimizer.warmup_steps": "Int",
        "loss.smooth": "Float",
        "batch": "Choice",
        "optimizer.clip_norm": "Choice",
        "network.widths": "Choice",
    }


def test_only_choices_that_rise_are_near_or_far(plan):
    knobs = {
        "batch": {"choices": [2, 3]},
        "epochs": {"choices": [3, 2]},
        "optimizer.kind": {"choices": ["adam", "sgd"]},
    }
    assert [part.ordered for part in hyperparameters(plan(knobs=knobs)).space] == [True, False, False]


def test_values_fill_their_ranges_and_no_more(drawn):
    rates = np.log10([values["optimizer.learning_rate"] for values in drawn])
    assert (rates.min() >= -4, rates.max() <= -2) == (True, True)
    assert abs(rates.mean() + 3) < 0.15  # evenly over the logarithm; four standard errors of 200
    smooth = np.array([values["loss.smooth"] for values in drawn])
    assert (smooth.min() >= 1, smooth.max() <= 3, abs(smooth.mean() - 2) < 0.17) == (True, True, True)
    assert {values["optimizer.warmup_steps"] for values in drawn} == set(range(2, 8))
    assert {values["batch"] for values in drawn} == {2, 3, 5}
    assert {values["optimizer.clip_norm"] for values in drawn} == {None, 0.5}
    assert {values["network.widths"] for values in drawn} == {(4,), (4, 6)}


def test_every_value_makes_a_recipe(drawn, plan):
    sweep = plan(knobs=KNOBS)
    for values in drawn[:20]:
        assert sweep.recipe_with(values).network["widths"] == values["network.widths"]


def test_values_are_the_same_after_the_single_precision_between_chief_and_workers(plan):
    sweep = plan(trials=50, knobs=KNOBS)
    oracle = oracle_of(sweep)
    for index in range(50):
        space = oracle.get_space()
        space.values = oracle.populate_space(str(index))["values"]
        sent = keras_tuner.HyperParameters.from_proto(space.to_proto())
        assert values_of(sweep, sent.values) == values_of(sweep, space.values)


def test_rounding_leaves_no_range(plan):
    sweep = plan(knobs={"loss.smooth": {"low": 1.2344, "high": math.pi}})
    for value, rounded in ((1.23441, 1.2344), (1.3333333, 1.333), (math.pi, math.pi)):
        assert values_of(sweep, {"loss.smooth": value}) == {"loss.smooth": rounded}


@pytest.mark.parametrize("method", ["random", pytest.param("bayesian", marks=NEEDS_SKLEARN)])
def test_another_seed_draws_other_values(method, plan, recipe):
    first, other = plan(method=method), plan(method=method)
    object.__setattr__(other, "recipe", recipe.model_copy(update={"seed": 0}))
    values = [values_of(sweep, oracle_of(sweep).populate_space("0")["values"]) for sweep in (first, first, other)]
    assert values[0] == values[1]
    assert values[0] != values[2]
