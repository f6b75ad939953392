"""Convolutions and pooling in NumPy, channels last, over any number of spatial axes: slow, plain, in float64."""

import numpy as np


def padding_of(size, kernel, stride, dilation, padding):
    """Output size, zeros before and zeros after one axis, by the rule TensorFlow and Keras share."""
    extent = (kernel - 1) * dilation + 1
    if padding == "valid":
        return (size - extent) // stride + 1, 0, 0
    out = -(-size // stride)
    missing = max((out - 1) * stride + extent - size, 0)
    return out, missing // 2, missing - missing // 2


def convolve(x, kernel, bias=0.0, *, strides=None, padding="same", dilation=None):
    """Cross-correlation of x (batch, *space, in) with kernel (*size, in, out): (batch, *out space, out)."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    size = kernel.shape[:-2]
    strides, dilation = strides or (1,) * len(size), dilation or (1,) * len(size)
    axes = [
        padding_of(x.shape[axis + 1], size[axis], strides[axis], dilation[axis], padding) for axis in range(len(size))
    ]
    padded = np.pad(x, [(0, 0), *((before, after) for _, before, after in axes), (0, 0)])
    out = np.zeros((len(x), *(count for count, _, _ in axes), kernel.shape[-1]))
    for position in np.ndindex(out.shape[1:-1]):
        taps = tuple(
            slice(index * stride, index * stride + (taps - 1) * rate + 1, rate)
            for index, stride, taps, rate in zip(position, strides, size, dilation, strict=True)
        )
        seen = padded[(slice(None), *taps)]
        out[(slice(None), *position)] = np.tensordot(seen, kernel, axes=len(size) + 1)
    return out + bias


def block_diagonal(depthwise_kernel):
    """The kernel (*size, in, in * multiplier) of a full convolution that does what (*size, in, multiplier) does."""
    *size, channels, multiplier = depthwise_kernel.shape
    full = np.zeros((*size, channels, channels * multiplier))
    for channel in range(channels):
        first = channel * multiplier
        full[..., channel, first : first + multiplier] = depthwise_kernel[..., channel, :]
    return full


def separable_convolve(x, depthwise_kernel, pointwise_kernel, bias=0.0, **how):
    """A depthwise convolution of x with (*size, in, multiplier), then a product with (in * multiplier, out)."""
    return convolve(x, block_diagonal(depthwise_kernel), **how) @ np.asarray(pointwise_kernel, np.float64) + bias


def transposed_convolve(x, kernel, bias=0.0, *, strides):
    """The adjoint of a "same" convolution with these strides: x (batch, *space, in), kernel (*size, out, in)."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    size, space = kernel.shape[:-2], x.shape[1:-1]
    axes = [
        padding_of(count * stride, taps, stride, 1, "same")
        for count, taps, stride in zip(space, size, strides, strict=True)
    ]
    whole = [
        count * stride + before + after for count, stride, (_, before, after) in zip(space, strides, axes, strict=True)
    ]
    out = np.zeros((len(x), *whole, kernel.shape[-2]))
    for position in np.ndindex(space):
        reached = tuple(
            slice(index * stride, index * stride + taps)
            for index, stride, taps in zip(position, strides, size, strict=True)
        )
        out[(slice(None), *reached)] += np.moveaxis(kernel @ x[(slice(None), *position)].T, -1, 0)
    kept = tuple(
        slice(before, before + count * stride)
        for count, stride, (_, before, _) in zip(space, strides, axes, strict=True)
    )
    return out[(slice(None), *kept)] + bias


def max_pool(x, size):
    """The largest value of each block of `size`, which must divide the spatial axes of x (batch, *space, channel)."""
    out = np.zeros((len(x), *(count // block for count, block in zip(x.shape[1:-1], size, strict=True)), x.shape[-1]))
    for position in np.ndindex(out.shape[1:-1]):
        block = tuple(slice(index * length, (index + 1) * length) for index, length in zip(position, size, strict=True))
        seen = x[(slice(None), *block)]
        out[(slice(None), *position)] = seen.max(axis=tuple(range(1, x.ndim - 1)))
    return out


def grouped_convolve(x, kernel, groups, *, strides=(1, 1, 1), dilation=(1, 1, 1)):
    """Each group of channels of x with its part of kernel (*size, in / groups, out); as many zeros before as after."""
    around = [(rate * (taps // 2),) * 2 for taps, rate in zip(kernel.shape[:-2], dilation, strict=True)]
    x = np.pad(x, [(0, 0), *around, (0, 0)])
    parts = zip(np.split(x, groups, axis=-1), np.split(kernel, groups, axis=-1), strict=True)
    how = {"padding": "valid", "strides": strides, "dilation": dilation}
    return np.concatenate([convolve(part, weights, **how) for part, weights in parts], axis=-1)
