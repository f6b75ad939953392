"""Training in mixed precision, and that its preset is a float32 one."""

import keras
import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.training import build
from ifss_keras.training.build import network_of
from ifss_keras.training.recipe import recipe_from
from ifss_keras.zoo import SegNetFS

TINY = {
    "name": "tiny",
    "model": "SegNetFS",
    "labels": {1: "one", 2: "two"},
    "slices": 2,
    "network": {"image_size": (16, 16), "widths": (4, 6), "rates": (1, 2), "head_width": 3},
    "training": {"shapes": 1, "first_seed": 1},
    "validation": {"shapes": 1, "first_seed": 2},
    "optimizer": {"warmup_steps": 0},
    "batch": 2,
    "steps_per_epoch": 2,
    "epochs": 1,
    "validation_steps": 1,
}


def kept_in(network):
    return {weight.dtype for weight in network.weights}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_layers_compute_in_the_recipes_precision_and_keep_float32(precision):
    network = network_of(recipe_from(TINY | {"precision": precision}))
    computed = {layer.compute_dtype for layer in network._flatten_layers() if layer.weights}
    assert precision.removeprefix("mixed_") in computed
    assert kept_in(network) == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_float16_has_its_loss_scaled(monkeypatch):
    monkeypatch.setattr(build, "has_accelerator", lambda: True)
    trainer = build.build_trainer(recipe_from(TINY | {"precision": "mixed_float16"}))
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    assert not isinstance(build.build_trainer(recipe_from(TINY)).optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_16_bits_are_refused_on_a_processor(precision):
    with pytest.raises(InputError, match=f"expected float32 where TensorFlow has no GPU, received {precision}"):
        build.build_trainer(recipe_from(TINY | {"precision": precision}))


def test_a_network_in_bfloat16_leaves_a_preset_that_predicts_in_float32(tmp_path):
    trained = network_of(recipe_from(TINY | {"precision": "mixed_bfloat16"}))
    trained.save_to_preset(tmp_path / "preset")
    network = SegNetFS.from_preset(tmp_path / "preset")
    assert {layer.compute_dtype for layer in network._flatten_layers()} == {"float32"}
    for one, other in zip(trained.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    shown = {"image": np.random.default_rng(2).random((1, 2, 16, 16, 1)).astype(np.float32)}
    exact, rounded = (keras.ops.convert_to_numpy(net(shown)["probabilities"]) for net in (network, trained))
    assert exact.dtype == np.float32
    np.testing.assert_allclose(exact.sum(axis=-1), 1, atol=1e-5)
    assert 0 < np.abs(exact - rounded.astype(np.float32)).max() < 0.05, "near, but rounded where it was trained"
