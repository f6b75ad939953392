"""GlobalMatching against its convolutions composed in NumPy."""

import numpy as np
import pytest

from ifss_keras.layers import GlobalMatching
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.convolution import convolve


def reference(x, weights):
    """Both chains summed, plus the residual block, from the weights by path."""

    def conv(y, name):
        return convolve(y, weights[f"{name}/kernel"], weights[f"{name}/bias"])

    rows, columns = x, x
    for index in range(3):
        rows, columns = conv(rows, f"rows_first_{index}"), conv(columns, f"columns_first_{index}")
    matched = rows + columns
    hidden = conv(np.maximum(matched, 0), "residual_0")
    return matched + conv(np.maximum(hidden, 0), "residual_1")


@pytest.mark.parametrize(("kernel", "depth_kernel"), [(5, 3), (3, 1), (7, 5)])
def test_values(kernel, depth_kernel):
    x = normal(2, 3, 5, 7, 4)
    layer = GlobalMatching(3, kernel=kernel, depth_kernel=depth_kernel)
    layer.build(x.shape)
    expected = reference(x, weights_of(random_weights(layer)))
    np.testing.assert_allclose(layer(x), expected, atol=2e-6 * np.abs(expected).max())


def test_kernels_are_one_dimensional_in_both_orders():
    layer = GlobalMatching(3, kernel=5)
    layer.build((1, 3, 5, 7, 4))
    sizes = {path: value.shape[:3] for path, value in weights_of(layer).items() if path.endswith("kernel")}
    assert list(sizes.values()) == [
        *[(3, 1, 1), (1, 5, 1), (1, 1, 5)],
        *[(3, 1, 1), (1, 1, 5), (1, 5, 1)],
        *[(3, 3, 3), (3, 3, 3)],
    ]


def test_a_pixel_is_matched_with_the_whole_square_of_the_kernel_and_nothing_beyond():
    x = np.zeros((1, 3, 9, 11, 1), "float32")
    layer = GlobalMatching(1, kernel=5)
    layer.build(x.shape)
    weights = [np.ones(w.shape) if "kernel" in w.path else np.zeros(w.shape) for w in layer.weights]
    layer.set_weights([np.zeros_like(w) if w.shape[:3] == (3, 3, 3) else w for w in weights])
    x[0, 1, 4, 5] = 1
    expected = np.zeros((3, 9, 11))
    expected[:, 2:7, 3:8] = 2  # once by each chain
    np.testing.assert_allclose(layer(x)[0, ..., 0], expected)


def test_layer_contract():
    check_layer(GlobalMatching, {"filters": 3, "kernel": 5, "depth_kernel": 2}, inputs=[normal(2, 3, 5, 7, 4)])


@pytest.mark.parametrize("kernel", [4, 0, -3, 5.0])
def test_a_kernel_without_a_centre_is_refused(kernel):
    with pytest.raises(ValueError, match=f"kernel must be a positive odd integer, .* received {kernel}"):
        GlobalMatching(3, kernel=kernel)
