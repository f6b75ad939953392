"""EncoderLevel against its parts composed in NumPy."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import EncoderLevel
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.convolution import max_pool, separable_convolve
from tests.reference.normalization import slice_norm


@pytest.mark.parametrize(
    ("depth_kernel", "multiplier", "channels", "per_channel"), [(3, 1, 2, False), (1, 4, 1, False), (1, 4, 1, True)]
)
def test_relu_then_pool_in_numpy_equals_pool_then_relu(depth_kernel, multiplier, channels, per_channel):
    x = normal(2, 3, 6, 10, channels)
    layer = EncoderLevel(
        5, rates=(1, 3), depth_kernel=depth_kernel, depth_multiplier=multiplier, norm_per_channel=per_channel
    )
    layer.build(x.shape)
    w = weights_of(random_weights(layer))
    branches = [
        separable_convolve(
            x,
            w[f"pyramid/branch_{index}_rate_{rate}/depthwise_kernel"],
            w[f"pyramid/branch_{index}_rate_{rate}/pointwise_kernel"],
            w[f"pyramid/branch_{index}_rate_{rate}/bias"],
            dilation=(1, rate, rate),
        )
        for index, rate in enumerate((1, 3))
    ]
    features = np.concatenate(branches, axis=-1)
    normalised = slice_norm(features, w["norm/gamma"], w["norm/beta"], per_channel=per_channel)
    expected = max_pool(np.maximum(normalised, 0), (1, 2, 2))
    assert np.any(expected == 0)
    np.testing.assert_allclose(layer(x), expected, atol=2e-5)


def test_dropout_zeroes_or_scales_in_training_and_is_off_otherwise():
    x = normal(1, 3, 6, 10, 2)
    layer = EncoderLevel(5, rates=(1,), dropout=0.5)
    layer.build(x.shape)
    plain = np.asarray(random_weights(layer)(x))
    dropped = np.asarray(layer(x, training=True))
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 2 * plain[kept], rtol=1e-6)
    assert 0.3 < np.mean(kept[plain != 0]) < 0.7
    np.testing.assert_array_equal(layer(x, training=False), plain)


def test_depth_kernel_one_encodes_every_slice_by_itself():
    x = normal(1, 3, 6, 10, 2)
    layer = EncoderLevel(5, rates=(1, 2), depth_kernel=1)
    layer.build(x.shape)
    whole = random_weights(layer)(x)
    alone = [layer(x[:, index : index + 1]) for index in range(3)]
    np.testing.assert_allclose(keras.ops.concatenate(alone, axis=1), whole, atol=1e-6)


def test_layer_contract():
    check_layer(
        EncoderLevel,
        {
            "filters": 7,
            "rates": (1, 3, 2),
            "depth_kernel": 2,
            "depth_multiplier": 2,
            "norm_per_channel": True,
            "dropout": 0.3,
        },
        inputs=[normal(2, 3, 6, 10, 2)],
    )


@pytest.mark.parametrize("plane", [(5, 10), (6, 7)])
def test_odd_rows_or_columns_are_refused(plane):
    layer = EncoderLevel(5, rates=(1, 2))
    message = f"must be even to be halved, received {plane[0]} rows and {plane[1]} columns"
    with pytest.raises(ValueError, match=message):
        layer(normal(1, 3, *plane, 2))
    with pytest.raises(ValueError, match=message):
        layer.compute_output_shape((1, 3, *plane, 2))
