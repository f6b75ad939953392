"""Normalisations in NumPy, channels last."""

import numpy as np


def group_norm(x, gamma, beta, *, groups=1, epsilon=1e-3):
    """x (batch, *space, channel), each group of channels with zero mean and unit variance, scaled and shifted."""
    grouped = np.reshape(np.asarray(x, np.float64), (len(x), -1, groups, x.shape[-1] // groups))
    mean = grouped.mean(axis=(1, 3), keepdims=True)
    variance = ((grouped - mean) ** 2).mean(axis=(1, 3), keepdims=True)
    return ((grouped - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * gamma + beta


def slice_norm(x, gamma, beta, *, per_channel=False, epsilon=1e-3):
    """x (batch, slice, row, column, channel), normalised slice by slice, each channel by itself or all together."""
    groups = x.shape[-1] if per_channel else 1
    slices = [group_norm(x[:, index], gamma, beta, groups=groups, epsilon=epsilon) for index in range(x.shape[1])]
    return np.stack(slices, axis=1)


def batch_norm(x, gamma, beta, moving_mean, moving_variance, *, epsilon=1e-3):
    """x (..., channel), normalised by the moving statistics of each channel, as in prediction."""
    return (np.asarray(x, np.float64) - moving_mean) / np.sqrt(moving_variance + epsilon) * gamma + beta
