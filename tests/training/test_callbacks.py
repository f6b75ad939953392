"""Callbacks of a training, one by one."""

import os
from types import SimpleNamespace

import h5py
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training.callbacks import (
    EpochLine,
    NetworkCheckpoint,
    WholeBackup,
    best_so_far,
    epochs_backed_up,
    epochs_logged,
    training_callbacks,
)


class Network:
    """Whose weights are a text."""

    text = ""

    def save_weights(self, path):
        path.write_text(self.text)


def run_epochs(checkpoint, dice, loss=0.5):
    for epoch, value in enumerate(dice):
        checkpoint.network.text = f"epoch {epoch}"
        checkpoint.on_epoch_end(epoch, {"val_dice": value, "val_loss": loss})


@pytest.mark.parametrize(("before", "best"), [(-1.0, "epoch 2"), (0.65, "epoch 2"), (0.9, None)])
def test_last_and_best_weights_are_kept(tmp_path, before, best):
    run_epochs(NetworkCheckpoint(Network(), tmp_path, before), [0.5, 0.6, 0.7, 0.7, 0.4])
    assert (tmp_path / "last.weights.h5").read_text() == "epoch 4"
    kept = tmp_path / "best.weights.h5"
    assert (kept.read_text() if kept.exists() else None) == best
    assert not list(tmp_path.glob("unfinished*"))


@pytest.mark.parametrize(("dice", "loss"), [(float("nan"), 0.5), (0.9, float("nan")), (0.9, float("inf"))])
def test_an_epoch_that_diverged_is_not_the_best(tmp_path, dice, loss):
    checkpoint = NetworkCheckpoint(Network(), tmp_path)
    run_epochs(checkpoint, [dice], loss)
    assert not (tmp_path / "best.weights.h5").exists()
    run_epochs(checkpoint, [0.25])
    run_epochs(checkpoint, [dice], loss)
    assert checkpoint.best == 0.25
    assert (tmp_path / "best.weights.h5").exists()


def test_an_interrupted_save_leaves_the_weights_before(tmp_path):
    checkpoint = NetworkCheckpoint(Network(), tmp_path)
    run_epochs(checkpoint, [0.5])

    def broken(path):
        path.write_text("half")
        raise OSError

    checkpoint.network.save_weights = broken
    with pytest.raises(OSError):  # noqa: PT011
        checkpoint.on_epoch_end(1, {"val_dice": 0.9, "val_loss": 0.5})
    assert (tmp_path / "last.weights.h5").read_text() == "epoch 0"
    assert (tmp_path / "best.weights.h5").read_text() == "epoch 0"


def test_the_log_tells_the_best_dice_and_the_number_of_epochs(tmp_path):
    log = tmp_path / "log.csv"
    assert (best_so_far(log), epochs_logged(log)) == (-1, 0)
    log.write_text("")
    assert (best_so_far(log), epochs_logged(log)) == (-1, 0)
    log.write_text("epoch,val_dice,val_loss\n0,nan,0.5\n1,0.5,0.5\n2,0.75,0.5\n3,0.875,nan\n4,0.625,0.5\n")
    assert (best_so_far(log), epochs_logged(log)) == (0.75, 5)
    log.write_text("epoch,val_dice,val_loss\n0,nan,nan\n")
    assert (best_so_far(log), epochs_logged(log)) == (-1, 1)


def test_the_backup_tells_where_to_go_on(tmp_path):
    assert epochs_backed_up(tmp_path) == 0
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "training_metadata.json").write_text('{"epoch": 7, "batch": 0}')
    assert epochs_backed_up(tmp_path) == 7


@pytest.mark.parametrize(
    ("name", "content"),
    [("training_metadata.json", '{"epoch"'), ("training_metadata.json", "{}"), ("latest.weights.h5", "x")],
)
def test_a_damaged_backup_is_refused(tmp_path, name, content):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "training_metadata.json").write_text('{"epoch": 7, "batch": 0}')
    (tmp_path / "backup" / name).write_text(content)
    with pytest.raises(InputError, match=r"backup is damaged, .* starting from .*last\.weights\.h5"):
        epochs_backed_up(tmp_path)


def test_a_backup_of_weights_alone_is_damaged(tmp_path):
    (tmp_path / "backup").mkdir()
    h5py.File(tmp_path / "backup" / "latest.weights.h5", "w").close()
    with pytest.raises(InputError, match="backup is damaged"):
        epochs_backed_up(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"epoch,val_dice,val_loss\n0,half", b"noise\n1\n"])
def test_a_damaged_log_is_refused(tmp_path, content):
    log = tmp_path / "log.csv"
    log.write_bytes(content)
    for read in (best_so_far, epochs_logged):
        with pytest.raises(InputError, match=r"log\.csv is damaged: .* delete it to go on without"):
            read(log)


class Interrupted(Exception):
    """In the middle of something."""


@pytest.mark.parametrize("at", ["weights", "first move", "second move"])
def test_a_training_killed_in_its_backup_goes_on_after_an_epoch_backed_up(tmp_path, monkeypatch, at):
    class Trainer:
        fails = False
        variables = weights = ()

        def save_weights(self, path):
            if self.fails and at == "weights":
                path.write_text("half")
                raise Interrupted
            h5py.File(path, "w").close()

    backup = WholeBackup(tmp_path / "backup")
    backup.set_model(Trainer())
    backup.on_epoch_end(0)
    backup.on_epoch_end(1)
    assert epochs_backed_up(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]
    backup.model.fails, moves, move = True, [], os.replace

    def counted(source, target):
        moves.append(target)
        if len(moves) == {"weights": 0, "first move": 1, "second move": 2}[at]:
            raise Interrupted
        move(source, target)

    monkeypatch.setattr(os, "replace", counted)
    with pytest.raises(Interrupted):
        backup.on_epoch_end(2)
    monkeypatch.undo()
    assert epochs_backed_up(tmp_path) == 2
    backup.model.fails = False
    backup.on_epoch_end(2)
    assert epochs_backed_up(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


def test_the_row_of_an_epoch_that_is_done_again_is_dropped(tmp_path):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "training_metadata.json").write_text('{"epoch": 2, "batch": 0}')
    head = "epoch,val_dice,val_loss\n0,0.25,0.5\n1,0.5,0.5\n"
    log = tmp_path / "log.csv"
    for row in ("2,0.75,0.5\n", ""):
        log.write_text(head + row)
        trainer = SimpleNamespace(network=Network())
        callbacks = training_callbacks(trainer, tmp_path, resume=True, epochs=3, batch=None)
        (checkpoint,) = (callback for callback in callbacks if isinstance(callback, NetworkCheckpoint))
        assert log.read_text() == head
        assert checkpoint.best == 0.5
    assert not list(tmp_path.glob("*unfinished*"))


def test_a_line_per_epoch_tells_the_time_left(capsys, monkeypatch):
    clock = iter([100.0, 160.0, 220.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    line = EpochLine()
    line.set_params({"epochs": 7})
    line.on_train_begin()
    logs = {"loss": 0.25, "dice": 0.5, "val_dice": 0.75, "alpha": 0.4}
    for epoch in (2, 3):  # resumed after two
        line.on_epoch_begin(epoch)
        line.on_epoch_end(epoch, logs)
    assert capsys.readouterr().out.splitlines() == [
        "epoch 3/7: loss 0.2500, dice 0.5000, validation dice 0.7500, alpha 0.400, 4 min left",
        "epoch 4/7: loss 0.2500, dice 0.5000, validation dice 0.7500, alpha 0.400, 3 min left",
    ]
