"""The NumPy convolutions against SciPy and against identities."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from tests.reference.convolution import (
    block_diagonal,
    convolve,
    grouped_convolve,
    max_pool,
    separable_convolve,
    transposed_convolve,
)

SPACE = (5, 3, 7)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolve_is_scipys_correlation_summed_over_the_input_channels(padding):
    x, kernel = draw(2, *SPACE, 2), draw(3, 1, 5, 2, 4, seed=1)
    expected = np.stack(
        [
            np.stack(
                [
                    sum(scipy.signal.correlate(x[b, ..., i], kernel[..., i, o], padding, "direct") for i in range(2))
                    for o in range(4)
                ],
                axis=-1,
            )
            for b in range(2)
        ]
    )
    np.testing.assert_allclose(convolve(x, kernel, padding=padding), expected, atol=1e-12)


def test_dilation_is_a_kernel_with_zeros_between_its_taps():
    x, kernel = draw(2, *SPACE, 2), draw(2, 3, 3, 2, 3, seed=1)
    stuffed = np.zeros((2, 3, 7, 2, 3))
    stuffed[:, :, ::3] = kernel
    np.testing.assert_allclose(convolve(x, kernel, dilation=(1, 1, 3)), convolve(x, stuffed), atol=1e-12)


def test_valid_stride_takes_every_second_output():
    x, kernel = draw(1, *SPACE, 2), draw(2, 3, 2, 2, 3, seed=1)
    every = convolve(x, kernel, padding="valid")
    strided = convolve(x, kernel, padding="valid", strides=(2, 1, 2))
    np.testing.assert_array_equal(strided, every[:, ::2, :, ::2])


def test_same_stride_puts_the_extra_zero_after():
    # 4 pixels, kernel 3, stride 2: one zero is missing and goes behind, so the windows start at pixels 0 and 2
    x = np.arange(1.0, 5).reshape(1, 4, 1)
    np.testing.assert_array_equal(convolve(x, np.ones((3, 1, 1)), strides=(2,)).ravel(), [1 + 2 + 3, 3 + 4])


def test_depthwise_correlates_each_channel_by_itself():
    x, kernel = draw(1, *SPACE, 3), draw(3, 3, 5, 3, 2, seed=1)
    y = convolve(x, block_diagonal(kernel))
    for channel in range(3):
        for m in range(2):
            alone = scipy.ndimage.correlate(x[0, ..., channel], kernel[..., channel, m], mode="constant")
            np.testing.assert_allclose(y[0, ..., channel * 2 + m], alone, atol=1e-12)


def test_separable_is_a_full_convolution_with_the_product_of_its_kernels():
    x, depthwise, pointwise = draw(2, *SPACE, 3), draw(1, 3, 2, 3, 2, seed=1), draw(6, 5, seed=2)
    full = np.einsum("...im,imo->...io", depthwise, pointwise.reshape(3, 2, 5))
    np.testing.assert_allclose(
        separable_convolve(x, depthwise, pointwise, bias=2.0), convolve(x, full, bias=2.0), atol=1e-12
    )


@pytest.mark.parametrize("strides", [(1, 2, 2), (1, 1, 1), (2, 3, 1)])
def test_transposed_convolution_is_the_adjoint(strides):
    x, kernel = draw(2, 3, 2, 5, 4), draw(3, 3, 3, 6, 4, seed=1)
    big = tuple(count * stride for count, stride in zip(x.shape[1:-1], strides, strict=True))
    y = draw(2, *big, 6, seed=2)
    np.testing.assert_allclose(
        np.vdot(convolve(y, kernel, strides=strides), x), np.vdot(y, transposed_convolve(x, kernel, strides=strides))
    )


def test_max_pool_is_scipys_maximum_filter_subsampled():
    x = draw(2, 3, 4, 6, 5)
    filtered = scipy.ndimage.maximum_filter(x, size=(1, 1, 2, 3, 1), origin=(0, 0, -1, -1, 0))
    np.testing.assert_array_equal(max_pool(x, (1, 2, 3)), filtered[:, :, ::2, ::3])


def test_grouped_with_one_group_is_a_full_convolution_and_with_a_channel_each_a_depthwise_one():
    x, kernel = draw(2, *SPACE, 2), draw(3, 1, 5, 2, 4, seed=1)
    np.testing.assert_allclose(grouped_convolve(x, kernel, 1), convolve(x, kernel), atol=1e-12)
    depthwise = draw(3, 1, 5, 2, 3, seed=1)
    alone = np.reshape(depthwise, (3, 1, 5, 1, 6))
    np.testing.assert_allclose(grouped_convolve(x, alone, 2), convolve(x, block_diagonal(depthwise)), atol=1e-12)


def test_each_group_sees_its_own_channels_alone():
    x, kernel = draw(2, *SPACE, 6), draw(3, 3, 1, 2, 9, seed=1)
    for group in range(3):
        alone = convolve(x[..., 2 * group : 2 * group + 2], kernel[..., 3 * group : 3 * group + 3], dilation=(1, 2, 1))
        found = grouped_convolve(x, kernel, 3, dilation=(1, 2, 1))[..., 3 * group : 3 * group + 3]
        np.testing.assert_allclose(found, alone, atol=1e-12)


def test_grouped_stride_starts_at_the_first_pixel():
    # 4 pixels, kernel 3, stride 2: a zero on both sides, so the windows are around pixels 0 and 2, unlike "same"
    x = np.arange(1.0, 5).reshape(1, 4, 1)
    found = grouped_convolve(x, np.ones((3, 1, 1)), 1, strides=(2,), dilation=(1,))
    np.testing.assert_array_equal(found.ravel(), [0 + 1 + 2, 2 + 3 + 4])
