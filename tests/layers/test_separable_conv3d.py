"""SeparableConv3D against a NumPy reference that convolves with a block-diagonal kernel."""

import json
import re

import keras
import numpy as np
import pytest

from ifss_keras.layers import SeparableConv3D
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.convolution import separable_convolve

TOLERANCE = 1e-5  # float32 sums of about a hundred terms of size one

CASES = {
    "plain": ((2, 3, 5, 7, 2), (3, 3, 3), {}),
    "valid": ((2, 3, 5, 7, 2), (2, 3, 5), {"padding": "valid"}),
    "valid, one output slice": ((1, 3, 5, 7, 2), (3, 2, 3), {"padding": "valid"}),
    "unequal kernel": ((1, 5, 3, 7, 2), (5, 1, 3), {}),
    "even kernel": ((1, 5, 3, 7, 2), (2, 2, 4), {}),
    "slice by slice": ((2, 3, 5, 7, 2), (1, 3, 3), {}),
    "depth smaller than the kernel": ((2, 2, 5, 7, 3), (5, 3, 3), {}),
    "one slice": ((2, 1, 5, 7, 3), (3, 3, 3), {}),
    "in-plane larger kernel": ((1, 3, 2, 5, 3), (3, 7, 7), {}),
    "strides": ((2, 3, 5, 7, 2), (3, 3, 3), {"strides": (1, 2, 2)}),
    "strides on even sizes": ((2, 4, 6, 2, 3), (3, 3, 3), {"strides": 2}),
    "strides of depth": ((1, 7, 3, 5, 2), (3, 3, 3), {"strides": (2, 1, 1)}),
    "strides of depth beyond the kernel": ((1, 7, 3, 5, 2), (2, 3, 3), {"strides": (3, 1, 1)}),
    "strides, valid": ((1, 7, 5, 7, 2), (3, 2, 3), {"strides": (3, 2, 2), "padding": "valid"}),
    "dilation of rows": ((2, 3, 7, 5, 2), (3, 3, 3), {"dilation_rate": (1, 2, 1)}),
    "dilation of columns": ((2, 3, 5, 7, 2), (3, 3, 3), {"dilation_rate": (1, 1, 3)}),
    "dilation of the plane": ((2, 3, 7, 5, 2), (3, 3, 3), {"dilation_rate": (1, 3, 2)}),
    "dilation of depth": ((1, 7, 5, 3, 2), (3, 3, 3), {"dilation_rate": (2, 1, 1)}),
    "dilation of depth to padding": ((1, 3, 5, 2, 2), (3, 3, 3), {"dilation_rate": (3, 1, 1)}),
    "even kernel dilated to nothing but padding": ((1, 2, 5, 3, 2), (2, 3, 3), {"dilation_rate": (5, 1, 1)}),
    "even kernel dilated to nothing but padding, one slice": ((2, 1, 5, 3, 1), (4, 3, 3), {"dilation_rate": (2, 1, 1)}),
    "valid, as large as the input": ((1, 3, 5, 7, 2), (2, 3, 4), {"dilation_rate": 2, "padding": "valid"}),
    "dilation of all, valid": ((1, 7, 7, 5, 2), (3, 2, 2), {"dilation_rate": (2, 3, 4), "padding": "valid"}),
    "multiplier": ((2, 3, 5, 7, 2), (3, 3, 3), {"depth_multiplier": 3}),
    "multiplier on one channel": ((2, 3, 5, 7, 1), (3, 3, 3), {"depth_multiplier": 5}),
    "multiplier, dilation": ((1, 3, 5, 7, 3), (3, 3, 2), {"depth_multiplier": 2, "dilation_rate": (1, 2, 2)}),
    "multiplier, strides": ((1, 3, 5, 7, 3), (3, 3, 2), {"depth_multiplier": 2, "strides": 2}),
    "without bias": ((2, 3, 5, 7, 2), (3, 3, 3), {"use_bias": False}),
}


@pytest.mark.parametrize(("shape", "kernel_size", "options"), CASES.values(), ids=CASES.keys())
def test_values(shape, kernel_size, options):
    x = normal(*shape)
    layer = SeparableConv3D(5, kernel_size, **{"padding": "same", **options})
    layer.build(shape)
    weights = weights_of(random_weights(layer))
    expected = separable_convolve(
        x,
        weights["depthwise_kernel"],
        weights["pointwise_kernel"],
        weights.get("bias", 0.0),
        strides=layer.strides,
        padding=layer.padding,
        dilation=layer.dilation_rate,
    )
    np.testing.assert_allclose(layer(x), expected, atol=TOLERANCE)
    assert layer.compute_output_shape(shape) == expected.shape
    assert ("bias" in weights) == layer.use_bias


@pytest.mark.parametrize(
    "options",
    [{}, {"strides": 2, "padding": "valid"}, {"dilation_rate": (1, 2, 3), "depth_multiplier": 2}],
    ids=["plain", "strides", "dilation"],
)
def test_channels_first_is_channels_last_transposed(options):
    x = normal(2, 3, 5, 7, 2)
    last = SeparableConv3D(5, 3, **options)
    last.build(x.shape)
    expected = np.transpose(random_weights(last)(x), (0, 4, 1, 2, 3))
    first = SeparableConv3D(5, 3, data_format="channels_first", **options)
    turned = np.transpose(x, (0, 4, 1, 2, 3))
    first.build(turned.shape)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(first(turned), expected, atol=1e-6)
    assert first.compute_output_shape(turned.shape) == expected.shape


def test_activation_comes_after_the_bias():
    x = normal(1, 3, 5, 7, 2)
    plain, bent = SeparableConv3D(3, 3), SeparableConv3D(3, 3, activation="relu")
    plain.build(x.shape)
    bent.build(x.shape)
    bent.set_weights(random_weights(plain).get_weights())
    expected = np.maximum(plain(x), 0)
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_array_equal(bent(x), expected)


def test_a_pixel_spreads_over_its_dilated_neighbourhood():
    x = np.zeros((1, 3, 9, 9, 1), "float32")
    x[0, 1, 4, 4] = 1
    layer = SeparableConv3D(1, 3, padding="same", dilation_rate=(1, 3, 2))
    layer.build(x.shape)
    kernel = np.arange(1.0, 28).reshape(3, 3, 3)
    layer.set_weights([kernel[..., None, None], np.ones((1, 1)), np.zeros(1)])
    y = np.asarray(layer(x))[0, ..., 0]
    np.testing.assert_array_equal(y[:, 1:8:3, 2:7:2], kernel[::-1, ::-1, ::-1])
    assert np.count_nonzero(y) == 27


def test_one_at_a_time_equals_the_batch():
    x = normal(3, 2, 5, 7, 2)
    layer = SeparableConv3D(4, 3, padding="same", dilation_rate=(1, 2, 2))
    layer.build(x.shape)
    together = random_weights(layer)(x)
    for index in range(len(x)):
        np.testing.assert_allclose(layer(x[index : index + 1])[0], together[index], atol=1e-6)


def test_regularizers_of_all_parts_are_losses():
    layer = SeparableConv3D(
        2, 3, depthwise_regularizer="l1", pointwise_regularizer="l2", bias_regularizer=keras.regularizers.L1(0.5)
    )
    layer.build((1, 3, 5, 7, 2))
    w = weights_of(random_weights(layer))
    expected = [
        0.01 * np.abs(w["depthwise_kernel"]).sum(),
        0.01 * np.square(w["pointwise_kernel"]).sum(),
        0.5 * np.abs(w["bias"]).sum(),
    ]
    np.testing.assert_allclose(np.sort(np.stack(layer.losses)), np.sort(expected), rtol=1e-5)


def test_initializers_and_constraints_belong_to_their_parts():
    layer = SeparableConv3D(
        2,
        3,
        depthwise_initializer=keras.initializers.Constant(2),
        pointwise_initializer=keras.initializers.Constant(3),
        bias_initializer=keras.initializers.Constant(4),
        depthwise_constraint="non_neg",
        pointwise_constraint="max_norm",
        bias_constraint="unit_norm",
    )
    layer.build((1, 3, 5, 7, 2))
    assert {path: (value.min(), value.max()) for path, value in weights_of(layer).items()} == {
        "depthwise_kernel": (2, 2),
        "pointwise_kernel": (3, 3),
        "bias": (4, 4),
    }
    assert isinstance(layer.depthwise_kernel.constraint, keras.constraints.NonNeg)
    assert isinstance(layer.pointwise_kernel.constraint, keras.constraints.MaxNorm)
    assert isinstance(layer.bias.constraint, keras.constraints.UnitNorm)


def test_layer_contract():
    common = {
        "filters": 4,
        "kernel_size": (2, 3, 1),
        "padding": "same",
        "data_format": "channels_first",
        "depth_multiplier": 3,
        "activation": "tanh",
        "depthwise_initializer": "he_normal",
        "pointwise_initializer": "he_uniform",
        "bias_initializer": "ones",
        "depthwise_regularizer": "l1",
        "pointwise_regularizer": "l2",
        "bias_regularizer": "l1",
        "depthwise_constraint": "non_neg",
        "pointwise_constraint": "max_norm",
        "bias_constraint": "unit_norm",
        "activity_regularizer": "l2",
    }
    check_layer(
        SeparableConv3D,
        {**common, "strides": (1, 2, 2), "dilation_rate": 1, "use_bias": True},
        {**common, "strides": 1, "dilation_rate": (1, 2, 3), "use_bias": False},
        inputs=[normal(2, 2, 3, 5, 7)],
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, r"filters must be positive, received 0"),
        ({"depth_multiplier": 0}, r"depth_multiplier must be positive, received 0"),
        ({"padding": "causal"}, r"padding must be \"same\" or \"valid\", received 'causal'"),
        ({"data_format": "NHWC"}, r"data_format must be .* received 'NHWC'"),
        ({"strides": (1, 2, 3)}, r"strides must be equal for row and column, received \(1, 2, 3\)"),
        ({"strides": 2, "dilation_rate": (1, 2, 1)}, r"strides \(2, 2, 2\) and dilation_rate \(1, 2, 1\) cannot both"),
        ({"kernel_size": (3, 3)}, r"kernel_size must be a positive integer or three of them .* received \(3, 3\)"),
        ({"kernel_size": (3, 0, 3)}, r"kernel_size must be .* received \(3, 0, 3\)"),
        ({"strides": 0}, r"strides must be .* received 0"),
        ({"dilation_rate": (1, 1.5, 1)}, r"dilation_rate must be .* received \(1, 1.5, 1\)"),
        ({"kernel_size": True}, r"kernel_size must be .* received True"),
        ({"kernel_size": (3, True, 3)}, r"kernel_size must be .* received \(3, True, 3\)"),
        ({"kernel_size": 2.5}, r"kernel_size must be .* received 2.5"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        SeparableConv3D(**{"filters": 2, "kernel_size": 3, **arguments})


def test_integers_of_numpy_are_integers():
    layer = SeparableConv3D(2, np.int64(3), strides=np.array([1, 2, 2]), dilation_rate=(np.int32(1), 1, 1))
    assert [layer.kernel_size, layer.strides, layer.dilation_rate] == [(3, 3, 3), (1, 2, 2), (1, 1, 1)]
    json.dumps(layer.get_config())


@pytest.mark.parametrize(
    ("shape", "kernel_size", "dilation", "extents"),
    [
        ((1, 2, 5, 7, 2), (3, 1, 1), 1, (3, 1, 1)),
        ((1, 3, 5, 7, 2), (1, 3, 3), (1, 3, 1), (1, 7, 3)),
        ((1, 3, 5, 7, 2), (1, 1, 5), (1, 1, 2), (1, 1, 9)),
    ],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_valid_inputs_smaller_than_the_kernel_are_refused(shape, kernel_size, dilation, extents, data_format):
    layer = SeparableConv3D(2, kernel_size, dilation_rate=dilation, data_format=data_format)
    message = re.escape(f'dilated kernel {extents} with padding="valid", received (slice, row, column) of {shape[1:4]}')
    shape = shape if data_format == "channels_last" else (shape[0], shape[-1], *shape[1:4])
    with pytest.raises(ValueError, match=message):
        layer(normal(*shape))
    with pytest.raises(ValueError, match=message):
        layer.compute_output_shape(shape)
