"""IFSSNet in two halves: what slices alone tell and the rest, together the whole."""

import numpy as np
import pytest

from ifss_keras.zoo.networks.ifss_net import IFSSNet
from tests.layer_checks import normal, random_weights
from tests.zoo.models import IFSS_NET, SMALL, small

ALONE = IFSS_NET | {"encoder_depth_kernel": 1, "matching_kernel": 5, "window": 3, "memory_slots": 3}
VARIANTS = [
    {"fusion": fusion, "temporal": temporal, "memory_level": level}
    for fusion in ("matching", "correlation")
    for temporal in ("bidirectional", "forward", "none")
    for level in (0, 1, 2)
]
SIZES = [
    {"window": 2},
    {"window": 5, "memory_level": 1},
    {"widths": (3,), "rates": (1, 2), "memory_level": 1, "memory_slots": 1},
    {"widths": (2, 5, 3), "image_size": (8, 24), "rates": ((1, 2), (1,), (1,)), "memory_level": 2, "window": 2},
    {"norm_per_channel": False, "first_depth_multiplier": 1, "image_size": (20, 8), "memory_level": 2},
]
BATCH = 2


def numbers(found):
    return {name: np.asarray(part) for name, part in found.items()}


def inputs_for(network):
    """Random inputs, of which one sample of the batch has no annotated slice in its first slot."""
    found = {
        name: normal(BATCH, *tensor.shape[1:], seed=seed) for seed, (name, tensor) in enumerate(network.input.items())
    }
    if network.memory_level:
        found["memory_weight"] = np.ones((BATCH, network.memory_slots), np.float32)
        found["memory_weight"][0, 0] = 0
    return found


def in_halves(network, inputs):
    """What both halves make of the inputs, every slice looked at by itself, samples and slices in one batch."""
    look, carry = network.halves()
    window = network.window
    image = inputs["image"]
    references = {name: part for name, part in inputs.items() if name.startswith("memory_")}
    repeated = {name: np.repeat(part, window, axis=0) for name, part in references.items()}
    seen = numbers(look({"image": image.reshape(-1, 1, *image.shape[2:])} | repeated, training=False))
    seen = {name: part.reshape(BATCH, window, *part.shape[2:]) for name, part in seen.items()}
    rest = {name: part for name, part in inputs.items() if name not in references}
    return numbers(carry(seen | rest, training=False))


@pytest.mark.parametrize("changes", VARIANTS + SIZES, ids=lambda changes: " ".join(map(str, changes.values())))
def test_both_halves_are_the_whole(changes):
    network = random_weights(IFSSNet(**ALONE | changes), seed=12)
    inputs = inputs_for(network)
    whole, found = numbers(network(inputs, training=False)), in_halves(network, inputs)
    whole["probabilities"] = whole["probabilities"][..., :1]
    assert whole["probabilities"].std() > 0.01
    assert set(found) == set(whole)
    for name, expected in whole.items():
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-5, err_msg=name)


def test_what_is_recalled_and_each_level_reach_the_result():
    network = random_weights(IFSSNet(**ALONE, memory_level=1), seed=12)
    inputs = inputs_for(network)
    look, carry = network.halves()
    image = {"image": inputs["image"][:, :1]} | {name: part for name, part in inputs.items() if "memory_" in name}
    seen = {name: np.repeat(part, 3, axis=1) for name, part in numbers(look(image)).items()}
    assert set(seen) == {"image_1", "image_2", "recalled"}
    rest = {name: inputs[name] for name in ("image", "mask", "hidden", "cell")}
    plain = numbers(carry(seen | rest))["probabilities"]
    for name, part in seen.items():
        assert np.abs(numbers(carry(seen | rest | {name: part + 1}))["probabilities"] - plain).max() > 1e-3, name


def test_halves_share_the_weights_of_the_whole():
    network = random_weights(IFSSNet(**ALONE, memory_level=1), seed=12)
    before = len(network.weights)
    look, carry = network.halves()
    assert {id(weight) for half in (look, carry) for weight in half.weights} <= {id(w) for w in network.weights}
    assert len(network.weights) == before
    inputs = inputs_for(network)
    first = in_halves(network, inputs)["probabilities"]
    network.set_weights([0.9 * weight for weight in network.get_weights()])
    second, whole = in_halves(network, inputs)["probabilities"], network(inputs)["probabilities"]
    np.testing.assert_allclose(second, np.asarray(whole)[..., :1], rtol=0, atol=1e-5)
    assert np.abs(second - first).max() > 1e-3


@pytest.mark.parametrize("depth", [2, 3])
def test_an_encoder_that_reads_neighbours_has_no_halves(depth):
    assert IFSSNet(**ALONE | {"encoder_depth_kernel": depth}).halves() is None


@pytest.mark.parametrize("name", [name for name in SMALL if name in ("IFSSNetOriginal", "PGNet")])
def test_networks_that_do_not_say_how_have_no_halves(name):
    assert small(name, 0).halves() is None
