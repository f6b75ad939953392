"""ReferenceMemory against attention written out in NumPy, what it reads when nothing is held, and its contract."""

import numpy as np
import pytest

from ifss_keras.layers import ReferenceMemory
from tests.layer_checks import check_layer, normal, random_weights, weights_of

WINDOW, MEMORY = (2, 3, 5, 7, 4), (2, 2, 5, 7, 4)
WEIGHT = np.array([[1, 1], [0, 1]], np.float32)


def inputs(seed=0):
    """Image and mask features of a window and of two annotated slices, the second example with one of them only."""
    shapes = (WINDOW, WINDOW, MEMORY, MEMORY)
    return [*(normal(*shape, seed=seed + index) for index, shape in enumerate(shapes)), WEIGHT]


def built(seed=1):
    layer = ReferenceMemory(key_width=6)
    layer(*inputs())
    return random_weights(layer, seed)


def expected(layer, image, mask, memory_image, memory_mask, weight):
    """The reading, one pixel of the window after the other."""
    weights = weights_of(layer)
    sharpness, reach = np.exp(weights["log_sharpness"]), np.exp(weights["log_reach"])

    def direction(feature):
        x = feature @ weights["project/kernel"]
        return x / np.sqrt((x**2).sum() + 1e-6)

    places = [(row, column) for row in range(5) for column in range(7)]
    result = np.array(mask, np.float64)
    for example, number in np.ndindex(2, 3):
        for row, column in places:
            logits, values = [], []
            for slot in np.flatnonzero(weight[example] > 0):
                for r, c in places:
                    likeness = direction(image[example, number, row, column]) @ direction(
                        memory_image[example, slot, r, c]
                    )
                    logits.append(sharpness * likeness - ((row - r) ** 2 + (column - c) ** 2) / (2 * reach**2))
                    values.append(memory_mask[example, slot, r, c])
            shares = np.exp(np.array(logits) - max(logits))
            read = (shares / shares.sum()) @ np.array(values, np.float64)
            result[example, number, row, column] += read @ weights["read/kernel"] + weights["read/bias"]
    return result


def test_values_against_numpy():
    layer = built()
    np.testing.assert_allclose(layer(*inputs(5)), expected(layer, *inputs(5)), atol=1e-5)


def test_nothing_is_read_before_training_and_where_nothing_is_held():
    image, mask, memory_image, memory_mask, _ = inputs()
    np.testing.assert_array_equal(ReferenceMemory()(*inputs()), mask)
    nothing = built()(image, mask, memory_image, memory_mask, np.zeros((2, 2), np.float32))
    np.testing.assert_array_equal(nothing, mask)


def test_the_order_of_the_annotated_slices_does_not_matter():
    layer, (image, mask, memory_image, memory_mask, weight) = built(), inputs(3)
    turned = layer(image, mask, memory_image[:, ::-1], memory_mask[:, ::-1], weight[:, ::-1])
    np.testing.assert_allclose(turned, layer(*inputs(3)), atol=1e-6)


def test_a_sharp_memory_finds_the_pixel_that_looks_the_same():
    image, mask, memory_image, memory_mask, _ = inputs()
    memory_image[:, 0] = image[:, 1]
    layer = built()
    layer.log_sharpness.assign(14.0)
    layer.log_reach.assign(9.0)
    found = layer(image, mask, memory_image, memory_mask, np.array([[1, 0], [1, 0]], np.float32))
    read = memory_mask[:, 0] @ np.asarray(layer.read.kernel) + np.asarray(layer.read.bias)
    np.testing.assert_allclose(found[:, 1], mask[:, 1] + read, atol=1e-4)


def test_contract():
    check_layer(ReferenceMemory, {"key_width": 6}, inputs=inputs())


def test_a_key_width_must_be_positive():
    with pytest.raises(ValueError, match="key_width"):
        ReferenceMemory(key_width=0)
