"""Refinement against its parts composed in NumPy."""

import numpy as np

from ifss_keras.layers import Refinement
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.convolution import convolve
from tests.reference.normalization import slice_norm


def test_values():
    up, skip = normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 2, seed=1)
    layer = Refinement(4)
    layer.build(up.shape, skip.shape)
    w = weights_of(random_weights(layer))
    merged = np.maximum(up + convolve(skip, w["skip_conv/kernel"], w["skip_conv/bias"]), 0)
    second = convolve(merged, w["merge_conv/kernel"], w["merge_conv/bias"])
    expected = np.maximum(slice_norm(second, w["norm/norm/gamma"], w["norm/norm/beta"]), 0)
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_allclose(layer(up, skip), expected, atol=1e-5)


def test_the_skip_counts_only_through_its_convolution():
    up, skip = normal(1, 2, 5, 3, 4), normal(1, 2, 5, 3, 2, seed=1)
    layer = Refinement(4)
    layer.build(up.shape, skip.shape)
    random_weights(layer).skip_conv.kernel.assign(np.zeros((3, 3, 3, 2, 4)))
    np.testing.assert_array_equal(layer(up, skip), layer(up, 0 * skip))


def test_layer_contract():
    check_layer(Refinement, {"filters": 4}, inputs=[normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 2, seed=1)])
