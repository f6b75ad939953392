"""ImagePooledPyramid against concatenated convolutions in NumPy."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import ImagePooledPyramid
from tests.layer_checks import check_layer, check_mixed_precision, normal, random_weights, weights_of
from tests.reference.convolution import convolve

X = normal(2, 3, 5, 7, 4)


def reference(x, weights, rates):
    """The branches' outputs, from the weights by path, concatenated."""
    mean = convolve(x.mean(axis=(2, 3), keepdims=True), weights["pooled/kernel"])
    filters = mean.shape[-1]
    branches = [np.broadcast_to(mean, (*x.shape[:-1], filters)), convolve(x, weights["pointwise/kernel"])]
    branches += [convolve(x, weights[f"rate_{rate}/kernel"], dilation=(rate,) * 3) for rate in rates]
    return np.concatenate(branches, axis=-1)


@pytest.mark.parametrize("rates", [(1, 2, 4), (3,), (2, 1), ()])
def test_branches_are_concatenated_mean_first_then_the_order_of_the_rates(rates):
    layer = ImagePooledPyramid(3, rates=rates)
    layer.build(X.shape)
    expected = reference(X, weights_of(random_weights(layer)), rates)
    assert expected.shape[-1] == 3 * (2 + len(rates))
    np.testing.assert_allclose(layer(X), expected, atol=1e-5)


def test_one_pixel_reaches_its_slice_by_the_mean_and_others_by_a_dilation_along_the_slices():
    x = np.zeros((1, 7, 5, 11, 1), "float32")
    x[0, 3, 2, 5] = 55
    layer = ImagePooledPyramid(1, rates=(2,))
    layer.build(x.shape)
    layer.set_weights([np.ones_like(weight) for weight in layer.get_weights()])
    mean, point, dilated = np.moveaxis(np.asarray(layer(x))[0], -1, 0)
    np.testing.assert_allclose(mean, np.broadcast_to(np.reshape([0, 0, 0, 1, 0, 0, 0], (7, 1, 1)), mean.shape))
    np.testing.assert_array_equal(np.argwhere(point), [[3, 2, 5]])
    expected = np.zeros((7, 5, 11))
    expected[1:6:2, 0:5:2, 3:8:2] = 55
    np.testing.assert_array_equal(dilated, expected)


def test_one_at_a_time_equals_the_batch():
    layer = ImagePooledPyramid(3, rates=(1, 2))
    layer.build(X.shape)
    together = np.asarray(random_weights(layer)(X))
    for index in range(2):
        np.testing.assert_allclose(layer(X[index : index + 1])[0], together[index], atol=1e-5)


def test_sizes_that_are_known_at_the_call_only():
    layer = ImagePooledPyramid(3, rates=(1, 2))
    image = keras.Input((None, None, None, 4))
    network = keras.Model(image, layer(image))
    expected = reference(X, weights_of(random_weights(layer)), (1, 2))
    np.testing.assert_allclose(network.predict(X, verbose=0), expected, atol=1e-5)


def test_layer_contract():
    check_layer(ImagePooledPyramid, {"filters": 3, "rates": (1, 3, 2)}, inputs=[X])


def test_mixed_precision():
    check_mixed_precision(ImagePooledPyramid, {"filters": 3, "rates": (1, 2)}, inputs=[X])


def test_the_mean_of_a_large_slice_does_not_overflow_in_float16():
    # 256 * 256 pixels of 8 sum up to 2^19, beyond the 65504 of float16
    x = np.full((1, 1, 256, 256, 1), 8, "float32")
    layer = ImagePooledPyramid(1, rates=(), dtype="mixed_float16")
    layer.build(x.shape)
    layer.set_weights([np.ones_like(weight) for weight in layer.get_weights()])
    np.testing.assert_array_equal(layer(x)[0, 0, 0, 0], [8, 8])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "positive value. Received filters=0"),
        ({"rates": (1, 0)}, "Received dilation_rate=0"),
        ({"rates": (2, 1, 2)}, r"rates must all be different, received \(2, 1, 2\)"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImagePooledPyramid(**{"filters": 3, "rates": (1, 2), **arguments})
