"""The examples run as they stand."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from ifss_keras.datasets.listing import read_dataset, splits
from ifss_keras.training.build import network_of
from ifss_keras.training.recipe import read_recipe
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, verified_weights
from ifss_keras.zoo.weights_file import load_weights

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs an example with arguments, in this process, and returns what it prints."""

    def script(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return script


@pytest.fixture(scope="module")
def fine_tune():
    """What the example of fine-tuning defines, by name; nothing of it has run."""
    return runpy.run_path(str(EXAMPLES / "03_fine_tune.py"), run_name="example")


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
    recipe = read_recipe(EXAMPLES / "05_unet3d.yaml")
    assert network_of(recipe).output["probabilities"].shape == (None, 8, 96, 96, 4)
    assert list(recipe.labels.values()) == ["SOL", "GM", "GL"]


def test_train_leaves_weights_that_predict(run, tmp_path):
    out = run("02_train.py", tmp_path / "run")
    assert re.search(r"^shape 1: [\d.]+ mL$", out, re.MULTILINE)
    held = {path.name for path in (tmp_path / "run").iterdir()}
    assert held == {
        *("annotations.csv", "best.weights.h5", "card.md", "config.json", "corpus", "last.weights.h5", "log.csv"),
        *("pictures", "recipe.yaml", "run.json", "tensorboard"),
    }
    preset = find_preset(tmp_path / "run")
    assert verified_weights(preset) == tmp_path / "run" / "best.weights.h5"
    assert (preset.propagation.size, preset.architecture) == (32, "IFSSNet")


def test_the_septum_is_the_dark_line_where_the_label_ends(fine_tune):
    image, labels = fine_tune["septum_volume"](8, slices=20, size=96)
    depth = np.stack([distance_transform_edt(plane) - distance_transform_edt(1 - plane) for plane in labels])
    grey = {far: image[(far <= depth) & (depth < far + 1)].mean() for far in (*range(-8, 0), *range(1, 9))}
    assert min(grey, key=grey.get) in (-1, 1)  # the pixels on either side of the border
    assert min(grey.values()) < 0.7 * np.median(list(grey.values()))


def test_the_septum_moves_on_its_own_between_annotated_slices(fine_tune):
    _, labels = fine_tune["septum_volume"](8)
    areas = labels.sum((1, 2), dtype=float)
    straight = np.interp(np.arange(120), (0, 40, 79, 119), areas[[0, 40, 79, 119]])
    assert np.abs(areas / straight - 1).max() > 0.2
    assert np.abs(np.diff(areas)).max() < 0.1 * areas.max()  # but not faster than can be followed


def test_the_same_seed_gives_the_same_volume_and_another_seed_another(fine_tune):
    first, same, other = (fine_tune["septum_volume"](seed, slices=3, size=32) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, same)
    assert (first[0] != other[0]).mean() > 0.5
    assert (first[1] != other[1]).any()


def test_the_fourth_volume_is_neither_trained_on_nor_validated_on(fine_tune, tmp_path):
    fine_tune["write_data_set"](tmp_path, 6)
    dataset = read_dataset(tmp_path)
    training, validation = splits(dataset, 0.2, 1)
    subjects = [[case.subject for case in part] for part in (training, validation, dataset.cases)]
    assert subjects == [["P1", "P2"], ["P3"], ["P1", "P2", "P3", "P4"]]
    assert len(set(fine_tune["SEEDS"].values())) == 4


def test_the_recipe_of_fine_tuning_fits_the_released_weights(fine_tune, tmp_path):
    recipe, preset = fine_tune["recipe_for"](tmp_path, 200), find_preset(DEFAULT_PRESET)
    assert recipe.epochs * recipe.steps_per_epoch == 200
    network = network_of(recipe)
    assert network.count_params() == preset.parameters
    load_weights(network, verified_weights(preset))
    assert recipe.settings(network.window) == preset.propagation


@pytest.mark.slow
def test_fine_tuning_in_two_steps_prints_what_was_gained(run, tmp_path):
    out = run("03_fine_tune.py", tmp_path, 2, 40)
    lines = re.findall(r"^(.*): Dice ([\d.]+), volume error ([\d.]+) %$", out, re.MULTILINE)
    assert [name for name, *_ in lines] == ["shape interpolation", DEFAULT_PRESET, "fine-tuned"]
    (_, before, _), (_, after, _) = lines[1:]
    gain = float(re.search(r"^1 - Dice: (-?\d+) % lower", out, re.MULTILINE)[1])
    assert gain == pytest.approx(100 * (1 - (1 - float(after)) / (1 - float(before))), abs=0.6)
    assert verified_weights(find_preset(tmp_path / "run")).name == "best.weights.h5"


@pytest.mark.slow
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
