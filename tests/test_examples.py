"""The examples run as they stand."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from ifss_keras.training.build import network_of
from ifss_keras.training.recipe import read_recipe
from ifss_keras.zoo.presets import find_preset, verified_weights

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs an example with arguments, in this process, and returns what it prints."""

    def script(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return script


@pytest.fixture
def predicted(run):
    """Name, predicted and true mL of every muscle that the first example prints."""
    line = r"^(\w+): ([\d.]+) mL \(truth ([\d.]+) mL\)$"
    found = re.findall(line, run("01_predict.py", 48, 64), re.MULTILINE)
    return {name: (float(volume_ml), float(truth_ml)) for name, volume_ml, truth_ml in found}


def test_predict_prints_every_muscle_near_its_truth(predicted):
    assert set(predicted) == {"SOL", "GM", "GL"}
    for volume_ml, truth_ml in predicted.values():
        assert abs(volume_ml - truth_ml) < 0.1 * truth_ml


def test_the_recipe_builds_a_network_for_its_labels_and_the_background():
    recipe = read_recipe(EXAMPLES / "03_unet3d.yaml")
    assert network_of(recipe).output["probabilities"].shape == (None, 8, 96, 96, 4)
    assert list(recipe.labels.values()) == ["SOL", "GM", "GL"]


def test_train_leaves_weights_that_predict(run, tmp_path):
    out = run("02_train.py", tmp_path / "run")
    assert re.search(r"^shape 1: [\d.]+ mL$", out, re.MULTILINE)
    held = {path.name for path in (tmp_path / "run").iterdir()}
    assert held == {"best.weights.h5", "card.md", "config.json", "corpus", "last.weights.h5", "log.csv", "recipe.yaml"}
    preset = find_preset(tmp_path / "run")
    assert verified_weights(preset) == tmp_path / "run" / "best.weights.h5"
    assert (preset.propagation.size, preset.architecture) == (32, "IFSSNet")


def test_sweep_leaves_the_best_recipe_of_three_trainings(run, tmp_path):
    out = run("04_sweep.py", tmp_path / "sweep")
    line = r"^trial (\d): {'optimizer.learning_rate': ([\d.]+), 'batch': (\d)}, validation Dice ([\d.]+)$"
    trials = re.findall(line, out, re.MULTILINE)
    assert [name for name, *_ in trials] == ["0", "1", "2"]
    name, rate, batch, _ = max(trials, key=lambda trial: float(trial[3]))
    assert out.splitlines()[-1].startswith(f"the best is trial {name}: ")
    best = read_recipe(tmp_path / "sweep" / "best.yaml")
    assert (best.optimizer.learning_rate, best.batch, best.epochs) == (float(rate), int(batch), 1)
    for name, rate, batch, _ in trials:
        trained = read_recipe(tmp_path / "sweep" / "trials" / name / "recipe.yaml")
        assert (trained.optimizer.learning_rate, trained.batch) == (float(rate), int(batch))
        assert verified_weights(find_preset(tmp_path / "sweep" / "trials" / name)).name == "best.weights.h5"
