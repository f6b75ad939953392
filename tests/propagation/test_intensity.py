"""Intensity windows against percentiles computed by hand."""

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.intensity import IntensityRange


def test_small_volume_gives_the_exact_percentiles():
    volume = np.random.default_rng(0).integers(-3000, 3000, (5, 7, 11)).astype(np.int16)
    window = IntensityRange.from_volume(volume)
    np.testing.assert_allclose((window.low, window.high), np.percentile(volume.astype(float), (0.5, 99.5)))


def test_percentiles_do_not_overflow_in_a_narrow_type():
    volume = np.array([-128, 127] * 6, np.int8).reshape(2, 2, 3)
    window = IntensityRange.from_volume(volume, percentiles=(50, 100))
    assert (window.low, window.high) == (-0.5, 127.0)


def test_a_volume_that_is_nearly_all_background_has_the_window_of_its_extremes():
    volume = np.zeros((5, 10, 10), np.int16)
    volume[2, 3, 4], volume[2, 3, 5] = 40, 90  # 0.4 % of the voxels
    window = IntensityRange.from_volume(volume)
    assert (window.low, window.high) == (0, 90)


def test_only_evenly_spaced_slices_are_read():
    volume = np.zeros((9, 4, 4), np.uint8)
    volume[[0, 4, 8]] = [[[10]], [[20]], [[30]]]
    volume[[1, 2, 3, 5, 6, 7]] = 255
    window = IntensityRange.from_volume(volume, percentiles=(0, 100), max_slices=3)
    assert (window.low, window.high) == (10, 30)


def test_large_volume_is_sampled_without_bias():
    values = np.random.default_rng(1).normal(100, 20, (3, 1500, 1501)).astype(np.float32)
    window = IntensityRange.from_volume(values)
    np.testing.assert_allclose((window.low, window.high), (100 - 51.52, 100 + 51.52), atol=0.5)
    assert window == IntensityRange.from_volume(values)


def test_non_finite_voxels_neither_count_nor_survive():
    volume = np.linspace(0, 10, 2 * 3 * 5).reshape(2, 3, 5)
    volume[0, 0, :3] = np.nan, np.inf, -np.inf
    window = IntensityRange.from_volume(volume, percentiles=(0, 100))
    np.testing.assert_allclose((window.low, window.high), (volume[0, 0, 3], 10))
    applied = window.apply(volume)
    np.testing.assert_array_equal(applied[0, 0, :4], 0)
    np.testing.assert_allclose(applied[1, 2, 4], 1)


def test_finite_slices_between_the_chosen_ones_are_found():
    volume = np.full((5, 3, 2), np.nan)
    volume[1] = [[1, 2], [3, 4], [5, 6]]
    window = IntensityRange.from_volume(volume, percentiles=(0, 100), max_slices=3)
    assert (window.low, window.high) == (1, 6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_apply_is_linear_and_clipped_in_every_type(dtype):
    slices = np.array([[[0, 10, 20], [35, 60, 100]]], dtype)
    applied = IntensityRange(10.0, 60.0).apply(slices)
    assert applied.dtype == np.float32
    np.testing.assert_allclose(applied, [[[0, 0, 0.2], [0.5, 1, 1]]], atol=1e-7)


def test_small_differences_on_a_large_offset_are_kept():
    slices = np.array([[[10**9, 10**9 + 1, 10**9 + 4]]])
    applied = IntensityRange(1e9, 1e9 + 4).apply(slices)
    np.testing.assert_allclose(applied, [[[0, 0.25, 1]]], atol=1e-7)


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_constant_image_becomes_zero(value, dtype):
    volume = np.full((2, 3, 5), value, dtype)
    np.testing.assert_array_equal(IntensityRange.from_volume(volume).apply(volume), np.zeros((2, 3, 5)))


def test_apply_leaves_its_input_alone():
    slices = np.array([[[1.0, np.nan, 3.0]]], np.float32)
    before = slices.copy()
    IntensityRange(0.0, 4.0).apply(slices)
    np.testing.assert_array_equal(slices, before)


def test_no_finite_voxel_is_refused():
    with pytest.raises(InputError, match="no finite voxel"):
        IntensityRange.from_volume(np.full((2, 3, 5), np.nan))


@pytest.mark.parametrize("shape", [(3, 5), (0, 3, 5), (2, 3, 5, 3)])
def test_what_is_no_volume_is_refused(shape):
    with pytest.raises(InputError, match="needs a volume"):
        IntensityRange.from_volume(np.zeros(shape))
