"""CrossCorrelation against loops in NumPy."""

import numpy as np
import pytest

from ifss_keras.layers import CrossCorrelation
from tests.layer_checks import check_layer, check_mixed_precision, normal, random_weights, weights_of

FIRST, SECOND = normal(2, 3, 5, 7, 4), normal(2, 3, 5, 7, 4, seed=1)


def reference(first, second, reach, weights):
    """Both inputs and their correlations, mixed; 0 beyond the edge."""
    _, _, rows, columns, _ = first.shape
    parts = []
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            part = np.zeros(first.shape[:-1])
            for row, column in np.ndindex(rows, columns):
                if 0 <= row + down < rows and 0 <= column + right < columns:
                    there = second[:, :, row + down, column + right]
                    part[:, :, row, column] = (np.float64(first[:, :, row, column]) * there).mean(axis=-1)
            parts.append(part[..., None])
    joined = np.concatenate([first, second, *parts], axis=-1)
    return joined @ weights["mix/kernel"][0, 0, 0] + weights["mix/bias"]


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_values(reach):
    layer = CrossCorrelation(6, reach=reach)
    layer.build(FIRST.shape, SECOND.shape)
    random_weights(layer)
    np.testing.assert_allclose(layer(FIRST, SECOND), reference(FIRST, SECOND, reach, weights_of(layer)), atol=1e-5)


def test_layer_contract():
    check_layer(CrossCorrelation, {"filters": 3, "reach": 1}, inputs=[FIRST, SECOND])


def test_mixed_precision():
    check_mixed_precision(CrossCorrelation, {"filters": 3, "reach": 1}, inputs=[FIRST, SECOND])


@pytest.mark.parametrize("reach", [-1, 1.5, True])
def test_refusals(reach):
    with pytest.raises(ValueError, match="reach must be an integer from 0 on, received"):
        CrossCorrelation(3, reach=reach)
