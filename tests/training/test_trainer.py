"""Training of a network that carries slices on, on a tiny one."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses import NamedLoss
from ifss_keras.propagation import step as propagation_step
from ifss_keras.propagation.engine import KerasEngine
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.runner import SpanRunner, both_directions
from ifss_keras.training.examples.clips import batch_of_clips, batches_of_clips
from ifss_keras.training.examples.pipeline import clip_dataset
from ifss_keras.training.loss import one_after_another, rolled_out_start, trained_truth, trained_windows
from ifss_keras.training.propagation_trainer import Answer, PropagationTrainer
from ifss_keras.zoo.networks.ifss_net import IFSSNet
from ifss_keras.zoo.zoo_model import PropagatingModel, arguments_of, memory_inputs, probabilities

TERMS = {"parametric_tversky": 1.0, "cross_entropy": 0.5}


@pytest.fixture
def clip(moving_disc, clip_settings, propagation):
    """Two samples without roll-out."""
    return tensors(batch_of_clips([moving_disc], clip_settings, propagation, 2, 3))


@pytest.fixture
def long_clip(moving_disc, clip_settings, propagation):
    """Two samples with a roll-out of four windows."""
    settings = replace(clip_settings, rollout=(3, 4))
    batches = (batch_of_clips([moving_disc], settings, propagation, 2, seed) for seed in range(50))
    return next(tensors(clip) for clip in batches if clip.truth.shape[1] == 4 + 4)


def tensors(clip):
    return keras.tree.map_structure(tf.constant, clip)


def compiled(network, optimizer, **loss):
    """A trainer that runs operation by operation: no graph to compile, and every call of the network is seen."""
    trainer = PropagationTrainer(network, NamedLoss(TERMS, **loss), windows=2)
    trainer.compile(optimizer, run_eagerly=True)
    trainer.build()
    return trainer


def step(trainer, clip):
    return trainer.train_on_batch(clip, return_dict=True)


def values(trainer):
    return [variable.numpy() for variable in trainer.trainable_variables]


def test_a_step_moves_every_weight_and_both_penalties(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    before = values(trainer)
    logs = step(trainer, clip)
    still = [
        variable.path
        for variable, was, now in zip(trainer.trainable_variables, before, values(trainer), strict=True)
        if (was == now).all()
    ]
    assert still == []
    assert len(before) == len(trainer.network.trainable_variables) + 1
    assert set(logs) == {"loss", "dice", "alpha"}
    assert logs["loss"] > 0


def test_a_step_is_forward_gradient_and_apply(tiny_network, long_clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    by_hand = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    logs = step(trainer, long_clip)
    network = by_hand.network
    state = rolled_out_start(lambda inputs: network(inputs, training=False), long_clip, network.initial_memory(2), 3, 2)
    with tf.GradientTape() as tape:
        found, _ = trained_windows(lambda inputs: network(inputs, training=True), long_clip, state, 3, 2)
        probability = one_after_another(found)
        truth, weight = trained_truth(long_clip, 3, 2)
        loss = by_hand.named_loss(truth, probability, weight)
    gradients = tape.gradient(loss, [variable.value for variable in by_hand.trainable_variables])
    for variable, gradient in zip(by_hand.trainable_variables, gradients, strict=True):
        variable.assign_sub(0.1 * gradient)
    assert logs["loss"] == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(values(trainer), values(by_hand), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_fit_takes_the_clips_of_a_dataset(tiny_network, moving_disc, clip_settings, propagation):
    def dataset(seed):
        settings = replace(clip_settings, rollout=(0, 2))
        return clip_dataset(
            batches_of_clips([moving_disc], settings, propagation, 2, seed), propagation, batch=2, batches=2
        )

    trainer, by_hand = (PropagationTrainer(tiny_network(), NamedLoss(TERMS), windows=2) for _ in range(2))
    for held, how in ((trainer, {}), (by_hand, {"run_eagerly": True})):
        held.compile(keras.optimizers.SGD(0.1), **how)
        held.build()
    logs = trainer.fit(dataset(1), validation_data=dataset(2), verbose=0, shuffle=False).history
    trained = [step(by_hand, clip) for (clip,) in dataset(1)]
    tested = [by_hand.test_on_batch(clip, return_dict=True) for (clip,) in dataset(2)]
    assert set(logs) == {"loss", "dice", "alpha", "val_loss", "val_dice", "val_alpha"}
    assert logs["loss"][0] == pytest.approx(np.mean([one["loss"] for one in trained]), rel=1e-4)
    assert logs["alpha"][0] == pytest.approx(np.mean([one["alpha"] for one in trained]), rel=1e-5)
    assert logs["val_loss"][0] == pytest.approx(np.mean([one["loss"] for one in tested]), rel=1e-4)
    assert logs["val_alpha"][0] == pytest.approx(tested[0]["alpha"], rel=1e-5)


def test_the_loss_is_scaled_before_the_gradients(tiny_network, clip):
    plain = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    scaled = compiled(
        tiny_network(), keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1024)
    )
    before = values(plain)
    reported = [step(trainer, clip)["loss"] for trainer in (plain, scaled)]
    assert reported[0] == pytest.approx(reported[1], rel=1e-5)  # the log shows the loss as it is
    for was, one, other in zip(before, values(plain), values(scaled), strict=True):
        np.testing.assert_allclose(other - was, one - was, rtol=1e-2, atol=1e-6)


class Small(PropagatingModel):
    """A network of two dense layers and a memory, which need no operation that the CPU lacks in half precision."""

    def __init__(self, *, window=3, **kwargs):
        arguments = arguments_of(Small, locals())
        inputs = {name: keras.Input((window, 16, 16, 1), name=name) for name in ("image", "mask")}
        inputs |= memory_inputs({"hidden": (2,)})
        features = keras.layers.Dense(2)(keras.ops.concatenate([inputs["image"], inputs["mask"]], axis=-1))
        logits = features + keras.layers.Dense(2)(inputs["hidden"])[:, None, None, None]
        outputs = {"probabilities": probabilities(logits, 2), "hidden": keras.ops.mean(logits, axis=(1, 2, 3))}
        super().__init__(
            inputs=inputs, outputs=outputs, memory={"hidden": (2,)}, arguments=arguments, multiples=(1, 1, 1), **kwargs
        )


@pytest.mark.parametrize("eagerly", [True, False])
def test_a_network_in_half_precision_has_its_loss_scaled_and_sees_clips_in_full(long_clip, eagerly):
    keras.utils.set_random_seed(0)
    trainer = PropagationTrainer(Small(dtype="mixed_float16"), NamedLoss(TERMS), windows=2)
    assert trainer.network.output["hidden"].dtype == "float16"
    trainer.compile(keras.optimizers.SGD(0.1), run_eagerly=eagerly)
    trainer.build()
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    before, seen, network = values(trainer), [], trainer.network

    class Recorder:
        window, initial_memory, remember = network.window, network.initial_memory, network.remember

        def __call__(self, inputs, training):
            seen.extend(value.dtype for value in inputs.values())
            return network(inputs, training=training)

    trainer.network = Recorder()
    logs = step(trainer, long_clip)
    assert set(seen) == {tf.float32}
    assert np.isfinite(logs["loss"])
    assert all((was != now).any() for was, now in zip(before, values(trainer), strict=True))


def test_the_loss_of_one_batch_falls(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.Adam(0.01))
    losses = [step(trainer, clip)["loss"] for _ in range(10)]
    assert losses[-1] < 0.7 * losses[0]
    assert np.mean(np.diff(losses) < 0) > 0.7


def test_the_penalties_keep_within_their_limits(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.0), low=0.4)
    trainer.named_loss.tversky.logits.assign([3.0, 0.0])
    step(trainer, clip)
    assert float(trainer.named_loss.tversky.penalties()[0]) == pytest.approx(0.6, abs=1e-6)


def test_a_test_changes_no_weight_and_is_the_same_again(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    before = values(trainer)
    logs = trainer.test_on_batch(clip, return_dict=True)
    for was, now in zip(before, values(trainer), strict=True):
        np.testing.assert_array_equal(was, now)
    assert trainer.test_on_batch(clip, return_dict=True) == logs


def test_weights_and_the_state_of_the_optimizer_are_saved_and_loaded(tiny_network, clip, tmp_path):
    trainer, again = (
        compiled(tiny_network(seed), keras.optimizers.AdamW(0.01, global_clipnorm=1.0)) for seed in (0, 1)
    )
    step(trainer, clip)
    trainer.save_weights(tmp_path / "latest.weights.h5")
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "latest.weights.h5")
    assert step(again, clip) == step(trainer, clip)
    for one, other in zip(values(trainer), values(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def modes(monkeypatch):
    """A function from a trainer to the list of the modes that it calls its network in, which grows."""

    def recorded(trainer):
        seen, network = [], trainer.network

        class Recorder:
            window, initial_memory, remember = network.window, network.initial_memory, network.remember

            def __call__(self, inputs, training):
                seen.append(training)
                return network(inputs, training=training)

        monkeypatch.setattr(trainer, "network", Recorder())
        return seen

    return recorded


def test_only_training_drops(tiny_network, clip, modes):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    seen = modes(trainer)
    step(trainer, clip)
    assert seen == [True, True]
    seen.clear()
    trainer.test_on_batch(clip)
    assert seen == [False, False]


def test_the_roll_out_is_run_as_in_prediction(tiny_network, long_clip, modes):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    seen = modes(trainer)
    step(trainer, long_clip)
    assert seen == 4 * [False] + 2 * [True]


def test_nothing_is_dropped_of_what_is_looked_up(tiny_arguments, clip, monkeypatch):
    network = IFSSNet(**tiny_arguments | {"memory_level": 1, "encoder_dropout": 0.5})
    trainer = compiled(network, keras.optimizers.SGD(0.1))
    wanted, held = network.remember(*clip.exemplars), []

    class Recorder:
        window, initial_memory, remember = network.window, network.initial_memory, network.remember

        def __call__(self, inputs, training):
            held.append(inputs)
            return network(inputs, training=training)

    monkeypatch.setattr(trainer, "network", Recorder())
    trainer(clip, training=True)
    assert len(held) == 2
    for inputs in held:
        for name, value in wanted.items():
            np.testing.assert_allclose(inputs[name], value, atol=1e-6)


def test_training_and_prediction_call_the_same_step(tiny_network, clip, monkeypatch):
    calls, original = [], propagation_step.step

    def counted(network, evidence, state, *rest):
        calls.append(evidence.image.shape[1])
        return original(network, evidence, state, *rest)

    monkeypatch.setattr(propagation_step, "step", counted)
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    step(trainer, clip)
    assert calls == [3, 3]
    trainer.test_on_batch(clip)
    assert calls == 4 * [3]
    calls.clear()
    runner = SpanRunner(KerasEngine(trainer.network))
    runner.run([both_directions(runner.sight(Evidence(*(part.numpy()[0] for part in clip.evidence))))])
    assert set(calls) == {3}


def test_dice_counts_targets_only_and_alpha_is_followed(tiny_network, clip):
    trainer = compiled(tiny_network(), keras.optimizers.SGD(0.1))
    weight = np.ones((2, 4), np.float32)
    weight[0, 1:] = 0  # of the first sample counts one slice in one window
    held = clip._replace(truth=tf.ones_like(clip.truth), weight=tf.constant(weight))
    probability = np.full((4, 3, 16, 16), 0.51, np.float32)
    probability[0] = 0  # the first sample's first window
    probability[1, 0, :8] = 0  # half of the second sample's first slice
    trainer.named_loss.tversky.logits.assign([np.log(3.0), 0])
    answer = Answer(probability, *trained_truth(held, 3, 2))
    trainer.compute_loss(held, y_pred=answer)
    logs = trainer.compute_metrics(held, None, answer)
    dice = (0 + 5 + 2 / 3) / 7
    assert float(logs["dice"]) == pytest.approx(dice, abs=1e-5)
    assert float(logs["alpha"]) == pytest.approx(0.75, abs=1e-5)
