"""Training without TensorFlow: the same batches, the whole command on JAX and PyTorch, weights that load across."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ifss_keras.training.examples.clips import batches_of_clips
from ifss_keras.training.examples.pipeline import clip_dataset, window_dataset
from ifss_keras.training.examples.windows import WindowSettings, batches_of_windows
from ifss_keras.training.examples.without_tensorflow import Batches
from ifss_keras.zoo import SegNetFS
from tests.training.tiny_recipe import two_boxes, write

ROOT = Path(__file__).resolve().parents[2]


def assert_same(ours, theirs):
    """Batches of the data set without TensorFlow and of the one with."""
    ours, theirs = [ours[index] for index in range(len(ours))], list(theirs)
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        parts, others = keras.tree.flatten(one), keras.tree.flatten(other)
        assert len(parts) == len(others) >= 4
        for part, expected in zip(parts, others, strict=True):
            np.testing.assert_array_equal(part, np.asarray(expected))


def test_clips_are_those_of_the_pipeline(moving_disc, clip_settings, propagation):
    drawn = batches_of_clips([moving_disc], clip_settings, propagation, 2, 5)
    ours = Batches(lambda number: (drawn(number),), 7, 3)
    assert_same(ours, clip_dataset(drawn, propagation, batch=2, batches=3, first=7))


def test_windows_are_those_of_the_pipeline_every_time_that_they_are_asked_for(moving_disc):
    settings = WindowSettings(16, 3, (1,))
    drawn = batches_of_windows([moving_disc], settings, 2, 5)
    ours = Batches(drawn, 7, 3)
    for held in (ours, ours, ours.cache()):
        assert_same(held, window_dataset(drawn, settings, batch=2, batches=3, first=7))
    assert len(list(ours)) == 3
    kept = ours.cache()
    assert kept[1] is kept[1]


@pytest.fixture(scope="module", params=["jax", "torch"])
def elsewhere(request, tmp_path_factory):
    """(folder of a training on that backend, what its network answers there, the image that it was asked)."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: make test-parity installs torch, the dev extra jax")
    folder = tmp_path_factory.mktemp(request.param)
    image = (two_boxes(9)[0][None, :2, ..., None] / 255).astype(np.float32)
    np.save(folder / "image.npy", image)
    arguments = [folder / "out.npz", folder / "image.npy", folder / "run", *write(folder, epochs=2)]
    environment = {
        **os.environ,
        "KERAS_BACKEND": request.param,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.other_backend", *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    with np.load(folder / "out.npz") as file:
        assert file["backend"] == request.param
        return request.param, folder / "run", file["probabilities"], image


@pytest.mark.slow
def test_the_command_trains_and_the_weights_answer_the_same_here(elsewhere):
    backend, folder, expected, image = elsewhere
    network = SegNetFS.from_preset(folder)
    assert np.std(expected) > 1e-3, "answers that are all alike compare nothing"
    found = keras.ops.convert_to_numpy(network({"image": image})["probabilities"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    held = json.loads((folder / "run.json").read_text())["starts"][0]
    assert held["backend"] == backend
    assert len((folder / "log.csv").read_text().splitlines()) == 3
    assert len(list((folder / "tensorboard").rglob("events*"))) == 2
    assert len(list((folder / "pictures").iterdir())) == 2
