"""Linear resampling in NumPy, channels last, in float64."""

import numpy as np


def linear_weights(size, wanted):
    """The matrix (wanted, size) that resamples `size` pixels: outer edges aligned, values held beyond the centres."""
    centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    return np.maximum(1 - np.abs(centres[:, None] - np.arange(size)), 0)


def resize(x, grid):
    """x (batch, slice, row, column, channel) on `grid`, three sizes."""
    weights = [linear_weights(size, wanted) for size, wanted in zip(x.shape[1:4], grid, strict=True)]
    return np.einsum("ai,bj,ck,nijkz->nabcz", *weights, np.asarray(x, np.float64))
