"""Which settings a sweep may vary, what is varied where nothing is said, and how refusals read."""

import pytest
import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.training.recipe import PropagationRecipe, SegmentationRecipe
from ifss_keras.training.sweep.plan import SweepPlan, read_sweep
from ifss_keras.training.sweep.settings import Sweep

RECIPE = {
    "name": "tiny",
    "network": {"image_size": [16, 16]},
    "training": {"calf": 1, "first_seed": 0},
    "validation": {"calf": 1, "first_seed": 1},
}


@pytest.fixture
def written(tmp_path):
    """A function from further keys to the file of a recipe."""

    def write(**keys):
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(RECIPE | keys, sort_keys=False))
        return path

    return write


@pytest.mark.parametrize("keys", [{}, {"sweep": None}, {"sweep": {"trials": 5}}])
def test_learning_rate_and_weight_decay_are_varied_where_nothing_is_said(keys, written):
    knobs = read_sweep(written(**keys)).sweep.knobs
    assert {path: (knob.low, knob.high, knob.scale) for path, knob in knobs.items()} == {
        "optimizer.learning_rate": (1e-4, 1e-2, "log"),
        "optimizer.weight_decay": (1e-6, 1e-3, "log"),
    }


def test_a_recipe_and_its_sweep_are_read_from_one_file(written):
    knobs = {"batch": {"choices": [2, 4]}, "loss.terms.dice": {"low": 0, "high": 2}}
    plan = read_sweep(written(epochs=7, sweep={"method": "bayesian", "trials": 3, "knobs": knobs}))
    assert plan.recipe == PropagationRecipe(**RECIPE, epochs=7)
    assert (plan.sweep.method, plan.sweep.trials, list(plan.sweep.knobs)) == ("bayesian", 3, list(knobs))
    assert plan.to_dict()["sweep"] == {"method": "bayesian", "trials": 3, "knobs": knobs}
    assert plan.with_trials(11).sweep.trials == 11
    assert plan.with_trials(None) is plan


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("batch", 3, lambda recipe: recipe.batch),
        ("optimizer.kind", "muon", lambda recipe: recipe.optimizer.kind),
        ("network.memory_dropout", 0.25, lambda recipe: recipe.network["memory_dropout"]),
        ("network.widths", (4, 6), lambda recipe: recipe.network["widths"]),
        ("propagation.margin", 1.25, lambda recipe: recipe.propagation.margin),
        ("loss.terms.tversky", 0.5, lambda recipe: recipe.loss.terms["tversky"]),
        ("clips.gap", (3, 9), lambda recipe: recipe.clips.gap),
        ("training.calf", 2, lambda recipe: recipe.training.calf),
    ],
)
def test_a_value_is_set_at_its_path_and_nowhere_else(path, value, found):
    plan = SweepPlan(PropagationRecipe(**RECIPE | {"validation": {"calf": 1, "first_seed": 9}}))
    before, changed = plan.recipe.model_dump(mode="json"), plan.recipe_with({path: value})
    assert found(changed) == value
    assert found(changed) != plan.recipe or plan.recipe.model_dump(mode="json") == before
    *groups, name = path.split(".")
    after = changed.model_dump(mode="json")
    for held in (before, after):
        for group in groups:
            held = held[group]
        held.pop(name, None)
    assert before == after


def test_a_recipe_of_a_network_without_reference_has_its_own_settings():
    keys = RECIPE | {"model": "UNet3D", "labels": {1: "shape 1"}}
    knobs = {"slices": {"choices": [4, 8]}, "network.widths": {"choices": [[4, 8], [8, 16]]}}
    plan = SweepPlan(SegmentationRecipe(**keys), Sweep(knobs=knobs))
    assert plan.recipe_with({"slices": 4}).slices == 4
    with pytest.raises(InputError, match="a recipe has no clips"):
        SweepPlan(SegmentationRecipe(**keys), Sweep(knobs={"clips.windows": {"choices": [1, 2]}}))


ONE = {"choices": [1, 2]}
BAD = {
    "an unknown setting": ({"knobs": {"optimiser.learning_rate": ONE}}, ["no optimiser", "did you mean optimizer?"]),
    "unknown in a group": ({"knobs": {"optimizer.rate": ONE}}, ["optimizer has no rate", "learning_rate"]),
    "unknown of the network": ({"knobs": {"network.dropout": ONE}}, ["network has no dropout", "memory_dropout"]),
    "a group": ({"knobs": {"optimizer": ONE}}, ["optimizer is a group", "optimizer.learning_rate"]),
    "below a setting": ({"knobs": {"batch.size": ONE}}, ["batch is one setting", "write batch."]),
    "below what is not there": ({"knobs": {"pseudo_labels.weight": ONE}}, ["no pseudo_labels", "add pseudo_labels"]),
    "a choice out of range": ({"knobs": {"batch": {"choices": [2, 0]}}}, ["batch 0", "greater than or equal to 1"]),
    "a choice of a wrong type": ({"knobs": {"optimizer.kind": {"choices": ["sdg"]}}}, ["optimizer.kind sdg", "'sgd'"]),
    "an end out of range": ({"knobs": {"loss.low": {"low": 0.1, "high": 0.9}}}, ["loss.low 0.9"]),
    "a range that falls": ({"knobs": {"batch": {"low": 4, "high": 2}}}, ["low below high", "4 and 2"]),
    "half a range": ({"knobs": {"batch": {"low": 4}}}, ["expected low and high, or choices"]),
    "both": ({"knobs": {"batch": {"low": 1, "high": 2, "choices": [1]}}}, ["choices alone"]),
    "no choice": ({"knobs": {"batch": {"choices": []}}}, ["sweep: knobs.batch.choices"]),
    "a choice twice": ({"knobs": {"batch": {"choices": [2, 2]}}}, ["each of the choices once"]),
    "a logarithm of 0": ({"knobs": {"loss.smooth": {"low": 0, "high": 1, "scale": "log"}}}, ["above 0 on the log"]),
    "no knob": ({"knobs": {}}, ["sweep: knobs"]),
    "an unknown key": ({"trails": 4}, ["trails", "unknown key"]),
    "an unknown method": ({"method": "grid"}, ["method", "'hyperband'"]),
    "no trial": ({"trials": 0}, ["trials", "received 0"]),
    "trials of hyperband": ({"method": "hyperband", "trials": 4}, ["trials follow from epochs"]),
    "a factor without hyperband": ({"factor": 4}, ["factor is of hyperband"]),
    "no mapping": ([1], ["sweep"]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_varied_is_refused_in_one_sentence(name, written):
    sweep, said = BAD[name]
    path = written(sweep=sweep)
    with pytest.raises(InputError) as stop:
        read_sweep(path)
    text = str(stop.value)
    assert text.startswith(f"The recipe {path} cannot be used: ")
    assert "\n" not in text
    for words in said:
        assert words in text


def test_the_number_of_trials_of_hyperband_cannot_be_given_later(written):
    plan = read_sweep(written(sweep={"method": "hyperband"}))
    with pytest.raises(InputError, match="trials follow from epochs"):
        plan.with_trials(4)


def test_a_bad_recipe_is_refused_as_by_train(written):
    with pytest.raises(InputError, match="epoch: unknown key"):
        read_sweep(written(epoch=3, sweep={}))
