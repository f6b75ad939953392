"""Two devices, and two processes, give the losses and the weights of one."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training.distribution import Devices, find_devices
from ifss_keras.training.recipe import recipe_from
from tests.training.distributed_training import COMMON, EPOCHS, SEGMENTATION

ROOT = Path(__file__).resolve().parents[2]
KINDS = ["segmentation", "propagation"]


def started(kind, devices, folder, **environment):
    command = [sys.executable, "-m", "tests.training.distributed_training", kind, str(devices), str(folder)]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", **environment}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finished(*processes):
    for process in processes:
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said.decode()[-3000:]


def logged(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def weights(folder, worker=0):
    with np.load(f"{folder}.{worker}.npz") as held:
        return {name: value for name, value in held.items() if name != "replicas"}, int(held["replicas"])


@pytest.fixture(scope="module", params=KINDS)
def alone(request, tmp_path_factory):
    """(kind of network, folder of a training on one device)."""
    folder = tmp_path_factory.mktemp(request.param) / "alone"
    finished(started(request.param, 1, folder))
    return request.param, folder


def assert_the_same(folder, alone):
    rows, others = logged(folder), logged(alone)
    assert len(rows) == len(others) == EPOCHS
    assert len({row["loss"] for row in others}) == EPOCHS, "losses that stay compare nothing"
    for row, other in zip(rows, others, strict=True):
        assert set(row) == set(other)
        for name in row:
            # moving statistics, which validation takes, add up what the sums differ by; a pixel at 0.5 may be found
            close = 1e-3 if name.startswith("val_") else 1e-5
            assert float(row[name]) == pytest.approx(float(other[name]), rel=close, abs=close), name
    (held, replicas), (expected, single) = weights(folder), weights(alone)
    assert (replicas, single) == (2, 1)
    for name, value in expected.items():
        np.testing.assert_allclose(held[name], value, rtol=1e-3, atol=3e-4, err_msg=name)


@pytest.mark.slow
def test_two_devices_give_the_losses_and_the_weights_of_one(alone):
    kind, folder = alone
    two = folder.with_name("two")
    finished(started(kind, 2, two))
    assert_the_same(two, folder)


@pytest.mark.slow
def test_two_processes_give_the_losses_and_the_weights_of_one(alone):
    kind, folder = alone
    with socket.socket() as first, socket.socket() as second:
        ports = [held.bind(("localhost", 0)) or held.getsockname()[1] for held in (first, second)]
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    two = folder.with_name("processes")
    finished(
        *(
            started(
                kind, 1, two, TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
            )
            for index in range(2)
        )
    )
    assert_the_same(two, folder)
    assert sorted(path.name for path in two.iterdir()) == sorted(path.name for path in folder.iterdir())


class Two:
    """A strategy of two devices."""

    num_replicas_in_sync = 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch": 3}, "batch: expected a multiple of the 2 devices, received 3"),
        ({"optimizer": {"accumulate": 3}}, r"optimizer\.accumulate: expected 1 on 2 devices, received 3"),
        ({"reconstruction": {"alternate": True}}, r"reconstruction\.alternate: expected one device, received 2"),
        ({"precision": "mixed_float16"}, "precision: expected float32 or mixed_bfloat16 on 2 devices"),
    ],
)
def test_what_would_be_another_training_on_several_devices_is_refused(changes, said):
    recipe = recipe_from(COMMON | SEGMENTATION | changes)
    Devices().check(recipe)
    with pytest.raises(InputError, match=said):
        Devices(Two()).check(recipe)
    Devices(Two()).check(recipe_from(COMMON | SEGMENTATION))


@pytest.mark.parametrize("changes", [{"passes": {}}, {"pseudo_labels": {"teacher": 0.9}}])
def test_what_is_handed_from_step_to_step_stays_on_one_device(changes):
    with pytest.raises(InputError, match=rf"{next(iter(changes))}.*: expected one device, received 2"):
        Devices(Two()).check(recipe_from(COMMON | {"network": {"image_size": (16, 16)}} | changes))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}',
    ],
)
def test_a_tf_config_that_cannot_be_used_is_refused(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match="TF_CONFIG cannot be used: expected") as refused:
        find_devices()
    assert "\n" not in str(refused.value)


def test_other_backends_and_a_cluster_of_one_use_one_device(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}')
    assert find_devices() == Devices()
    monkeypatch.setenv("TF_CONFIG", "{")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert find_devices() == Devices()
