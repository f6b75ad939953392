"""Both trainers give the same losses on TensorFlow, on JAX and on PyTorch."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.training.examples.clips import batch_of_clips
from ifss_keras.training.examples.windows import Target, Window
from tests.layer_checks import random_weights
from tests.on_jax import on_jax
from tests.training.backend_losses import STEPS, compute, flat, trainers

# of every step: both backends sum in float32, in different orders, which adds up; a pixel at 0.5 may be found on one
TOLERANCE = {"loss": [1e-5, 1e-4, 3e-4], "alpha": [1e-4] * STEPS, "dice": [5e-3] * STEPS}


def windows(rng):
    """A batch of images and of what their grey values stand for."""
    image = rng.random((2, 2, 16, 16, 1), dtype=np.float32)
    truth = np.eye(3, dtype=np.float32)[(3 * image[..., 0]).astype(int)]
    return Window(image, Target(truth, np.zeros_like(image)), np.ones((2, 2, 3), np.float32))


@pytest.fixture(scope="module", params=["jax", "torch"])
def both(request, tmp_path_factory, moving_disc, clip_settings, propagation):
    """(logs here, logs on the other backend) of the same batches and first weights; one process for both trainers."""
    folder, rng = tmp_path_factory.mktemp("backends"), np.random.default_rng(0)
    settings = replace(clip_settings, windows=1, rollout=(0, 1))
    clips = (batch_of_clips([moving_disc], settings, propagation, 2, seed) for seed in range(50))
    rolled_out = [(clip,) for clip in clips if clip.truth.shape[1] == 1 + 3][:STEPS]
    saved = flat({"propagation": rolled_out, "segmentation": [windows(rng) for _ in range(STEPS)]})
    for name, trainer in trainers().items():
        for index, weight in enumerate(random_weights(trainer.network).get_weights()):
            saved[f"{name}/weight/{index}"] = weight
    there = on_jax("tests.training.backend_losses", saved, folder, request.param)  # first, as it may skip
    return compute(saved), there


@pytest.mark.parametrize(
    ("name", "logs"), [("propagation", {"loss", "dice", "alpha"}), ("segmentation", {"loss", "dice"})]
)
def test_same_logs_of_every_step_on_other_backends(both, name, logs):
    here, there = ({key: held for key, held in part.items() if key.startswith(f"{name}/")} for part in both)
    assert set(here) == set(there) == {f"{name}/{log}" for log in logs}
    assert len(here[f"{name}/loss"]) == STEPS
    assert np.std(here[f"{name}/loss"]) > 1e-2, "losses that stay compare nothing"
    for log in logs:
        assert (np.abs(there[f"{name}/{log}"] - here[f"{name}/{log}"]) <= TOLERANCE[log]).all(), log
