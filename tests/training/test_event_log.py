"""The log for TensorBoard, read back by TensorBoard itself."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ifss_keras.training.event_log import FILE, EventLog, read_events


def log(folder, epochs, *, kept=0):
    callback = EventLog(folder, kept)
    callback.on_train_begin()
    for epoch in epochs:
        callback.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "learning_rate": 0.5, "val_loss": 2.0 + epoch})


def scalars(folder, part):
    """{tag: [(step, value)]} as TensorBoard shows it."""
    held = EventAccumulator(str(folder / "tensorboard" / part)).Reload()
    return {tag: [(event.step, event.value) for event in held.Scalars(tag)] for tag in held.Tags()["scalars"]}


def test_tensorboard_reads_both_parts(tmp_path):
    log(tmp_path, range(3))
    training = {"loss": [(1, 1), (2, 0.5), (3, pytest.approx(1 / 3))], "learning_rate": [(1, 0.5), (2, 0.5), (3, 0.5)]}
    assert scalars(tmp_path, "training") == training
    assert scalars(tmp_path, "validation") == {"loss": [(1, 2), (2, 3), (3, 4)]}


def test_a_resumed_training_drops_later_epochs_and_what_is_half_written(tmp_path):
    log(tmp_path, range(3))
    whole = scalars(tmp_path, "training")
    path = tmp_path / "tensorboard" / "training" / FILE
    for lost in (1, 9, 20):
        log(tmp_path, range(3))
        path.write_bytes(path.read_bytes()[:-lost])
        log(tmp_path, [2], kept=2)
        assert scalars(tmp_path, "training") == whole
    log(tmp_path, [1, 2], kept=1)
    assert scalars(tmp_path, "training") == whole
    assert next(event.file_version for event in read_events(path)) == "brain.Event:2"
    assert list(read_events(tmp_path / "none")) == []
