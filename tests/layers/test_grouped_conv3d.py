"""GroupedConv3D against convolutions of groups of channels in NumPy."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import GroupedConv3D
from tests.layer_checks import check_layer, check_mixed_precision, normal, random_weights, weights_of
from tests.reference.convolution import grouped_convolve


def built(x, *arguments, **more):
    layer = GroupedConv3D(*arguments, **more)
    layer.build(x.shape)
    return random_weights(layer)


@pytest.mark.parametrize(
    ("filters", "kernel_size", "groups", "strides", "dilation"),
    [
        (9, 3, 3, 1, 1),
        (6, 3, 6, 1, 1),
        (4, (1, 3, 5), 1, 1, 1),
        (6, (3, 5, 1), 2, (1, 2, 2), 1),
        (3, 3, 3, (2, 1, 3), 1),
        (4, (3, 1, 3), 2, 1, (1, 4, 2)),
    ],
)
def test_values(filters, kernel_size, groups, strides, dilation):
    x = normal(2, 3, 5, 7, 6)
    layer = built(x, filters, kernel_size, groups=groups, strides=strides, dilation_rate=dilation)
    how = {"strides": layer.strides, "dilation": layer.dilation_rate}
    expected = grouped_convolve(x, weights_of(layer)["kernel"], groups, **how)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == expected.shape


def test_one_group_without_strides_is_the_convolution_of_keras():
    x = normal(2, 3, 5, 7, 4)
    layer = built(x, 6, (1, 3, 5), groups=1, dilation_rate=(1, 2, 1))
    plain = keras.layers.Conv3D(6, (1, 3, 5), padding="same", use_bias=False, dilation_rate=(1, 2, 1))
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-6)


def test_a_channel_reaches_the_outputs_of_its_group_only():
    x = normal(1, 2, 3, 5, 6)
    changed = x.copy()
    changed[..., 2] += 1
    layer = built(x, 9, 3, groups=3)
    differs = np.any(np.asarray(layer(x)) != np.asarray(layer(changed)), axis=(0, 1, 2, 3))
    np.testing.assert_array_equal(differs, [False] * 3 + [True] * 3 + [False] * 3)


def test_a_stride_keeps_the_first_pixel_of_an_even_size_too():
    # "same" would start at the second pixel
    x = np.arange(1.0, 5).reshape(1, 1, 1, 4, 1)
    layer = GroupedConv3D(1, (1, 1, 3), groups=1, strides=(1, 1, 2))
    layer.build(x.shape)
    layer.set_weights([np.ones((1, 1, 3, 1, 1))])
    np.testing.assert_array_equal(np.ravel(layer(x)), [0 + 1 + 2, 2 + 3 + 4])


def test_sizes_that_are_known_at_the_call_only():
    x = normal(2, 3, 5, 7, 4)
    image = keras.Input((None, None, None, 4))
    layer = GroupedConv3D(6, 3, groups=2, strides=(1, 2, 2))
    network = keras.Model(image, layer(image))
    random_weights(layer)
    assert network.output_shape == (None, None, None, None, 6)
    np.testing.assert_allclose(network.predict(x, verbose=0), layer(x), atol=1e-6)


def test_the_kernel_is_drawn_by_the_inputs_that_it_sees():
    # he_normal: variance 2 / (27 taps * 2 channels of the group), cut at two deviations
    layer = GroupedConv3D(512, 3, groups=4)
    layer.build((1, 3, 5, 7, 8))
    np.testing.assert_allclose(np.std(weights_of(layer)["kernel"]), np.sqrt(2 / 54), rtol=0.03)


def test_layer_contract():
    common = {"filters": 6, "kernel_size": (3, 1, 5), "groups": 2}
    check_layer(
        GroupedConv3D,
        {**common, "strides": (1, 2, 3), "dilation_rate": 1},
        {**common, "strides": 1, "dilation_rate": (1, 3, 2)},
        inputs=[normal(2, 3, 5, 7, 4)],
    )


def test_mixed_precision():
    check_mixed_precision(GroupedConv3D, {"filters": 6, "kernel_size": 3, "groups": 2}, inputs=[normal(2, 3, 5, 7, 4)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 5}, "filters must be positive and divisible by 2 groups, received 5"),
        ({"filters": 0}, "filters must be .* received 0"),
        ({"filters": 4.0}, "filters must be .* received 4.0"),
        ({"groups": 0}, "groups must be a positive integer, received 0"),
        ({"groups": -2}, "groups must be a positive integer, received -2"),
        ({"kernel_size": 2}, r"kernel_size must be odd, received \(2, 2, 2\)"),
        ({"kernel_size": (3, 4, 3)}, r"kernel_size must be odd, received \(3, 4, 3\)"),
        ({"kernel_size": (3, 3)}, r"kernel_size must be .* received \(3, 3\)"),
        ({"strides": 0}, "strides must be .* received 0"),
        ({"dilation_rate": (1, 1.5, 1)}, r"dilation_rate must be .* received \(1, 1.5, 1\)"),
        ({"strides": 2, "dilation_rate": (1, 2, 1)}, r"strides \(2, 2, 2\) and dilation_rate \(1, 2, 1\) cannot both"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        GroupedConv3D(**{"filters": 4, "kernel_size": 3, "groups": 2, **arguments})


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="channels must be divisible by 2 groups, received 5"):
        GroupedConv3D(4, 3, groups=2)(normal(1, 2, 3, 5, 5))
