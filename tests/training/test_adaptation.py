"""Adapting a network to a volume: a copy learns, the original stays, and twice the same is the same."""

import random
from dataclasses import replace

import keras
import numpy as np
import pytest

from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.adaptation import Adaptation, VolumeTrainer
from ifss_keras.training.examples.pipeline import stack_clips
from ifss_keras.training.examples.reference_clips import AnnotatedVolume, ReferenceClipSettings, draw_reference_clip
from ifss_keras.training.trainer import PropagationTrainer
from ifss_keras.zoo.networks.ifss_net import IFSSNet

SETTINGS = PropagationSettings(size=16, bend=0.0)
ADAPTATION = Adaptation(batch=2, learning_rate=0.02)


@pytest.fixture(scope="module")
def volume():
    """24 slices of 24x24 with a bright disc that wanders, annotated on every sixth."""
    rows, columns = np.indices((24, 24))
    masks = np.stack([np.hypot(rows - 8 - index / 4, columns - 14 + index / 5) < 6 for index in range(24)])
    image = (40 + 150 * masks + np.random.default_rng(0).integers(0, 20, masks.shape)).astype(np.uint8)
    references = {index: masks[index] for index in (0, 6, 12, 18, 23)}
    return AnnotatedVolume(image, (2.0, 1.0, 1.0), IntensityRange(40, 210), {1: references})


@pytest.fixture(scope="module")
def network(tiny_arguments):
    keras.utils.set_random_seed(3)
    return IFSSNet(**tiny_arguments, memory_level=1)


def loss_on(network, volume):
    clips = [
        draw_reference_clip(np.random.default_rng([99, seed]), volume, SETTINGS, ReferenceClipSettings())
        for seed in range(16)
    ]
    trainer = PropagationTrainer(network, windows=1, smooth=100.0, cross_entropy=1.0)
    trainer.compile()
    batch = keras.tree.map_structure(keras.ops.convert_to_tensor, stack_clips(clips))
    return float(trainer.test_step((batch,))["loss"])


def adapted(network, volume, parts=(40,)):
    trainer = VolumeTrainer(network, SETTINGS, ADAPTATION, sum(parts))
    for steps in parts:
        trainer.train(volume, (), steps)
    return trainer.network


@pytest.mark.slow
def test_the_copy_learns_and_the_original_stays(network, volume):
    before = network.get_weights()
    copy = adapted(network, volume)
    for a, b in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert loss_on(copy, volume) < 0.9 * loss_on(network, volume)


@pytest.fixture(scope="module")
def whole(network, volume, eager):
    """The weights after three steps at once."""
    return adapted(network, volume, (3,)).get_weights()


def test_three_steps_in_two_parts_are_told_of_and_give_the_same_half_way_to_what_was_learnt(
    network, volume, whole, eager
):
    told, states = [], (random.getstate(), np.random.get_state())  # noqa: NPY002
    trainer = VolumeTrainer(network, SETTINGS, ADAPTATION, 3)
    for steps in (2, 1):
        trainer.train(volume, (), steps, lambda *what: told.append(what))
        learnt = trainer._trainer.network.get_weights()
        for mean, before, after in zip(trainer.network.get_weights(), network.get_weights(), learnt, strict=True):
            np.testing.assert_allclose(mean, (before + after) / 2, atol=1e-7)
    assert max(np.abs(a - b).max() for a, b in zip(network.get_weights(), learnt, strict=True)) > 1e-3
    for a, b in zip(whole, trainer.network.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert told == [("adaptation", done, 3) for done in range(1, 4)]
    assert random.getstate() == states[0]  # the caller's random numbers stay their own
    np.testing.assert_array_equal(np.random.get_state()[1], states[1][1])  # noqa: NPY002


def test_the_same_input_gives_the_same_weights_and_takes_a_network_that_was_adapted_before(
    network, volume, whole, eager
):
    used = type(network).from_config(network.get_config())
    trainer = VolumeTrainer(network, SETTINGS, ADAPTATION, 3, into=used)
    trainer.train(volume, (), 3)
    assert trainer.network is used
    for a, b in zip(whole, used.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_recurrence_it_learns_something_else(network, volume, whole, eager):
    trainer = VolumeTrainer(network, replace(SETTINGS, recurrent=False), ADAPTATION, 3)
    trainer.train(volume, (), 3)
    assert max(np.abs(a - b).max() for a, b in zip(whole, trainer.network.get_weights(), strict=True)) > 1e-4


def test_labels_share_the_steps():
    assert [Adaptation(steps=100).steps_for(labels) for labels in (1, 32, 243)] == [100, 800, 2700]
