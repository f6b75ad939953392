"""FeatureFusion against its parts composed in NumPy."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import FeatureFusion
from tests.layer_checks import check_layer, check_mixed_precision, normal, random_weights, weights_of
from tests.reference.conv_lstm import sigmoid
from tests.reference.convolution import convolve
from tests.reference.normalization import group_norm

FIRST, SECOND = normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 2, seed=1)


def built(filters=3):
    layer = FeatureFusion(filters)
    layer.build(FIRST.shape, SECOND.shape)
    return random_weights(layer)


def reference(first, second, weights):
    """(features, gates) from the weights by path; the gates (batch, slice, 1, 1, filters)."""
    joined = np.concatenate([first, second], axis=-1)
    features = convolve(joined, weights["conv/kernel"], weights["conv/bias"])
    features = np.maximum(group_norm(features, weights["norm/gamma"], weights["norm/beta"], epsilon=1e-12), 0)
    mean = features.mean(axis=(2, 3), keepdims=True)
    squeezed = np.maximum(mean @ weights["squeeze/kernel"][0, 0, 0] + weights["squeeze/bias"], 0)
    return features, sigmoid(squeezed @ weights["excite/kernel"][0, 0, 0] + weights["excite/bias"])


def test_values():
    layer = built()
    features, gates = reference(FIRST, SECOND, weights_of(layer))
    assert 0 < np.count_nonzero(features) < features.size
    assert gates.min() < 0.5  # which a ReLU before the sigmoid would forbid
    np.testing.assert_allclose(layer(FIRST, SECOND), features + features * gates, atol=1e-5)


def test_a_gate_comes_from_the_mean_of_its_slice_alone():
    layer = built()
    first = FIRST.copy()
    # two slices change places: features keep their statistics, and so their gates only move with them
    first[:, 0], first[:, 2] = FIRST[:, 2], FIRST[:, 0]
    kernel = np.array(layer.conv.kernel)
    kernel[[0, 2]] = 0  # the convolution sees a slice alone
    layer.conv.kernel.assign(kernel)
    second = np.zeros_like(SECOND)
    np.testing.assert_allclose(layer(first, second), np.asarray(layer(FIRST, second))[:, ::-1], atol=1e-5)


@pytest.mark.parametrize(("bias", "factor"), [(-100, 1), (0, 1.5), (100, 2)])
def test_a_closed_gate_leaves_the_features_and_an_open_one_doubles_them(bias, factor):
    layer = built()
    layer.excite.set_weights([np.zeros((1, 1, 1, 3, 3)), np.full(3, bias)])
    features, _ = reference(FIRST, SECOND, weights_of(layer))
    np.testing.assert_allclose(layer(FIRST, SECOND), factor * features, atol=1e-5)


def test_one_at_a_time_equals_the_batch():
    layer = built()
    together = np.asarray(layer(FIRST, SECOND))
    for index in range(2):
        alone = layer(FIRST[index : index + 1], SECOND[index : index + 1])
        np.testing.assert_allclose(alone[0], together[index], atol=1e-5)


def test_layer_contract():
    check_layer(FeatureFusion, {"filters": 3}, inputs=[FIRST, SECOND])


def test_mixed_precision():
    check_mixed_precision(FeatureFusion, {"filters": 3}, inputs=[FIRST, SECOND])


def test_no_filters_are_refused():
    with pytest.raises(ValueError, match=r"positive value\. Received filters=0"):
        FeatureFusion(0)


@pytest.mark.parametrize("grid", [(2, 5, 7), (3, 6, 7), (3, 5, 1)])
def test_another_grid_is_refused_already_in_the_graph(grid):
    with pytest.raises(ValueError, match=r"on the same grid, received .* \(3, 5, 7\) and \(\d, \d, \d\)"):
        FeatureFusion(3)(FIRST, normal(2, *grid, 2))
    with pytest.raises(ValueError, match="inputs must be on the same grid"):
        FeatureFusion(3)(keras.Input((3, 5, 7, 4)), keras.Input((*grid, 2)))


def test_grids_that_are_known_at_the_call_only():
    layer = FeatureFusion(3)
    first, second = keras.Input((None, 5, None, 4)), keras.Input((3, None, None, 2))
    network = keras.Model([first, second], layer(first, second))
    features, gates = reference(FIRST, SECOND, weights_of(random_weights(layer)))
    np.testing.assert_allclose(network.predict([FIRST, SECOND], verbose=0), features + features * gates, atol=1e-5)
