"""Fixtures for the tests of training: a volume and a network, both tiny."""

import keras
import numpy as np
import pytest

from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.settings import ClipSettings
from ifss_keras.zoo.networks.ifss_net import IFSSNet

TINY = {
    "image_size": (16, 16),
    "widths": (4, 6),
    "rates": (1, 2),
    "first_depth_multiplier": 2,
    "encoder_depth_kernel": 1,
    "matching_kernel": 3,
    "head_width": 3,
    "encoder_dropout": 0.0,
    "memory_dropout": 0.0,
    "decoder_dropout": 0.0,
}


@pytest.fixture(scope="session")
def tiny_arguments():
    """Arguments of an `IFSSNet` that is built in a moment and drops nothing."""
    return dict(TINY)


@pytest.fixture
def tiny_network():
    """A function from a seed to a tiny `IFSSNet`; the same seed gives the same weights."""

    def build(seed=0):
        keras.utils.set_random_seed(seed)
        return IFSSNet(**TINY)

    return build


@pytest.fixture(scope="session")
def moving_disc() -> TrainingVolume:
    """40 slices of 24x24 with one bright disc in slices 5 to 34 that moves and swells."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((24, 24))
    image, labels = rng.integers(0, 60, (40, 24, 24)), np.zeros((40, 24, 24), np.uint8)
    for index in range(5, 35):
        radius = 3 + 4 * np.sin(np.pi * (index - 4) / 31)
        labels[index][np.hypot(rows - 8 - index / 5, columns - 14 + index / 8) < radius] = 1
    image += 120 * labels
    return TrainingVolume.from_arrays(image.astype(np.uint8), labels, (1.0, 0.5, 0.5))


@pytest.fixture(scope="session")
def clip_settings() -> ClipSettings:
    """Clips of two windows, without roll-out."""
    return ClipSettings(windows=2, gap=(4, 20), rollout=(0, 0))


@pytest.fixture(scope="session")
def propagation() -> PropagationSettings:
    """Shown at 16x16, three slices at once."""
    return PropagationSettings(size=16, window=3)
