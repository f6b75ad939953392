"""A whole training: its files, its refusals, and that an interruption changes nothing."""

import csv

import keras
import numpy as np
import pytest
import yaml

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.training import run, volumes
from ifss_keras.training.batches import trainer_datasets
from ifss_keras.training.build import build_trainer
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.training.run import train
from tests.training.interruption import Interrupter, Interruption


@pytest.fixture
def recipe(tiny_arguments):
    """A function from changes to a recipe of two epochs of two steps."""

    def build(**changes):
        return PropagationRecipe(
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

    def of_corpus(corpus, folder, made):
        folders.append(folder)
        return [moving_disc]

    def eager(recipe):
        trainer = original(recipe)
        trainer.run_eagerly = True
        return trainer

    monkeypatch.setattr(volumes, "prepare_volumes", of_corpus)
    monkeypatch.setattr(run, "build_trainer", eager)
    return folders


WHOLE = [
    "annotations.csv",
    "best.weights.h5",
    "card.md",
    "config.json",
    "last.weights.h5",
    "log.csv",
    "pictures",
    "recipe.yaml",
    "run.json",
    "tensorboard",
]


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


@pytest.mark.parametrize("kind", [pytest.param("adamw", marks=pytest.mark.slow), "muon"])
def test_an_interrupted_and_resumed_training_gives_the_same_weights(tmp_path, recipe, quick, capsys, kind):
    plan = recipe(optimizer={"kind": kind, "learning_rate": 0.01, "warmup_steps": 1})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    network = train(plan, whole)
    assert quick == [whole / "corpus" / "training", whole / "corpus" / "validation"]
    assert names(whole) == WHOLE
    assert PropagationRecipe(**yaml.safe_load((whole / "recipe.yaml").read_text())) == plan
    rows = logged(whole)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"loss", "dice", "alpha", "val_loss", "val_dice", "val_alpha"} < set(rows[0])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    best = network.get_weights()
    assert_same(best, weights_in(whole / "best.weights.h5", network))

    with pytest.raises(Interruption):
        train(plan, parts, callbacks=[Interrupter(3)])
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
        train(recipe(), tmp_path, callbacks=[Interrupter(3)])
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    with pytest.raises(InputError, match="already holds a training: resume it"):
        train(recipe(), tmp_path)
    with pytest.raises(InputError, match="started with another recipe"):
        train(recipe(seed=5), tmp_path, resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == before


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"image_size": (18, 18)}, "network IFSSNet cannot be built with .*: image_size must have rows divisible by 4"),
        ({"rates": (1, 9)}, "network IFSSNet cannot be built with .*: rates must be below the size"),
        ({"widths": (4, "six")}, r"cannot be built with .*widths=\(4, 'six'\).*`ifss models describe IFSSNet` shows"),
        ({"window": 1}, "network.window must be 2 or more"),
        ({"widht": 4}, "IFSSNet has no argument 'widht'.*did you mean widths"),
        ({"memory_level": 1, "memory_slots": 3}, "has 3 slots for annotated slices: expected 2, .* memory_slots to 2"),
        ({"matching_kernel": 4}, "network IFSSNet cannot be built with .*: matching_kernel must be odd"),
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
    loss = {
        "terms": {"parametric_tversky": 2.0, "dice": 0.25},
        "rule": "descent",
        "low": 0.2,
        "alpha": 0.4,
        "smooth": 9.0,
    }
    trainer = build_trainer(recipe(loss=loss))
    held = trainer.named_loss
    assert {name: getattr(held, name) for name in loss} == loss
    assert (held.tversky.rule, held.tversky.low, held.tversky.smooth) == ("descent", 0.2, 9.0)
    assert trainer.windows == 1


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth(recipe):
    plan = recipe(epochs=10, optimizer={"learning_rate": 0.01, "warmup_steps": 5, "weight_decay": 0.5})
    optimizer = build_trainer(plan).optimizer
    rates = [float(optimizer._learning_rate(step)) for step in (0, 1, 5, 20)]
    assert rates == pytest.approx([0, 0.002, 0.01, 0.0001], rel=1e-4)
    assert optimizer.weight_decay == 0.5


def test_batches_of_a_later_epoch_are_those_of_the_whole_sequence(recipe, moving_disc):
    plan = recipe()
    network = build_trainer(plan).network
    whole, validation = trainer_datasets(plan, network, [moving_disc], [moving_disc])
    rest, _ = trainer_datasets(plan, network, [moving_disc], [moving_disc], first_epoch=1)
    images = [[np.asarray(clip.evidence.image) for (clip,) in dataset] for dataset in (whole, rest, validation)]
    assert [len(part) for part in images] == [4, 2, 1]
    assert_same(images[1], images[0][2:])
    assert all(images[2][0].tobytes() != image.tobytes() for image in images[0])
    assert_same([np.asarray(clip.evidence.image) for (clip,) in validation], images[2])


class Spoiler(keras.callbacks.Callback):
    """Makes the network's weights NaN, as a learning rate that is far too high would."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def on_train_batch_end(self, batch, logs=None):
        self.network.set_weights([np.full_like(weight, np.nan) for weight in self.network.get_weights()])


def test_a_training_that_diverges_ends_with_an_error(tmp_path, recipe, quick, monkeypatch):
    plan = recipe(epochs=1, steps_per_epoch=1)
    trainer = run.build_trainer(plan)
    monkeypatch.setattr(run, "build_trainer", lambda plan: trainer)
    with pytest.raises(InputError, match=r"diverged: expected a finite validation loss .* lower optimizer") as refusal:
        train(plan, tmp_path, callbacks=[Spoiler(trainer.network)])
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "best.weights.h5").exists()


class Beginning(keras.callbacks.Callback):
    """Keeps the weights before the first step."""

    def __init__(self):
        super().__init__()
        self.weights = None

    def on_train_begin(self, logs=None):
        self.weights = self.model.network.get_weights()
        raise Interruption


def test_it_starts_from_the_weights_of_another_image_size(tmp_path, recipe, quick, tiny_arguments):
    larger = build_trainer(recipe(seed=9, network=tiny_arguments | {"image_size": (32, 32)})).network
    rng = np.random.default_rng(0)
    larger.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in larger.get_weights()])
    larger.save_weights(tmp_path / "larger.weights.h5")
    beginning = Beginning()
    with pytest.raises(Interruption):
        train(recipe(), tmp_path / "run", start_from=tmp_path / "larger.weights.h5", callbacks=[beginning])
    assert_same(beginning.weights, larger.get_weights())


def test_weights_that_it_cannot_start_from_are_refused_before_anything_is_written(
    tmp_path, recipe, quick, tiny_arguments
):
    other = build_trainer(recipe(network=tiny_arguments | {"widths": (4, 8)})).network
    other.save_weights(tmp_path / "other.weights.h5")
    for name, said in (("other.weights.h5", "do not fit the network"), ("none.weights.h5", "does not exist")):
        with pytest.raises(PresetError, match=said):
            train(recipe(), tmp_path / "run", start_from=tmp_path / name)
    assert quick == []
    assert not (tmp_path / "run").exists()


def test_a_folder_with_other_files_is_no_place_for_a_training(tmp_path, recipe, quick):
    (tmp_path / "report.html").write_text("")
    with pytest.raises(InputError, match=r"holds other files: .* one with report.html; choose another"):
        train(recipe(), tmp_path)
    assert quick == []
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_there_is_nothing_to_resume_in_a_folder_that_is_not_there(tmp_path, recipe, quick):
    with pytest.raises(InputError, match=r"no training in .*nowhere to resume"):
        train(recipe(), tmp_path / "nowhere", resume=True)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("corpus", [True, False])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, recipe, quick, corpus):
    (tmp_path / "file").write_text("")
    folder, corpus_folder = (tmp_path / "new", tmp_path / "file") if corpus else (tmp_path / "file" / "new", None)
    with pytest.raises(InputError, match=r"cannot be made .*: choose another place"):
        train(recipe(), folder, corpus_folder=corpus_folder)
