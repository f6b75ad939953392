"""A training that is stopped anywhere and resumed is the uninterrupted one: weights, logs, pictures."""

import csv
import json

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training import run, volumes
from ifss_keras.training.callbacks import seed_states
from ifss_keras.training.event_log import FILE, read_events
from ifss_keras.training.recipe import SegmentationRecipe
from ifss_keras.training.run import train
from tests.training.interruption import Interrupter, Interruption

EPOCHS, STEPS = 2, 3


@pytest.fixture
def recipe():
    """Two epochs of three batches, two to a step of the weights, with dropout."""
    return SegmentationRecipe(
        name="tiny",
        model="SegNetFS",
        seed=4,
        labels={1: "disc"},
        slices=2,
        network={"image_size": (16, 16), "widths": (4,), "rates": (1,), "first_depth_multiplier": 1, "head_width": 3},
        training={"calf": 1, "first_seed": 1},
        validation={"calf": 1, "first_seed": 2},
        loss={"terms": {"parametric_tversky": 1.0, "cross_entropy": 0.5}},
        optimizer={"learning_rate": 0.01, "warmup_steps": 1, "accumulate": 2},
        batch=2,
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        validation_steps=1,
    )


@pytest.fixture
def quick(monkeypatch, moving_disc):
    """One tiny volume in place of the corpus, and no graph to compile; a list of the volumes, to be changed."""
    held, original = [moving_disc], run.build_trainer

    def eager(recipe):
        trainer = original(recipe)
        trainer.run_eagerly = True
        return trainer

    monkeypatch.setattr(volumes, "prepare_volumes", lambda *_: list(held))
    monkeypatch.setattr(run, "build_trainer", eager)
    return held


def files(folder, pattern):
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}


def scalars(folder, part):
    """[(step, {tag: value})] of a TensorBoard log."""
    events = [event for event in read_events(folder / "tensorboard" / part / FILE) if event.summary.value]
    return [(event.step, {value.tag: value.simple_value for value in event.summary.value}) for event in events]


def assert_logs_of_every_epoch(folder):
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for part, prefix in (("training", ""), ("validation", "val_")):
        held = scalars(folder, part)
        assert [step for step, _ in held] == [1, 2]
        for row, (_, values) in zip(rows, held, strict=True):
            assert {"loss", "dice", "alpha"} <= set(values)
            assert ("learning_rate" in values) == (part == "training")
            for name, value in values.items():
                assert value == pytest.approx(float(row[prefix + name]), rel=1e-6), (part, name)
    assert sorted(files(folder, "pictures/*")) == ["epoch_0001.png", "epoch_0002.png"]


def test_it_is_the_uninterrupted_one_with_dropout_and_half_a_step_of_the_weights(tmp_path, recipe, quick):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe, whole)
    for steps, resume in ((1, False), (STEPS + 1, True)):
        with pytest.raises(Interruption):
            train(recipe, parts, resume=resume, callbacks=[Interrupter(steps)])
    train(recipe, parts, resume=True, command="ifss train --resume")
    assert len(files(whole, "*.h5")) == 2
    assert_logs_of_every_epoch(whole)
    for pattern in ("*.h5", "pictures/*.png", "log.csv", "config.json", "annotations.csv", "recipe.yaml"):
        assert files(parts, pattern) == files(whole, pattern), pattern
    for part in ("training", "validation"):
        assert scalars(parts, part) == scalars(whole, part)
    held = json.loads((parts / "run.json").read_text())
    assert [start["epochs_done"] for start in held["starts"]] == [0, 0, 1]
    assert held["starts"][-1]["command"] == "ifss train --resume"


@pytest.mark.parametrize(
    "again",
    [True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["the same command", "without naming them again"],
)
def test_what_was_started_from_is_not_lost_before_the_first_epoch_is_done(tmp_path, recipe, quick, again):
    others = tmp_path / "others"
    train(recipe.model_copy(update={"seed": 9}), others)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe, whole, start_from=others)
    with pytest.raises(Interruption):
        train(recipe, parts, start_from=others, callbacks=[Interrupter(1)])
    train(recipe, parts, resume=True, start_from=others if again else None)
    assert files(parts, "*.h5") == files(whole, "*.h5")
    train(recipe, tmp_path / "fresh")
    assert files(parts, "*.h5") != files(tmp_path / "fresh", "*.h5")
    starts = json.loads((parts / "run.json").read_text())["starts"]
    assert [start["started_from"]["source"] for start in starts] == [str(others)] * 2


def test_every_layer_that_drops_has_a_state_to_go_on_from(recipe, quick):
    trainer = run.build_trainer(recipe)
    states = seed_states(trainer)
    assert len(states) > 2
    assert all(tuple(state.shape) == (2,) and "seed" in state.path for state in states)


def test_it_goes_on_with_its_own_volumes_only(tmp_path, recipe, quick):
    with pytest.raises(Interruption):
        train(recipe, tmp_path, callbacks=[Interrupter(4)])
    before, (volume,) = files(tmp_path, "run.json"), quick
    changed = volume.labels.copy()
    changed[0, 0, 0] = 1
    quick[0] = type(volume).from_arrays(volume.image, changed, volume.spacing_mm)
    with pytest.raises(InputError, match="was started with other volumes: expected those of the SHA-256"):
        train(recipe, tmp_path, resume=True)
    assert files(tmp_path, "run.json") == before


def test_one_killed_after_its_last_epoch_is_finished_when_it_is_resumed(tmp_path, recipe, quick, monkeypatch):
    def killed(*_):
        raise Interruption

    recipe = recipe.model_copy(update={"epochs": 1, "steps_per_epoch": 2})
    with monkeypatch.context() as patched:
        patched.setattr(run, "finished", killed)
        with pytest.raises(Interruption):
            train(recipe, tmp_path)
    assert (tmp_path / "backup").is_dir()
    assert not (tmp_path / "card.md").exists()
    weights = files(tmp_path, "*.h5")
    network = train(recipe, tmp_path, resume=True)
    assert files(tmp_path, "*.h5") == weights
    assert (tmp_path / "card.md").exists()
    assert not list(tmp_path.glob("backup*"))
    assert np.isfinite(network.get_weights()[0]).all()
    with pytest.raises(InputError, match="is finished"):
        train(recipe, tmp_path, resume=True)
