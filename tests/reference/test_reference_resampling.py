"""The NumPy resampling against SciPy and against numbers by hand."""

import numpy as np
import pytest
import scipy.ndimage

from tests.reference.resampling import linear_weights, resize


def test_two_pixels_on_four_and_four_on_two():
    # centres at -0.25, 0.25, 0.75, 1.25 of the two; at 0.5 and 2.5 of the four
    np.testing.assert_allclose(linear_weights(2, 4) @ [10, 50], [10, 20, 40, 50])
    np.testing.assert_allclose(linear_weights(4, 2) @ [1, 3, 10, 40], [2, 25])


def test_a_third_as_many_take_the_middle_one_and_no_mean():
    np.testing.assert_allclose(linear_weights(6, 2), [[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]], atol=1e-12)


@pytest.mark.parametrize("grid", [(3, 5, 7), (7, 3, 5), (6, 10, 14), (1, 2, 3)])
def test_resize_is_scipys_zoom_by_the_pixels_edges(grid):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 7, 2))
    for batch, channel in np.ndindex(2, 2):
        one = x[batch, ..., channel]
        zoom = np.divide(grid, one.shape)
        expected = scipy.ndimage.zoom(one, zoom, order=1, mode="nearest", grid_mode=True)
        np.testing.assert_allclose(resize(x, grid)[batch, ..., channel], expected, atol=1e-12)
