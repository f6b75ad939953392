"""The log of a training for TensorBoard, written without TensorFlow: on every backend, and right after a resumption."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import keras
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from ifss_keras.core.files import replacing

FOLDER, FILE = "tensorboard", "events.out.tfevents.ifss"
_PARTS = {"validation": "val_", "training": ""}  # a prefix of what Keras logs; the first that fits
_LENGTH_BYTES, _CHECK_BYTES = 8, 4


class EventLog(keras.callbacks.Callback):
    """The scalars of every epoch, of training and of validation under one name each, so that they share a chart.

    A file for each part, in `folder`/tensorboard/training and validation; steps are epochs, counted from 1.

    Args:
        folder: of the training.
        epochs: that a resumed training keeps; what a killed one wrote of later ones is dropped.
    """

    def __init__(self, folder: Path, epochs: int = 0):
        super().__init__()
        self.files = {name: folder / FOLDER / name / FILE for name in _PARTS}
        self.epochs = epochs

    def on_train_begin(self, logs=None):
        for path in self.files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = [event for event in read_events(path) if event.step <= self.epochs]
            with replacing(path) as unfinished:
                _write(unfinished, kept or [Event(wall_time=time.time(), file_version="brain.Event:2")])

    def on_epoch_end(self, epoch, logs=None):
        scalars = {name: {} for name in self.files}
        for name, value in logs.items():
            part = next(part for part, prefix in _PARTS.items() if name.startswith(prefix))
            scalars[part][name.removeprefix(_PARTS[part])] = float(value)
        for part, path in self.files.items():
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars[part].items()]
            _write(path, [Event(wall_time=time.time(), step=epoch + 1, summary=Summary(value=values))])


def read_events(path: Path) -> Iterator:
    """The whole events in a file; what a kill left half-written at its end, and a file that is not there, give none."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        while len(head := file.read(_LENGTH_BYTES + _CHECK_BYTES)) == _LENGTH_BYTES + _CHECK_BYTES:
            (length,) = struct.unpack("<Q", head[:_LENGTH_BYTES])
            held = file.read(length + _CHECK_BYTES)
            if len(held) < length + _CHECK_BYTES:
                return
            yield Event.FromString(held[:length])


def _write(path: Path, events: list) -> None:
    """Appends events."""
    with open(path, "ab") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()
