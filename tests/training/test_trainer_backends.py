"""Both trainers give the same losses on TensorFlow and on JAX."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.training.examples.pipeline import batch_of_clips
from tests.layer_checks import random_weights
from tests.training.backend_losses import STEPS, compute, flat, trainers

ROOT = Path(__file__).resolve().parents[2]
QUICK_COMPILER = "--xla_backend_optimization_level=0"  # every function runs once
# both backends sum in float32, in different orders: a pixel at 0.5 may be found on one alone
TOLERANCE = {"loss": 1e-4, "alpha": 1e-4, "dice": 5e-3}


def windows(rng):
    """A batch of images and of what their grey values stand for."""
    image = rng.random((2, 2, 16, 16, 1), dtype=np.float32)
    return image, np.eye(3, dtype=np.float32)[(3 * image[..., 0]).astype(int)]


@pytest.fixture(scope="module")
def both(tmp_path_factory, moving_disc, clip_settings, propagation):
    """(logs here, logs on JAX) of the same batches and first weights; one process for both trainers."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed: pip install jax, or the dev extra")
    folder, rng = tmp_path_factory.mktemp("backends"), np.random.default_rng(0)
    settings = replace(clip_settings, windows=1, rollout=(0, 1))
    clips = (batch_of_clips([moving_disc], settings, propagation, 2, seed) for seed in range(50))
    rolled_out = [(clip,) for clip in clips if clip.truth.shape[1] == 1 + 3][:STEPS]
    saved = flat({"propagation": rolled_out, "segmentation": [windows(rng) for _ in range(STEPS)]})
    for name, trainer in trainers().items():
        for index, weight in enumerate(random_weights(trainer.network).get_weights()):
            saved[f"{name}/weight/{index}"] = weight
    np.savez(folder / "in.npz", **saved)
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.backend_losses", folder / "in.npz", folder / "out.npz"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": QUICK_COMPILER},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "out.npz") as file:
        on_jax = dict(file)
    assert on_jax.pop("backend") == "jax"
    return compute(saved), on_jax


@pytest.mark.parametrize(
    ("name", "logs"), [("propagation", {"loss", "dice", "alpha"}), ("segmentation", {"loss", "dice"})]
)
def test_same_logs_of_every_step_on_jax(both, name, logs):
    here, on_jax = ({key: held for key, held in part.items() if key.startswith(f"{name}/")} for part in both)
    assert set(here) == set(on_jax) == {f"{name}/{log}" for log in logs}
    assert len(here[f"{name}/loss"]) == STEPS
    assert np.std(here[f"{name}/loss"]) > 1e-2, "losses that stay compare nothing"
    for log in logs:
        np.testing.assert_allclose(on_jax[f"{name}/{log}"], here[f"{name}/{log}"], atol=TOLERANCE[log], rtol=0)
