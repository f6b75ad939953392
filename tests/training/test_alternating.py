"""Two optimizers in turn: their order, what each moves, and that the second sees what the first left."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.core.errors import InputError
from ifss_keras.losses.segmentation import reconstruction_loss
from ifss_keras.training import build
from ifss_keras.training.build import build_trainer
from ifss_keras.training.examples.windows import Target
from ifss_keras.training.recipe import SegmentationRecipe

RECIPE = {
    "name": "two",
    "model": "SpatioTemporalUNet",
    "network": {"widths": (3, 4), "recurrent": 1, "image_size": (8, 8)},
    "labels": {7: "one"},
    "slices": 3,
    "training": {"calf": 1, "first_seed": 1},
    "validation": {"calf": 1, "first_seed": 2},
    "optimizer": {"kind": "sgd", "schedule": "constant", "warmup_steps": 0, "weight_decay": 0, "clip_norm": None},
    "reconstruction": {"alternate": True},
}


def built(**changes):
    trainer = build_trainer(SegmentationRecipe(**RECIPE | changes))
    trainer.run_eagerly = True
    return trainer


@pytest.fixture
def window():
    rng = np.random.default_rng(0)
    truth = np.eye(2, dtype=np.float32)[rng.integers(0, 2, (2, 3, 8, 8))]
    image = rng.random((2, 3, 8, 8, 1)).astype(np.float32)
    return image, Target(truth, np.zeros_like(image)), np.ones((2, 3, 2), np.float32)


def layers(variables):
    return {variable.path.split("/")[0] for variable in variables}


def test_each_objective_trains_its_own_decoder_and_both_what_they_share():
    trainer = built()
    rebuilding, finding = (layers(trainer.variables_of(name)) for name in ("reconstruction", "segmentation"))
    shared = {name for name in layers(trainer.network.trainable_variables) if name.startswith(("encoder", "recurr"))}
    assert shared == rebuilding & finding
    assert rebuilding - shared == {name for name in rebuilding if name.startswith("reconstruction")}
    assert finding - shared == {name for name in finding if name.startswith(("segmentation", "head"))}
    assert layers(trainer.network.trainable_variables) == rebuilding | finding


def test_a_step_is_the_reconstructions_and_then_the_segmentations_on_new_outputs(window):
    trainer, by_hand = built(), built()
    image, target, weights = (tf.nest.map_structure(tf.constant, part) for part in window)
    logs = trainer.train_on_batch(*window, return_dict=True)
    losses = []
    for objective, optimizer in (("reconstruction", by_hand.reconstruction_optimizer), ("segmentation", None)):
        with tf.GradientTape() as tape:
            outputs = by_hand(image, training=True)
            if optimizer:
                loss = reconstruction_loss(outputs, image)
            else:
                loss = by_hand.compute_loss(image, target, outputs, weights)
        variables = by_hand.variables_of(objective)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        assert all(gradient is not None for gradient in gradients)
        (optimizer or by_hand.optimizer).apply(gradients, variables)
        losses.append(float(loss))
    assert logs["loss"] == pytest.approx(losses[1], rel=1e-5)
    for one, other in zip(trainer.network.get_weights(), by_hand.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert trainer.reconstruction_optimizer is not trainer.optimizer
    assert int(trainer.reconstruction_optimizer.iterations) == int(trainer.optimizer.iterations) == 1


def test_both_losses_fall(window):
    trainer = built(optimizer=RECIPE["optimizer"] | {"kind": "adam", "learning_rate": 0.02})
    trainer.run_eagerly = False
    image = tf.constant(window[0])
    before = float(reconstruction_loss(trainer(image, training=True), image))
    losses = [trainer.train_on_batch(*window, return_dict=True)["loss"] for _ in range(25)]
    assert losses[-1] < 0.8 * losses[0]
    assert float(reconstruction_loss(trainer(image, training=True), image)) < 0.6 * before


def test_its_state_is_saved_with_both_optimizers(window, tmp_path):
    settings = RECIPE["optimizer"] | {"kind": "adam", "learning_rate": 0.01}
    trainer, again = built(optimizer=settings), built(optimizer=settings, seed=9)
    trainer.train_on_batch(*window)
    trainer.save_weights(tmp_path / "state.weights.h5")
    again.load_weights(tmp_path / "state.weights.h5")
    for held in (trainer, again):
        held.train_on_batch(*window)
    for one, other in zip(trainer.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_one_optimizer_takes_the_weighted_sum(window):
    trainer = built(reconstruction={"weight": 3.0})
    outputs = trainer(tf.constant(window[0]), training=False)
    both = float(trainer.compute_loss(window[0], window[1], outputs, window[2]))
    trainer.reconstruction = 0.0
    alone = float(trainer.compute_loss(window[0], window[1], outputs, window[2]))
    assert both - alone == pytest.approx(3 * float(reconstruction_loss(outputs, window[0])), rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": RECIPE["network"] | {"reconstruct": False}}, "a network that reconstructs, received SpatioTempo"),
        ({"precision": "mixed_float16"}, "neither mixed_float16 nor optimizer.accumulate"),
    ],
)
def test_what_it_is_not_for_is_refused(changes, said, monkeypatch):
    monkeypatch.setattr(build, "has_accelerator", lambda: True)  # 16 bits are refused without one
    with pytest.raises(InputError, match=said):
        build_trainer(SegmentationRecipe(**RECIPE | changes))


def test_it_runs_as_a_graph(window):
    trainer = built()
    trainer.run_eagerly = False
    assert np.isfinite(trainer.train_on_batch(*window, return_dict=True)["loss"])
    assert isinstance(trainer, keras.Model)
