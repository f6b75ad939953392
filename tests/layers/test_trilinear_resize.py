"""TrilinearResize against matrices of weights in NumPy and against SciPy."""

import keras
import numpy as np
import pytest
import scipy.ndimage

from ifss_keras.layers import TrilinearResize
from tests.layer_checks import assert_config_round_trip, check_mixed_precision, normal
from tests.reference.resampling import resize


def on(*grid, batch=2, channels=1):
    """Something on that grid, whose values must not matter."""
    return normal(batch, *grid, channels, seed=1)


@pytest.mark.parametrize(
    "grid",
    [
        (7, 11, 13),  # finer
        (6, 10, 14),
        (2, 3, 4),  # coarser
        (1, 1, 1),
        (5, 3, 7),  # finer, coarser and the same
        (2, 7, 5),
    ],
)
def test_values(grid):
    x = normal(2, 3, 5, 7, 4)
    expected = resize(x, grid)
    np.testing.assert_allclose(TrilinearResize()(x, on(*grid)), expected, atol=1e-5)


def test_values_of_scipy():
    x = normal(1, 3, 5, 7, 1)
    zoom = np.divide((5, 10, 3), (3, 5, 7))
    expected = scipy.ndimage.zoom(np.float64(x[0, ..., 0]), zoom, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(TrilinearResize()(x, on(5, 10, 3, batch=1))[0, ..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_outer_edges_are_aligned_along_every_axis(axis):
    # two pixels on four: centres at -0.25, 0.25, 0.75, 1.25 of the two; with centres aligned, 10, 23, 37, 50
    x, wanted = np.ones((1, 2, 2, 2, 1), "float32"), [2, 2, 2]
    wanted[axis - 1] = 4
    values = np.moveaxis(x * [[10], [50]], -2, axis)
    found = np.asarray(TrilinearResize()(values.astype("float32"), on(*wanted, batch=1)))
    along = np.moveaxis(found[..., 0], axis, -1)
    np.testing.assert_allclose(along, np.broadcast_to([10, 20, 40, 50], along.shape), rtol=1e-6)


def test_the_same_grid_changes_nothing():
    x = normal(2, 3, 5, 7, 4)
    np.testing.assert_array_equal(TrilinearResize()(x, on(3, 5, 7)), x)


def test_one_pixel_fills_the_grid():
    x = normal(2, 1, 1, 1, 3)
    np.testing.assert_allclose(TrilinearResize()(x, on(2, 3, 5)), np.broadcast_to(x, (2, 2, 3, 5, 3)), rtol=1e-6)


@pytest.mark.parametrize("grid", [(5, 7, 3), (2, 10, 14)])
def test_sizes_that_are_known_at_the_call_only(grid):
    x, like = normal(2, 3, 5, 7, 4), on(*grid, channels=2)
    features, image = keras.Input((None, None, None, 4)), keras.Input((None, None, None, 2))
    network = keras.Model([features, image], TrilinearResize()(features, image))
    assert network.output_shape == (None, None, None, None, 4)
    np.testing.assert_allclose(network.predict([x, like], verbose=0), resize(x, grid), atol=1e-5)


def test_gradients_reach_the_features_by_their_weights():
    import tensorflow as tf

    x, y = normal(1, 3, 5, 7, 2), normal(1, 5, 3, 14, 2, seed=2)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        product = tf.reduce_sum(TrilinearResize()(variable, on(5, 3, 14, batch=1)) * y)
    # linear in x, so its product with any other x is the derivative in that direction
    other = normal(1, 3, 5, 7, 2, seed=3)
    expected = np.vdot(resize(other, (5, 3, 14)), y)
    np.testing.assert_allclose(np.vdot(tape.gradient(product, variable), other), expected, rtol=1e-4)


def test_layer_contract_without_weights():
    x, like = normal(2, 3, 5, 7, 4), on(5, 7, 3, batch=1, channels=2)
    layer = TrilinearResize(name="resize", dtype="mixed_bfloat16", trainable=False)
    copy = assert_config_round_trip(layer, {"name", "dtype", "trainable"})
    found = np.float32(layer(x, like))
    np.testing.assert_array_equal(np.float32(copy(x, like)), found)
    assert layer.compute_output_shape(x.shape, like.shape) == found.shape
    assert layer.weights == []


def test_mixed_precision():
    check_mixed_precision(TrilinearResize, {}, inputs=[normal(2, 3, 5, 7, 4), on(5, 3, 14)])
