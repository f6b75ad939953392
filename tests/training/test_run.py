"""A whole training: its files, its refusals, and that an interruption changes nothing."""

import csv

import keras
import numpy as np
import pytest
import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.training import run
from ifss_keras.training.recipe import Recipe
from ifss_keras.training.run import build_trainer, train, trainer_datasets


@pytest.fixture
def recipe(tiny_arguments):
    """A function from changes to a recipe of two epochs of two steps."""

    def build(**changes):
        return Recipe(
            **{
                "name": "tiny",
                "seed": 4,
                "network": tiny_arguments,
                "training": {"calf": 1, "first_seed": 1},
                "validation": {"calf": 1, "first_seed": 2},
                "clips": {"windows": 1, "gap": (4, 20), "rollout": (0, 1)},
                "optimizer": {"learning_rate": 0.01, "warmup_steps": 1},
                "batch": 2,
                "steps_per_epoch": 2,
                "epochs": 2,
                "validation_steps": 1,
                **changes,
            }
        )

    return build


@pytest.fixture
def quick(monkeypatch, moving_disc):
    """One tiny volume in place of the corpus, and no graph to compile. Lists the folders asked for volumes."""
    folders, original = [], run.build_trainer

    def volumes(corpus, folder, made):
        folders.append(folder)
        return [moving_disc]

    def eager(recipe):
        trainer = original(recipe)
        trainer.run_eagerly = True
        return trainer

    monkeypatch.setattr(run, "prepare_volumes", volumes)
    monkeypatch.setattr(run, "build_trainer", eager)
    return folders


class Interruption(Exception):
    pass


class Interrupter(keras.callbacks.Callback):
    """Stops a training in the middle of its second epoch."""

    def __init__(self):
        super().__init__()
        self.epoch = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1:
            raise Interruption


def logged(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def weights_in(path, network):
    network.load_weights(path)
    return network.get_weights()


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interrupted_and_resumed_training_gives_the_same_weights(tmp_path, recipe, quick, capsys):
    plan, whole, parts = recipe(), tmp_path / "whole", tmp_path / "parts"
    network = train(plan, whole)
    assert quick == [whole / "corpus" / "training", whole / "corpus" / "validation"]
    assert names(whole) == ["best.weights.h5", "last.weights.h5", "log.csv", "recipe.yaml"]
    assert Recipe(**yaml.safe_load((whole / "recipe.yaml").read_text())) == plan
    rows = logged(whole)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"loss", "dice", "alpha", "val_loss", "val_dice", "val_alpha"} < set(rows[0])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    best = network.get_weights()
    assert_same(best, weights_in(whole / "best.weights.h5", network))

    with pytest.raises(Interruption):
        train(plan, parts, callbacks=[Interrupter()])
    assert "backup" in names(parts)
    assert len(logged(parts)) == 1
    again = train(plan, parts, resume=True)
    assert names(parts) == names(whole)
    assert logged(parts) == rows
    assert_same(best, again.get_weights())
    last = [weights_in(folder / "last.weights.h5", network) for folder in (parts, whole)]
    assert_same(*last)

    with pytest.raises(InputError, match="is finished"):
        train(plan, parts, resume=True)
    assert logged(parts) == rows


def test_a_folder_with_a_training_is_not_overwritten(tmp_path, recipe, quick):
    with pytest.raises(Interruption):
        train(recipe(), tmp_path, callbacks=[Interrupter()])
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    with pytest.raises(InputError, match="already holds a training: pass --resume"):
        train(recipe(), tmp_path)
    with pytest.raises(InputError, match="started with another recipe"):
        train(recipe(seed=5), tmp_path, resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == before


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"image_size": (16, 32)}, "network.image_size must be square"),
        ({"image_size": (18, 18)}, "network cannot be built: image_size must have rows divisible by 4"),
        ({"rates": (1, 9)}, "network cannot be built: rates must be below the size"),
        ({"matching_kernel": 4}, "network cannot be built: matching_kernel must be odd"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_before_anything_is_written(
    tmp_path, recipe, quick, tiny_arguments, network, said
):
    with pytest.raises(InputError, match=said):
        train(recipe(network=tiny_arguments | network), tmp_path / "new")
    assert quick == []
    assert not (tmp_path / "new").exists()


def test_the_seed_decides_the_first_weights(recipe):
    first, again, other = (build_trainer(recipe(seed=seed)).network.get_weights() for seed in (4, 4, 5))
    assert_same(first, again)
    assert any((one != another).any() for one, another in zip(first, other, strict=True))


def test_the_trainer_has_the_loss_and_the_windows_of_the_recipe(recipe):
    loss = {"rule": "descent", "low": 0.2, "smooth": 9.0, "cross_entropy": 0.25}
    trainer = build_trainer(recipe(loss=loss))
    tversky = trainer.tversky
    assert loss == {
        "rule": tversky.rule,
        "low": tversky.low,
        "smooth": tversky.smooth,
        "cross_entropy": trainer.cross_entropy,
    }
    assert trainer.windows == 1


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth(recipe):
    plan = recipe(epochs=10, optimizer={"learning_rate": 0.01, "warmup_steps": 5, "weight_decay": 0.5})
    optimizer = build_trainer(plan).optimizer
    rates = [float(optimizer._learning_rate(step)) for step in (0, 1, 5, 20)]
    assert rates == pytest.approx([0, 0.002, 0.01, 0.0001], rel=1e-4)
    assert optimizer.weight_decay == 0.5


def test_batches_of_a_later_epoch_are_those_of_the_whole_sequence(recipe, moving_disc):
    plan = recipe()
    settings = plan.clip_settings()
    whole, validation = trainer_datasets(plan, settings, [moving_disc], [moving_disc])
    rest, _ = trainer_datasets(plan, settings, [moving_disc], [moving_disc], first_epoch=1)
    images = [[np.asarray(clip.evidence.image) for clip in dataset] for dataset in (whole, rest, validation)]
    assert [len(part) for part in images] == [4, 2, 1]
    assert_same(images[1], images[0][2:])
    assert all(images[2][0].tobytes() != image.tobytes() for image in images[0])
    assert_same([np.asarray(clip.evidence.image) for clip in validation], images[2])


def test_volumes_are_made_once_in_the_folder_asked_for(tmp_path, recipe, monkeypatch):
    asked = []
    monkeypatch.setattr(run, "make_corpus", lambda *arguments, **named: asked.append((arguments, named)) or ["a", "b"])
    monkeypatch.setattr(run, "load_volume", lambda path: path.upper())
    corpus = recipe(training={"calf": 2, "shapes": 3, "first_seed": 7}).training
    assert run.prepare_volumes(corpus, tmp_path, made=print) == ["A", "B"]
    assert asked == [((tmp_path, {"calf": 2, "shapes": 3}, 7), {"made": print})]
