"""Passes through whole volumes: their clips, their intervals, and that a pass in clips is a pass at once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.core.errors import InputError
from ifss_keras.losses import NamedLoss
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.propagation.step import unroll
from ifss_keras.training.examples.passes import PassPlan, batches_of_passes, draw_pass
from ifss_keras.training.loss import clip_start
from ifss_keras.training.parts import Supervision
from ifss_keras.training.propagation_trainer import PropagationTrainer
from ifss_keras.training.supervision import supervised

PROPAGATION = PropagationSettings(size=16)


def plan_of(volume, windows=4, updates=2, slices=None):
    return PassPlan([volume], PROPAGATION, windows=windows, updates=updates, slices=slices)


def test_clips_are_as_many_for_every_update(moving_discs):
    plan = plan_of(moving_discs)  # label 5 is in slices 14 to 30 of 48: 31 slices from its end to the other's
    assert (plan.interval, plan.clips, plan.slices) == (3, 6, 26)
    assert plan_of(moving_discs, slices=20).clips == 4
    assert plan_of(moving_discs, windows=9, updates=1).clips == 3
    whole = plan_of(moving_discs, windows=14, updates=2)  # the paper's: half a pass for each update
    assert (whole.interval, whole.clips) == (1, 2)
    with pytest.raises(InputError, match="expected 32 slices or more for 2 updates after 15 windows each"):
        plan_of(moving_discs, windows=15)


def test_a_pass_begins_at_references_and_asks_for_annotated_slices_alone(moving_discs):
    (sparse,) = supervised([moving_discs], Supervision(kind="share", share=0.25))
    plan = plan_of(sparse)
    targets = 0
    for seed in range(20):
        whole = draw_pass(np.random.default_rng(seed), sparse, plan)
        reference = whole.evidence.is_reference[:, 0, 0, 0]
        assert reference[0] == 1
        assert reference.sum() == 1  # every fourth slice alone
        assert len(whole.weight) == plan.slices
        assert not (reference * whole.weight).any()
        assert not whole.truth[(whole.weight == 0) & (reference == 0)].any()
        targets += int(whole.weight.sum())
    assert targets > 60
    full = draw_pass(np.random.default_rng(0), moving_discs, plan_of(moving_discs))
    assert full.evidence.is_reference[:4, 0, 0, 0].tolist() == [1, 1, 1, 0]
    assert full.weight[3:].all()


def test_batches_are_consecutive_clips_of_consecutive_passes(moving_discs):
    plan = plan_of(moving_discs)
    batch = batches_of_passes(plan, 2, seed=7)
    whole = [draw_pass(np.random.default_rng((7, 1, place)), moving_discs, plan) for place in range(2)]
    for number in range(plan.clips):
        clip = batch(plan.clips + number)
        part = slice(4 * number, 4 * number + 6)
        np.testing.assert_array_equal(clip.has_start, np.full((2, 1, 1, 1, 1), float(number > 0)))
        for place in range(2):
            np.testing.assert_array_equal(clip.evidence.image[place], whole[place].evidence.image[part])
            np.testing.assert_array_equal(clip.truth[place], whole[place].truth[part])
            np.testing.assert_array_equal(clip.weight[place], whole[place].weight[part])


def test_volumes_are_passed_through_in_their_order(moving_discs, monkeypatch):
    from ifss_keras.training.examples import passes

    (sparse,) = supervised([moving_discs], Supervision(kind="share", share=0.5))
    drawn, original = [], passes.draw_pass
    monkeypatch.setattr(
        passes, "draw_pass", lambda rng, volume, plan: drawn.append(volume) or original(rng, volume, plan)
    )
    plan = PassPlan([moving_discs, sparse, moving_discs], PROPAGATION, windows=4, updates=2, slices=None)
    batch = batches_of_passes(plan, 2, 0)
    for number in (0, plan.clips, 2 * plan.clips):
        batch(number)
    assert [volume is sparse for volume in drawn] == [False, True, False, False, True, False]


@pytest.fixture
def carrying(tiny_passing_network):
    trainer = PropagationTrainer(tiny_passing_network, NamedLoss({"dice": 1.0}), windows=4, passing=2)
    trainer.build()
    return trainer


@pytest.fixture
def tiny_passing_network():
    from ifss_keras.zoo.networks.ifss_net import IFSSNet
    from tests.training.conftest import TINY

    keras.utils.set_random_seed(0)
    return IFSSNet(**TINY)


def test_a_pass_in_clips_is_the_pass_at_once(moving_discs, carrying):
    """Estimates and memory are handed on: the probabilities of every window are those of one long roll."""
    plan = plan_of(moving_discs)
    batch = batches_of_passes(plan, 2, 3)
    network = carrying.network
    network.trainable = False  # batch statistics would differ
    found = []
    for number in range(plan.clips):
        clip = keras.tree.map_structure(tf.constant, batch(number))
        found.append(np.asarray(carrying(clip, training=True).probability).reshape(4, 2, 3, 16, 16))
    whole = [draw_pass(np.random.default_rng((3, 0, place)), moving_discs, plan) for place in range(2)]
    both = keras.tree.map_structure(lambda *parts: tf.constant(np.stack(parts)), *whole)
    state = clip_start(both, network.initial_memory(2), 3)
    wanted, _ = unroll(lambda x: network(x, training=False), both.evidence, state, 0, 4 * plan.clips, 3)
    np.testing.assert_allclose(np.concatenate(found), wanted[..., 0], atol=1e-5)


def test_a_new_pass_begins_anew_and_validation_carries_nothing(moving_discs, carrying):
    batch = batches_of_passes(plan_of(moving_discs), 2, 3)
    first, second = (keras.tree.map_structure(tf.constant, batch(number)) for number in (0, 1))
    carrying.network.trainable = False
    began = carrying(first, training=True).probability
    went_on = carrying(second, training=True).probability
    held = {name: value.numpy() for name, value in carrying.carried.items()}
    np.testing.assert_array_equal(carrying(first, training=True).probability, began)
    for name, value in held.items():
        carrying.carried[name].assign(value)
    again = carrying(first, training=False).probability
    for name, value in held.items():
        np.testing.assert_array_equal(carrying.carried[name], value)
    np.testing.assert_array_equal(again, began)
    assert np.abs(np.asarray(went_on) - np.asarray(began)).max() > 1e-3
