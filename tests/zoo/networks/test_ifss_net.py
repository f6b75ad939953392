"""IFSSNet: the whole graph against NumPy, sharing, outputs, refusals; round trips are in test_models."""

import keras
import numpy as np
import pytest

from ifss_keras.zoo.complexity import multiply_adds
from ifss_keras.zoo.networks.ifss_net import IFSSNet
from tests.layer_checks import gradients, normal, random_weights
from tests.reference.ifss_net import encoder_level, ifss_net
from tests.zoo.models import IFSS_NET

SMALL = IFSS_NET | {
    "matching_kernel": 5,
    "window": 4,
    "temporal": "bidirectional",
    "fusion": "matching",
    "memory_level": 0,
    "memory_slots": 3,
}
TOLERANCE = 1e-5  # float32 against float64 through some twenty layers
OUTPUTS = ("probabilities", "hidden", "cell")


def small(**changes):
    return random_weights(IFSSNet(**{**SMALL, **changes}), seed=3)


def inputs_for(network, batch=2):
    """Random images, masks and memory that is not zero."""
    return {
        name: normal(batch, *tensor.shape[1:], seed=seed) for seed, (name, tensor) in enumerate(network.input.items())
    }


def run(network, inputs):
    return {name: np.asarray(value) for name, value in network(inputs).items()}


@pytest.fixture(scope="module")
def network():
    return small()


@pytest.fixture(scope="module")
def default():
    """The network of the paper at 512x512, built once and never called."""
    return IFSSNet()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"widths": (3,), "rates": (1, 2), "window": 3},
        {"widths": (2, 3, 5), "image_size": (16, 8), "rates": ((1, 2), (3, 1), (1,)), "encoder_depth_kernel": 3},
        {"window": 1, "encoder_depth_kernel": 1},
        {"norm_per_channel": False},
        {"memory_level": 1},
        {"memory_level": 2, "memory_slots": 1},
        {"temporal": "forward"},
        {"temporal": "none", "window": 10},
        {"fusion": "correlation"},
        {"fusion": "correlation", "temporal": "none", "memory_level": 1, "matching_kernel": 3},
    ],
    ids=lambda changes: " ".join(changes) or "two levels",
)
def test_values_against_numpy(changes):
    network = small(**changes)
    inputs = inputs_for(network)
    weights = {weight.path: np.float64(weight) for weight in network.weights}
    expected = ifss_net(
        inputs,
        weights,
        network.rates,
        per_channel=network.norm_per_channel,
        memory_level=network.memory_level,
        temporal=network.temporal,
        reach=network.matching_kernel // 2 if network.fusion == "correlation" else None,
    )
    found = run(network, inputs)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=TOLERANCE, err_msg=name)


def test_what_is_remembered_are_the_features_of_every_annotated_slice_by_itself():
    network = small(memory_level=2, memory_slots=2)
    image, mask = normal(3, 2, 8, 12, 1, seed=1), normal(3, 2, 8, 12, 1, seed=2)
    weights = {weight.path: np.float64(weight) for weight in network.weights}
    held = network.remember(image, mask, np.ones((3, 2), np.float32))
    for slot in range(2):
        features, shape = image[:, slot : slot + 1], mask[:, slot : slot + 1]
        for level, rates in enumerate(network.rates, start=1):
            features = encoder_level(features, weights, f"encoder_{level}", rates, True)
            shape = encoder_level(shape, weights, f"encoder_{level}", rates, True) + features
        np.testing.assert_allclose(held["memory_image"][:, slot], features[:, 0], atol=TOLERANCE)
        np.testing.assert_allclose(held["memory_mask"][:, slot], shape[:, 0], atol=TOLERANCE)


def test_a_network_without_memory_remembers_nothing(network):
    assert network.remember(None, None, None) == {}


def test_a_memory_adds_its_own_weights_and_no_others(network):
    memory = small(memory_level=1)
    own = {weight.path for weight in memory.weights} - {weight.path for weight in network.weights}
    assert {path.split("/")[0] for path in own} == {"reference_memory"}
    assert len(memory.weights) == len(network.weights) + len(own)


@pytest.mark.parametrize(
    "arguments", [{"memory_level": 3}, {"memory_level": -1}, {"memory_level": 1, "memory_slots": 0}]
)
def test_a_memory_needs_a_level_and_a_slot(arguments):
    with pytest.raises(ValueError, match="memory_level"):
        small(**arguments)


def test_probabilities_sum_to_one_in_float32(network):
    probabilities = run(network, inputs_for(network))["probabilities"]
    assert probabilities.shape == (2, 4, 8, 12, 2)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)


def test_channel_0_is_the_muscle_by_the_heads_first_bias():
    network = small()
    bias = network.get_layer("head").bias
    inputs = inputs_for(network)
    before = run(network, inputs)["probabilities"]
    bias.assign(bias + np.array([2.0, 0.0]))
    after = run(network, inputs)["probabilities"]
    logit = np.log(before[..., 0] / before[..., 1])
    np.testing.assert_allclose(after[..., 0], 1 / (1 + np.exp(-logit - 2)), atol=1e-4)


def test_the_encoder_is_built_once_and_called_twice(network):
    levels = [layer for layer in network.layers if layer.name.startswith("encoder_")]
    assert [layer.name for layer in levels] == ["encoder_1", "encoder_2"]
    assert [len(layer._inbound_nodes) for layer in levels] == [2, 2]
    assert len({id(weight) for weight in network.weights}) == len(network.weights)
    assert network.count_params() == sum(int(np.prod(weight.shape)) for weight in network.weights)
    assert len([weight for weight in network.weights if "encoder_1/" in weight.path]) == 2 * 3 + 2


@pytest.mark.parametrize("stream", [0, 1], ids=["image", "mask"])
def test_each_stream_sends_a_gradient_to_the_encoder(network, stream):
    inputs = inputs_for(network)
    for level in (network.get_layer("encoder_1"), network.get_layer("encoder_2")):
        features = keras.Model(network.inputs, level._inbound_nodes[stream].outputs)
        arguments = [inputs[tensor.name] for tensor in network.inputs]
        for path, gradient in gradients(level, lambda: features(arguments)).items():  # noqa: B023
            assert np.any(gradient), path


def test_every_weight_has_a_finite_gradient_that_is_not_zero(network):
    inputs = inputs_for(network)
    for path, gradient in gradients(network, lambda: network(inputs)).items():
        assert gradient is not None, path
        assert np.all(np.isfinite(gradient)), path
        assert np.any(gradient), path


def test_mask_image_and_memory_all_reach_the_probabilities(network):
    inputs = inputs_for(network)
    before = run(network, inputs)["probabilities"]
    for name in inputs:
        after = run(network, {**inputs, name: 0 * inputs[name]})["probabilities"]
        assert np.abs(after - before).max() > 1e-4, name


def test_the_memory_handed_on_sees_slices_ahead_only_through_the_matching():
    # its chain reaches one slice to each side and each convolution of its residual block one more: 3 in all
    network = small(window=7, encoder_depth_kernel=1)
    inputs = inputs_for(network, batch=1)
    before = run(network, inputs)
    for first, seen in ((4, False), (3, True)):
        changed = {**inputs, "image": inputs["image"].copy()}
        changed["image"][:, first] += normal(1, 8, 12, 1, seed=9)
        change = np.abs(run(network, changed)["hidden"] - before["hidden"]).max()
        assert (change > 1e-6) == seen, (first, change)


def test_one_at_a_time_equals_the_batch(network):
    inputs = inputs_for(network, batch=3)
    together = run(network, inputs)
    for index in range(3):
        alone = run(network, {name: value[index : index + 1] for name, value in inputs.items()})
        for name in OUTPUTS:
            np.testing.assert_allclose(alone[name][0], together[name][index], atol=1e-5)


def test_the_same_input_gives_the_same_bytes_and_predict_the_same_values(network):
    inputs = inputs_for(network)
    first, second = run(network, inputs), run(network, inputs)
    compiled = network.predict(inputs, verbose=0)
    for name in OUTPUTS:
        assert first[name].tobytes() == second[name].tobytes()
        np.testing.assert_allclose(compiled[name], first[name], atol=1e-5)


def test_dropout_acts_in_training_only():
    network = small(encoder_dropout=0.0, memory_dropout=0.0, decoder_dropout=0.0)
    inputs = inputs_for(network)
    plain = run(network, inputs)["probabilities"]
    # in training the decoder normalises by the batch, so that dropout is what changes from call to call
    training = np.asarray(network(inputs, training=True)["probabilities"])
    np.testing.assert_allclose(network(inputs, training=True)["probabilities"], training, atol=1e-6)
    for name in ("encoder_dropout", "memory_dropout", "decoder_dropout"):
        dropping = small(**{"encoder_dropout": 0.0, "memory_dropout": 0.0, "decoder_dropout": 0.0, name: 0.5})
        np.testing.assert_array_equal(run(dropping, inputs)["probabilities"], plain)
        assert np.abs(dropping(inputs, training=True)["probabilities"] - training).max() > 1e-3, name


def test_initial_memory_is_zero_and_fits(network):
    inputs = inputs_for(network)
    memory = {name: np.asarray(part) for name, part in network.initial_memory(2).items()}
    assert {name: part.shape for name, part in memory.items()} == {"hidden": (2, 2, 3, 7), "cell": (2, 2, 3, 7)}
    assert not any(part.any() for part in memory.values())
    inputs |= memory
    assert np.all(np.isfinite(run(network, inputs)["probabilities"]))


def test_one_tuple_of_rates_serves_every_level():
    assert IFSSNet(**{**SMALL, "rates": (1, 2)}).rates == ((1, 2), (1, 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": (10, 12)}, "image_size must have rows divisible by 4 for 2 levels, received 10"),
        ({"image_size": (8, 14)}, "image_size must have columns divisible by 4 for 2 levels, received 14"),
        ({"image_size": (0, 12)}, "rows divisible by 4 .* received 0"),
        ({"rates": ((1, 8), (1, 2))}, r"reach only padding: level 1 is 8 pixels wide, received \(1, 8\)"),
        ({"rates": (1, 4)}, r"reach only padding: level 2 is 4 pixels wide, received \(1, 4\)"),
        ({"rates": ((1, 2),) * 3}, "one for each of 2 levels"),
        ({"matching_kernel": 4}, "matching_kernel must be odd, .* received 4"),
        ({"window": 0}, "window must be a positive number of slices, received 0"),
        ({"widths": (), "rates": (1, 2)}, "widths must name at least one level"),
        ({"widths": ()}, "widths must name at least one level"),
        ({"widths": 5}, "widths must name at least one level, as a tuple of channels, received 5"),
        ({"rates": ()}, r"rates must be one tuple of dilations or one for each level, .* received \(\)"),
        ({"rates": 3}, "rates must be one tuple of dilations or one for each level, .* received 3"),
        ({"rates": ((1, 2), ())}, r"rates must be positive integers, one at least .* received \(\) for level 2"),
        ({"rates": (1, 0)}, r"rates must be positive integers, .* received \(1, 0\) for level 1"),
        ({"image_size": 8}, r"image_size must be \(rows, columns\), received 8"),
        ({"image_size": (8,)}, r"image_size must be \(rows, columns\), received \(8,\)"),
        ({"widths": (1, 7)}, r"filters must be at least the number of rates, received filters=1"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        IFSSNet(**{**SMALL, **changes})


def test_the_largest_rates_that_reach_a_pixel_are_accepted():
    assert IFSSNet(**{**SMALL, "rates": ((1, 7), (1, 3))}).rates == ((1, 7), (1, 3))


def test_the_default_has_the_stages_of_the_paper(default):
    shapes = {layer.name: layer for layer in default.layers}
    assert default.image_size == (512, 512)
    assert [shapes[f"encoder_{level}"].filters for level in range(1, 6)] == [30, 30, 60, 60, 120]
    assert shapes["encoder_5"]._inbound_nodes[0].outputs[0].shape == (None, 3, 16, 16, 120)
    assert shapes["matching"].output.shape == (None, 3, 16, 16, 120)
    assert [shapes[f"up_{index}"].filters for index in range(1, 6)] == [60, 60, 30, 30, 16]
    assert {name: tensor.shape for name, tensor in default.output.items()} == {
        "probabilities": (None, 3, 512, 512, 2),
        "hidden": (None, 16, 16, 120),
        "cell": (None, 16, 16, 120),
    }


def test_the_docstring_states_its_parameters_and_multiply_adds(default):
    assert f"{default.count_params():,} parameters" in IFSSNet.__doc__
    assert f"{multiply_adds(default):,}\n    multiply-adds per window" in IFSSNet.__doc__


def test_parameters_of_the_default_counted_by_hand(default):
    def separable(channels, multiplier, width):
        return 27 * channels * multiplier + channels * multiplier * width + width

    def conv(taps, channels, width):
        return taps * channels * width + width

    def level(channels, width, multiplier=1):
        branches = [width // 4 + (part < width % 4) for part in range(4)]
        return sum(separable(channels, multiplier, branch) for branch in branches) + 2 * width

    encoder = level(1, 30, 8) + level(30, 30) + level(30, 60) + level(60, 60) + level(60, 120)
    matching = 2 * (conv(3, 240, 120) + 2 * conv(15, 120, 120)) + 2 * conv(27, 120, 120)
    recurrence = 9 * (120 + 120) * 480 + 480
    decoder, channels = 0, 120
    for width, skip in zip((60, 60, 30, 30, 16), (60, 60, 30, 30, 2), strict=True):
        decoder += conv(27, channels, width) + conv(27, skip, width) + conv(27, width, width) + 4 * width
        channels = width
    assert default.count_params() == encoder + matching + recurrence + decoder + conv(1, 16, 2)
