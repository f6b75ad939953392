"""The training step on a tiny network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.data.evidence import Evidence
from ifss_keras.data.pipeline import batch_of_clips
from ifss_keras.inference import span_network
from ifss_keras.inference.span_network import SpanNetwork
from ifss_keras.propagation import unroll
from ifss_keras.training.clip_loss import clip_loss, rolled_out_start
from ifss_keras.training.trainer import PropagationTrainer, slice_dice


@pytest.fixture
def clip(moving_disc, clip_settings):
    """Two samples without roll-out."""
    return tensors(batch_of_clips([moving_disc], clip_settings, (0, 0), 2, 3))


def tensors(clip):
    return keras.tree.map_structure(tf.constant, clip)


def compiled(network, optimizer, **loss):
    trainer = PropagationTrainer(network, windows=2, **loss)
    trainer.compile(optimizer, jit_compile=False)
    trainer.build()
    return trainer


def values(trainer):
    return [variable.numpy() for variable in trainer.trainable_variables]


def test_a_step_moves_every_weight_and_both_penalties(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    before = values(trainer)
    logs = trainer.train_step(clip)
    still = [
        variable.path
        for variable, was, now in zip(trainer.trainable_variables, before, values(trainer), strict=True)
        if (was == now).all()
    ]
    assert still == []
    assert len(before) == len(trainer.network.trainable_variables) + 1
    assert set(logs) == {"loss", "dice", "alpha"}
    assert float(logs["loss"]) > 0


def test_a_step_is_forward_gradient_and_apply(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    by_hand = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    logs = trainer.train_step(clip)
    state, start = rolled_out_start(by_hand.network, clip, by_hand.network.initial_memory(2), 3, 2)
    with tf.GradientTape() as tape:
        loss = clip_loss(
            lambda inputs: by_hand.network(inputs, training=True),
            by_hand.tversky,
            clip,
            state,
            start,
            window=3,
            windows=2,
            cross_entropy=0.5,
        )[0]
    gradients = tape.gradient(loss, [variable.value for variable in by_hand.trainable_variables])
    for variable, gradient in zip(by_hand.trainable_variables, gradients, strict=True):
        variable.assign_sub(0.1 * gradient)
    assert float(logs["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(values(trainer), values(by_hand), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_loss_is_scaled_before_the_gradients(tiny_network, clip):
    plain = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    scaled = compiled(
        tiny_network(), keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1024)
    )
    before = values(plain)
    reported = [float(trainer.train_step(clip)["loss"]) for trainer in (plain, scaled)]
    assert reported[0] == pytest.approx(reported[1], rel=1e-5)  # the log shows the loss as it is
    for was, one, other in zip(before, values(plain), values(scaled), strict=True):
        np.testing.assert_allclose(other - was, one - was, rtol=1e-2, atol=1e-6)


def test_the_loss_of_one_batch_falls(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.Adam(0.01))
    step, losses = tf.function(trainer.train_step, autograph=False), []
    for _ in range(15):
        trainer.reset_metrics()
        losses.append(float(step(clip)["loss"]))
    assert losses[-1] < 0.7 * losses[0]
    assert np.mean(np.diff(losses) < 0) > 0.7


def test_the_penalties_keep_within_their_limits(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.0), low=0.4)
    trainer.tversky.logits.assign([3.0, 0.0])
    trainer.train_step(clip)
    assert float(trainer.tversky.penalties()[0]) == pytest.approx(0.6, abs=1e-6)


def test_a_test_step_changes_no_weight_and_is_the_same_again(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    before = values(trainer)
    logs = {name: float(value) for name, value in trainer.test_step(clip).items()}
    for was, now in zip(before, values(trainer), strict=True):
        np.testing.assert_array_equal(was, now)
    trainer.reset_metrics()
    assert {name: float(value) for name, value in trainer.test_step(clip).items()} == logs


def test_only_training_drops(tiny_network, clip, monkeypatch):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    modes, network = [], trainer.network

    class Recorder:
        window, initial_memory, remember = network.window, network.initial_memory, network.remember

        def __call__(self, inputs, training):
            modes.append(training)
            return network(inputs, training=training)

    monkeypatch.setattr(trainer, "network", Recorder())
    trainer.train_step(clip)
    assert modes == [True, True]
    modes.clear()
    trainer.test_step(clip)
    assert modes == [False, False]


def test_the_roll_out_is_run_as_in_prediction(tiny_network, moving_disc, clip_settings, monkeypatch):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    batches = (batch_of_clips([moving_disc], clip_settings, (3, 4), 2, seed) for seed in range(50))
    clip = next(clip for clip in batches if clip.truth.shape[1] == 4 + 4)
    modes, network = [], trainer.network

    class Recorder:
        window, initial_memory, remember = network.window, network.initial_memory, network.remember

        def __call__(self, inputs, training):
            modes.append(training)
            return network(inputs, training=training)

    monkeypatch.setattr(trainer, "network", Recorder())
    trainer.train_step(tensors(clip))
    assert modes == 4 * [False] + 2 * [True]


def test_training_and_prediction_call_the_same_step(tiny_network, clip, monkeypatch):
    assert span_network.step is unroll.step
    calls, original = [], unroll.step

    def counted(network, evidence, state, *rest):
        calls.append(evidence.image.shape[1])
        return original(network, evidence, state, *rest)

    monkeypatch.setattr(unroll, "step", counted)
    monkeypatch.setattr(span_network, "step", counted)
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    trainer.train_step(clip)
    assert calls == [3, 3]
    trainer.test_step(clip)
    assert calls == 4 * [3]
    calls.clear()
    SpanNetwork(trainer.network).run(Evidence(*(part.numpy() for part in clip.evidence)))
    assert set(calls) == {3}


def test_dice_of_a_slice_has_its_closed_form():
    truth, probability = np.zeros((2, 1, 4, 2, 2), np.float32)
    truth[0, 1], probability[0, 1] = 1, 0.6  # all of it
    truth[0, 2], probability[0, 2, 0] = 1, 0.9  # half of it
    probability[0, 3] = 0.51  # of nothing
    np.testing.assert_allclose(slice_dice(probability, truth), [[1, 1, 2 / 3, 0]], atol=1e-6)


def test_dice_counts_targets_only_and_alpha_is_followed(tiny_network):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    truth = np.ones((2, 3, 2, 2), np.float32)
    probability = truth.copy()
    probability[0] = 0
    weight = np.array([[1, 0, 0], [1, 1, 1]], np.float32)
    trainer.tversky.logits.assign([np.log(3.0), 0])
    logs = trainer._track(0.25, probability, truth, weight)
    assert {name: float(value) for name, value in logs.items()} == pytest.approx(
        {"loss": 0.25, "dice": 0.75, "alpha": 0.75}, abs=1e-5
    )
