"""Refinement against its parts composed in NumPy."""

import numpy as np

from ifss_keras.layers import Refinement
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.convolution import convolve
from tests.reference.normalization import batch_norm


def test_values():
    up, skip = normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 2, seed=1)
    layer = Refinement(4)
    layer.build(up.shape, skip.shape)
    w = weights_of(random_weights(layer))
    merged = np.maximum(up + convolve(skip, w["skip_conv/kernel"], w["skip_conv/bias"]), 0)
    second = convolve(merged, w["merge_conv/kernel"], w["merge_conv/bias"])
    statistics = [w[f"norm/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    assert min(np.abs(statistics[2]).min(), np.abs(statistics[3] - 1).min()) > 0.01
    expected = np.maximum(batch_norm(second, *statistics), 0)
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_allclose(layer(up, skip), expected, atol=1e-5)


def test_training_normalises_by_the_batch_and_moves_the_statistics():
    up, skip = normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 2, seed=1)
    layer = Refinement(4)
    layer.build(up.shape, skip.shape)
    w = weights_of(random_weights(layer))
    merged = np.maximum(up + convolve(skip, w["skip_conv/kernel"], w["skip_conv/bias"]), 0)
    second = convolve(merged, w["merge_conv/kernel"], w["merge_conv/bias"])
    of_batch = second.mean(axis=(0, 1, 2, 3)), second.var(axis=(0, 1, 2, 3))
    expected = np.maximum(batch_norm(second, w["norm/gamma"], w["norm/beta"], *of_batch), 0)
    np.testing.assert_allclose(layer(up, skip, training=True), expected, atol=1e-5)
    moved = weights_of(layer)
    for name, value in zip(("moving_mean", "moving_variance"), of_batch, strict=True):
        np.testing.assert_allclose(moved[f"norm/{name}"], 0.98 * w[f"norm/{name}"] + 0.02 * value, rtol=1e-4)


def test_a_slice_that_is_darker_than_another_stays_so():
    # what normalisation per slice would undo: the decoder must say that there is less of a muscle
    up, skip = np.abs(normal(1, 2, 5, 3, 4)), np.zeros((1, 2, 5, 3, 2), "float32")
    up[:, 1] = up[:, 0]
    layer = Refinement(4)
    layer.build(up.shape, skip.shape)
    random_weights(layer)
    layer.norm.set_weights([np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)])
    layer.skip_conv.bias.assign(np.zeros(4))
    layer.merge_conv.set_weights([np.eye(4) * (np.arange(27).reshape(3, 3, 3, 1, 1) == 13), np.zeros(4)])
    dimmed = np.asarray(layer(up * np.array([1, 0.25], "float32").reshape(1, 2, 1, 1, 1), skip))
    np.testing.assert_allclose(dimmed[:, 1], 0.25 * dimmed[:, 0], rtol=1e-5)


def test_the_skip_counts_only_through_its_convolution():
    up, skip = normal(1, 2, 5, 3, 4), normal(1, 2, 5, 3, 2, seed=1)
    layer = Refinement(4)
    layer.build(up.shape, skip.shape)
    random_weights(layer).skip_conv.kernel.assign(np.zeros((3, 3, 3, 2, 4)))
    np.testing.assert_array_equal(layer(up, skip), layer(up, 0 * skip))


def test_layer_contract():
    check_layer(Refinement, {"filters": 4}, inputs=[normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 2, seed=1)])
