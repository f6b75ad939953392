"""What happens beside a training: log, checkpoints, resuming, progress."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import time
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import ops

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import replacing, replacing_folder, whole_folder
from ifss_keras.training.event_log import EventLog
from ifss_keras.training.pictures import ValidationPictures

_SEEDS = "seeds.npz"


class NetworkCheckpoint(keras.callbacks.Callback):
    """The network's weights after every epoch, and those of the best validation Dice, each written whole.

    An epoch whose validation loss is not finite is never the best: cut at 0.5, even NaN has a Dice.

    Args:
        network: whose weights are kept, without the trainer's and the optimizer's.
        folder: where last.weights.h5 and best.weights.h5 go.
        best: the best validation Dice of the epochs before a resumed one.
    """

    def __init__(self, network, folder: Path, best: float = -1.0):
        super().__init__()
        self.network = network
        self.folder = folder
        self.best = best

    def on_epoch_end(self, epoch, logs=None):
        self._save("last.weights.h5")
        if logs["val_dice"] > self.best and math.isfinite(logs["val_loss"]):
            self.best = logs["val_dice"]
            self._save("best.weights.h5")

    def _save(self, name):
        with replacing(self.folder / name) as unfinished:
            self.network.save_weights(unfinished)


class EpochLine(keras.callbacks.Callback):
    """One line per epoch on the terminal: Dice, loss, and the time left."""

    def on_train_begin(self, logs=None):
        self.began = time.monotonic()
        self.first = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.first is None:
            self.first = epoch

    def on_epoch_end(self, epoch, logs=None):
        done, total = epoch + 1, self.params["epochs"]
        left = (time.monotonic() - self.began) / (done - self.first) * (total - done)
        alpha = f"alpha {logs['alpha']:.3f}, " if "alpha" in logs else ""
        print(
            f"epoch {done}/{total}: loss {logs['loss']:.4f}, dice {logs['dice']:.4f}, validation dice "
            f"{logs['val_dice']:.4f}, {alpha}{left / 60:.0f} min left",
            flush=True,
        )


class WholeBackup(keras.callbacks.BackupAndRestore):
    """Keras's backup after every epoch, written beside its place and moved there: a killed training can be resumed.

    It holds the states of the random generators too, which Keras leaves out: dropout goes on where it was.

    Args:
        backup_dir: where the backup goes.
        restored_from: another folder to resume from; None: the same.
    """

    def __init__(self, backup_dir: Path, restored_from: Path | None = None):
        super().__init__(str(restored_from or backup_dir))
        self.written = backup_dir

    def on_epoch_end(self, epoch, logs=None):
        with replacing_folder(self.written) as unfinished:
            self.model.save_weights(unfinished / "latest.weights.h5")
            np.savez(unfinished / _SEEDS, *map(ops.convert_to_numpy, seed_states(self.model)))
            (unfinished / "training_metadata.json").write_text(json.dumps({"epoch": epoch + 1, "batch": 0}))

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        held = Path(self.backup_dir) / _SEEDS
        if held.exists():
            with np.load(held) as values:
                for state, name in zip(seed_states(self.model), values.files, strict=True):
                    state.assign(values[name])

    def on_train_end(self, logs=None):
        """Nothing: `remove_backup` comes when the preset is whole."""


def seed_states(model) -> list:
    """The states of all random generators of a model, which are variables but no weights."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


class LearningRateLog(keras.callbacks.Callback):
    """Adds the learning rate of the next step to what the callbacks after this one log of an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))


def training_callbacks(
    trainer, folder: Path, resume: bool, *, epochs: int, batch, restored_from: Path | None = None
) -> list:
    """The callbacks of `ifss train`: logs, checkpoints, pictures, backup for resuming, a line per epoch.

    The backup comes after the logs and the checkpoints: an epoch interrupted between them is done again, and its row in
    the logs is dropped here.

    Args:
        trainer: compiled.
        folder: of the training.
        resume: go on after the last whole epoch.
        epochs: of the whole training.
        batch: one of validation, for the pictures.
        restored_from: the folder of the training to go on with; None: `folder`.
    """
    log, restored_from = folder / "log.csv", restored_from or folder
    done = epochs_backed_up(restored_from) if resume else 0
    if resume:
        _keep_epochs(log, done)
    return [
        LearningRateLog(),
        keras.callbacks.CSVLogger(str(log), append=resume),
        EventLog(folder, done),
        NetworkCheckpoint(trainer.network, folder, best_so_far(log) if resume else -1.0),
        ValidationPictures(trainer, batch, folder, epochs),
        WholeBackup(folder / "backup", restored_from / "backup"),
        EpochLine(),
    ]


def epochs_backed_up(folder: Path) -> int:
    """The number of epochs after which `BackupAndRestore` goes on in `folder`, 0 where there is no backup.

    Raises:
        InputError: a backup that cannot be read, as after a full disk.
    """
    backup = whole_folder(folder / "backup")
    if not backup.exists():
        return 0
    held = backup / "training_metadata.json"
    try:
        for file in backup.glob("*.h5"):
            h5py.File(file).close()
        return json.loads(held.read_text())["epoch"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"The backup {os.fspath(backup)} is damaged, so that the training cannot go on: train in another folder, "
            f"starting from {os.fspath(folder / 'last.weights.h5')}.",
            setting="start_from",
        ) from error


def remove_backup(folder: Path) -> None:
    """Removes the backup of a training that is done, in one step as a resumption sees it."""
    backup = folder / "backup"
    if backup.exists():
        unfinished = backup.with_name("backup.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        os.replace(backup, unfinished)
        shutil.rmtree(unfinished, ignore_errors=True)


def best_so_far(log: Path) -> float:
    """The best validation Dice in a training log among epochs of finite validation loss, -1 where there is none."""
    held = ((float(row["val_dice"]), float(row["val_loss"])) for row in _rows(log))
    return max((dice for dice, loss in held if math.isfinite(dice) and math.isfinite(loss)), default=-1.0)


def epochs_logged(log: Path) -> int:
    """The number of epochs in a training log, 0 where there is none."""
    return max((int(row["epoch"]) + 1 for row in _rows(log)), default=0)


def _keep_epochs(log: Path, epochs: int) -> None:
    """Drops the rows of a training log from epoch `epochs` on, counted from 0."""
    rows = _rows(log)
    kept = [row for row in rows if int(row["epoch"]) < epochs]
    if len(kept) == len(rows):
        return
    with replacing(log) as unfinished, open(unfinished, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])  # lines end as those that Keras appends
        writer.writeheader()
        writer.writerows(kept)


def _rows(log: Path) -> list[dict[str, str]]:
    if not log.exists():
        return []
    try:
        with open(log, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            int(row["epoch"]), float(row["val_dice"]), float(row["val_loss"])
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"{os.fspath(log)} is damaged: expected a row of numbers for each epoch; delete it to go on without."
        ) from error
    return rows
