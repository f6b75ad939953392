"""SliceNormalization: every slice by itself."""

import numpy as np
import pytest

from ifss_keras.layers import SliceNormalization
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.normalization import slice_norm


def built(x, **arguments):
    layer = SliceNormalization(**arguments)
    layer.build(x.shape)
    return random_weights(layer)


@pytest.mark.parametrize("per_channel", [False, True])
def test_values(per_channel):
    x = 3 + 2 * normal(2, 3, 5, 7, 4) * [1, 2, 0.5, 3]
    layer = built(x, per_channel=per_channel, epsilon=0.02)
    weights = weights_of(layer)
    expected = slice_norm(x, weights["gamma"], weights["beta"], per_channel=per_channel, epsilon=0.02)
    np.testing.assert_allclose(layer(x.astype("float32")), expected, atol=1e-5)


def test_per_channel_a_brighter_channel_changes_no_other():
    x = normal(2, 3, 5, 7, 2)
    brighter = x * [1, 100] + [0, 9]
    alone, jointly = built(x, per_channel=True), built(x)
    np.testing.assert_array_equal(alone(brighter.astype("float32"))[..., 0], alone(x)[..., 0])
    assert not np.allclose(jointly(brighter.astype("float32"))[..., 0], jointly(x)[..., 0], atol=0.1)


@pytest.mark.parametrize("per_channel", [False, True])
def test_changing_a_slice_changes_no_other(per_channel):
    x = normal(2, 3, 5, 7, 2)
    layer = built(x, per_channel=per_channel)
    before = np.asarray(layer(x))
    x[:, 1] = 100 * x[:, 1] + 9
    after = np.asarray(layer(x))
    np.testing.assert_array_equal(after[:, [0, 2]], before[:, [0, 2]])
    assert not np.allclose(after[:, 1], before[:, 1], atol=1e-4)


def test_one_at_a_time_equals_the_batch():
    x = normal(3, 2, 5, 7, 2)
    layer = built(x)
    together = np.asarray(layer(x))
    for index in range(3):
        np.testing.assert_allclose(layer(x[index : index + 1])[0], together[index], atol=1e-6)
    for index in range(2):
        np.testing.assert_allclose(layer(x[:, index : index + 1])[:, 0], together[:, index], atol=1e-6)


def test_a_constant_slice_becomes_the_offset():
    x = np.full((1, 2, 3, 5, 2), 7, "float32")
    layer = built(x)
    np.testing.assert_allclose(layer(x)[0, 0, 0, 0], weights_of(layer)["beta"], atol=1e-5)


def test_layer_contract():
    check_layer(SliceNormalization, {"per_channel": True, "epsilon": 0.1}, inputs=[normal(2, 3, 5, 7, 2)])
