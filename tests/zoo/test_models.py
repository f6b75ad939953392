"""What every network of the zoo must pass, whatever it computes; none is named here but in `models.SMALL`."""

import inspect
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ifss_keras.zoo
from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.losses import NamedLoss, segmentation_loss
from ifss_keras.zoo.catalogue import ARCHITECTURES, build_network, keyword_arguments, network_class
from ifss_keras.zoo.presets import DEFAULT_PRESET
from ifss_keras.zoo.weights_file import load_weights
from tests.layer_checks import assert_arguments_away_from_defaults
from tests.zoo.models import CASES, SMALL, answered, random_inputs, run, truth_for

GOLDEN = Path(__file__).with_name("golden_models.npz")
VARIANTS = [(name, variant) for name, held in ARCHITECTURES.items() for variant in held.variants]
cases = pytest.mark.parametrize(("name", "number"), CASES)


def test_every_network_of_the_zoo_is_checked_with_every_argument():
    assert set(SMALL) == set(ARCHITECTURES)
    for name, argument_sets in SMALL.items():
        assert_arguments_away_from_defaults(network_class(name), *argument_sets)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_the_catalogue_says_what_the_class_is(name):
    cls = network_class(name)
    assert cls is getattr(ifss_keras.zoo, name)
    assert cls.__name__ == name
    assert cls.needs_reference is ARCHITECTURES[name].needs_reference
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    assert {item.kind for item in parameters} == {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}


@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=lambda item: getattr(item, "name", item))
def test_every_variant_has_the_parameters_that_are_listed(name, variant):
    network = build_network(name, variant.arguments)
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == variant.parameters


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_misspelt_argument_is_refused_and_the_nearest_named(name):
    for argument in keyword_arguments(network_class(name)):
        misspelt = argument[:-2] + argument[:-3:-1]  # the last two letters in the wrong order
        with pytest.raises(ValueError, match=rf"^{name} has no argument '{misspelt}': .*did you mean {argument}\?"):
            network_class(name)(**{misspelt: 1})
    with pytest.raises(ValueError, match=f"^{name} has no argument 'optimizer': expected one of .*name, trainable, dt"):
        network_class(name)(optimizer="adam")


@cases
def test_name_trainable_and_dtype_are_taken_and_come_back(name, number):
    cls, arguments, before = network_class(name), SMALL[name][number], keras.config.dtype_policy()
    network = cls(**arguments, name="mine", trainable=False, dtype="mixed_float16")
    assert keras.config.dtype_policy() == before
    shared = {"name": "mine", "trainable": False, "dtype": "mixed_float16"}
    config = network.get_config()
    assert {key: config[key] for key in (*shared, *arguments)} == shared | arguments
    assert (network.name, network.trainable_weights) == ("mine", [])
    assert {weight.dtype for weight in network.weights} == {"float32"}
    last = [layer for layer in layers_of(network) if layer.name.endswith(("probabilities", "reconstruction"))]
    assert {layer.dtype_policy.name for layer in last} == {"float32"}
    assert {layer.dtype_policy.name for layer in layers_of(network) if layer not in last} == {"mixed_float16"}
    try:
        keras.config.set_dtype_policy("mixed_float16")
        everywhere = cls(**arguments)
    finally:
        keras.config.set_dtype_policy(before)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(network))))
    assert copy.get_config() == config
    for other in (everywhere, copy):
        for layer, same in zip(layers_of(other), layers_of(network), strict=True):
            assert (type(layer), layer.dtype_policy.name) == (type(same), same.dtype_policy.name)


def layers_of(network):
    """Every layer, those inside other layers included."""
    return list(network._flatten_layers(include_self=False))


def test_a_constructor_that_fails_leaves_the_policy_of_all_others_alone():
    before = keras.config.dtype_policy()
    for arguments in ({"widths": (1,)}, {"width": (4, 5)}):
        with pytest.raises(ValueError, match="width"):
            network_class("UNet3D")(**arguments, dtype="mixed_float16")
        assert keras.config.dtype_policy() == before
    assert "dtype" not in network_class("UNet3D")(**SMALL["UNet3D"][0]).get_config()


@cases
def test_a_copy_from_the_config_with_the_same_weights_gives_the_same(name, number):
    network, inputs, expected = answered(name, number)
    arguments, config = SMALL[name][number], network.get_config()
    assert {key: config[key] for key in arguments} == arguments
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(network))))
    assert type(copy) is type(network)
    assert copy.get_config() == config
    assert [weight.path for weight in copy.weights] == [weight.path for weight in network.weights]
    assert all(value.std() > 1e-3 for value in expected.values()), "an output without variation would compare nothing"
    assert any((run(copy, inputs)[key] != value).any() for key, value in expected.items()), "weights do not matter"
    copy.set_weights(network.get_weights())
    for key, value in run(copy, inputs).items():
        np.testing.assert_array_equal(value, expected[key])


@cases
def test_files_of_the_network_and_of_its_weights_bring_it_back(name, number, tmp_path):
    network, inputs, expected = answered(name, number)
    network.save(tmp_path / "network.keras")
    network.save_weights(tmp_path / "network.weights.h5")
    again = network_class(name)(**SMALL[name][number])
    load_weights(again, tmp_path / "network.weights.h5")
    whole = keras.saving.load_model(tmp_path / "network.keras")
    for key, value in expected.items():
        np.testing.assert_array_equal(run(again, inputs)[key], value)
        np.testing.assert_array_equal(run(whole, inputs)[key], value)


@cases
@pytest.mark.parametrize("policy", [pytest.param("mixed_float16", marks=pytest.mark.slow), "mixed_bfloat16"])
def test_mixed_precision_gives_nearly_the_same_probabilities_in_float32(name, number, policy):
    network, inputs, plain = answered(name, number)
    mixed = network_class(name)(**SMALL[name][number], dtype=policy)
    assert {weight.dtype for weight in mixed.trainable_weights} == {"float32"}
    assert any(layer.compute_dtype == policy.removeprefix("mixed_") for layer in mixed.layers)
    mixed.set_weights(network.get_weights())
    # TensorFlow has no pooling in float16 for the CPU but through XLA
    call = tf.function(mixed, jit_compile=True) if policy == "mixed_float16" else mixed
    found, expected = run(call, inputs)["probabilities"], plain["probabilities"]
    assert found.dtype == np.float32
    # weights are random, so that logits are large; a wrong place for a cast shows as NaN or as another image
    assert np.abs(found - expected).mean() < {"mixed_float16": 0.02, "mixed_bfloat16": 0.08}[policy]


@cases
def test_a_batch_seen_again_costs_less_and_every_weight_has_its_gradient(name, number):
    keras.utils.set_random_seed(1)
    network = network_class(name)(**SMALL[name][number])
    inputs = {key: np.abs(value) % 1 for key, value in random_inputs(network).items()}
    truth = truth_for(network, run(network, inputs))
    optimizer, named = keras.optimizers.Adam(3e-3), NamedLoss({"squared_dice": 1.0, "cross_entropy": 1.0})
    losses, largest = [], {weight.path: 0.0 for weight in network.trainable_weights}
    for _ in range(3):
        with tf.GradientTape() as tape:
            outputs = network(inputs, training=False)
            weights = tf.ones((*truth.shape[:2], truth.shape[-1]))
            loss = segmentation_loss(named, outputs, truth, weights)
            # outputs that the loss does not ask for, such as a memory, must reach their weights too
            asked = loss + sum(1e-3 * tf.reduce_mean(tf.square(value)) for value in outputs.values())
        gradients = tape.gradient(asked, [weight.value for weight in network.trainable_weights])
        for weight, gradient in zip(network.trainable_weights, gradients, strict=True):
            assert gradient is not None, f"no gradient reaches {weight.path}"
            assert np.isfinite(gradient).all(), f"the gradient of {weight.path} is not finite"
            largest[weight.path] = max(largest[weight.path], float(np.abs(gradient).max()))
        optimizer.apply(gradients, network.trainable_weights)
        losses.append(float(loss))
    assert losses[-1] < losses[0], losses
    assert [path for path, value in largest.items() if not value] == []


@cases
def test_golden_outputs(name, number):
    """Values, names and layouts as they were when the file was written: python -m tests.zoo.make_golden_models."""
    network, _, found = answered(name, number)
    with np.load(GOLDEN) as golden:
        layout = json.loads(str(golden[f"{name}/{number}/layout"]))
        expected = {key.split("/")[-1]: golden[key] for key in golden if key.startswith(f"{name}/{number}/outputs/")}
    assert [[weight.path.split("/", 1)[1], list(weight.shape)] for weight in network.weights] == layout
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-4, err_msg=key)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "IFSSNet"])
def test_a_preset_of_another_network_is_refused(name):
    with pytest.raises(PresetError, match=f"is of the network IFSSNet, not {name}: use IFSSNet.from_preset"):
        network_class(name).from_preset(DEFAULT_PRESET)
    assert network_class(name).presets == {}


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("UNet4D", {}, "no network 'UNet4D': expected one of IFSSNet, .*did you mean UNet3D"),
        ("VNet", {"width": (1, 2)}, "VNet has no argument 'width'.*did you mean widths"),
        ("VNet", {"widths": (4, 5), "convolutions": (1,)}, "VNet cannot be built with .*: widths and convolutions"),
        ("VNet", {"slices": 8, "image_size": (64, 64)}, "slices must be a multiple of 16, received 8"),
        ("UNet3D", {"slices": 8, "image_size": (64, 60)}, "columns must be a multiple of 8, received 60"),
        ("DAF3D", {"planes": (33, 64, 64, 64)}, "DAF3D cannot be built with .*: .* must divide by 32 groups"),
        ("PGNet", {"image_size": (48, 48)}, "PGNet cannot be built with .*: image_size must be divisible by 32"),
        ("UNet3D", {"pool": (1, 2)}, r"pool must be a positive integer or three of them .* received \(1, 2\)"),
        ("UNet3D", {"pool": (1, 2, 0)}, "pool must be a positive integer or three of them"),
        ("UNet3D", {"normalize": "maybe"}, "normalize must be true or false, received 'maybe'"),
        ("SpatioTemporalUNet", {"separable": 3}, "separable must be true or false, received 3"),
        ("IFSSNet", {"temporal": "backward"}, "temporal must be one of bidirectional, forward, none"),
        ("IFSSNet", {"fusion": "sum"}, "fusion must be one of matching, correlation"),
    ],
)
def test_what_cannot_be_built_is_refused_in_a_sentence(name, arguments, said):
    with pytest.raises(InputError, match=said):
        build_network(name, arguments)
