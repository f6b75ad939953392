"""Group normalisation in NumPy, channels last."""

import numpy as np


def group_norm(x, gamma, beta, *, groups=1, epsilon=1e-3):
    """x (batch, *space, channel), each group of channels with zero mean and unit variance, scaled and shifted."""
    grouped = np.reshape(np.asarray(x, np.float64), (len(x), -1, groups, x.shape[-1] // groups))
    mean = grouped.mean(axis=(1, 3), keepdims=True)
    variance = ((grouped - mean) ** 2).mean(axis=(1, 3), keepdims=True)
    return ((grouped - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * gamma + beta


def slice_norm(x, gamma, beta, *, epsilon=1e-3):
    """x (batch, slice, row, column, channel), normalised slice by slice."""
    slices = [group_norm(x[:, index], gamma, beta, epsilon=epsilon) for index in range(x.shape[1])]
    return np.stack(slices, axis=1)
