"""What a sweep writes: the best of equals, the table, the picture, TensorBoard's settings."""

import csv

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training.sweep.outcome import Outcome, best_of
from ifss_keras.training.sweep.results import write_hparams, write_table

KNOBS = {
    "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "scale": "log"},
    "network.widths": {"choices": [[4], [6]]},
}


def outcome(name, rate, width, dice):
    values = {"optimizer.learning_rate": rate, "network.widths": (width,)}
    return Outcome(name, values, 3, 1.5, dice, "" if dice is not None else "It, too, diverged.")


OUTCOMES = [
    outcome("0", 1e-3, 4, 0.5),
    outcome("1", 1e-2, 6, None),
    outcome("2", 2e-3, 6, 0.75),
    outcome("3", 3e-3, 4, 0.75),
]


def test_the_best_is_the_first_of_the_greatest_dice():
    assert best_of(OUTCOMES).trial == "2"
    assert best_of(OUTCOMES[:2]).trial == "0"
    with pytest.raises(InputError, match=r"All 1 trials.*It, too, diverged"):
        best_of(OUTCOMES[1:2])
    with pytest.raises(InputError, match="no trial"):
        best_of([])


def test_the_table_has_a_line_for_each_trial(plan, tmp_path):
    path = write_table(plan(knobs=KNOBS), OUTCOMES, tmp_path)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["completed", "failed", "completed", "completed"]
    assert [row["best_validation_dice"] for row in rows] == ["0.5", "", "0.75", "0.75"]
    assert rows[1] | {"continued": ""} == {
        "trial": "1",
        "status": "failed",
        "optimizer.learning_rate": "0.01",
        "network.widths": "(6,)",
        "best_validation_dice": "",
        "epochs": "3",
        "seconds": "1.5",
        "continued": "",
        "problem": "It, too, diverged.",
    }


def test_tensorboard_reads_the_settings_and_the_dice(plan, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorflow import make_ndarray

    folder = write_hparams(plan(knobs=KNOBS), OUTCOMES, tmp_path)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["0", "2", "3"]
    for found in OUTCOMES[::2]:
        events = EventAccumulator(str(folder / found.trial)).Reload()
        (dice,) = events.Tensors("best_validation_dice")
        assert (dice.step, float(make_ndarray(dice.tensor_proto))) == (3, found.dice)
        held = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
        told = HParamsPluginData.FromString(held).session_start_info.hparams
        assert told["optimizer.learning_rate"].number_value == found.values["optimizer.learning_rate"]
        assert told["network.widths"].string_value == str(found.values["network.widths"])


def test_without_tensorboard_there_is_no_folder(plan, tmp_path, monkeypatch):
    monkeypatch.setattr("ifss_keras.training.sweep.results.find_spec", lambda name: None)
    assert write_hparams(plan(knobs=KNOBS), OUTCOMES, tmp_path) is None
    assert list(tmp_path.iterdir()) == []
