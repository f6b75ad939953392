"""Volumes against closed forms: boxes, an ellipsoid, a parabolic belly; and the two volume errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError
from ifss_keras.metrics.volume import (
    areas_mm2,
    paper_volume_error_percent,
    signed_volume_error_percent,
    spline_volume_ml,
    volume_ml,
    voxel_volume_ml,
)


def ellipsoid(shape, spacing, radii_mm):
    axes = [(np.arange(size) - (size - 1) / 2) * step for size, step in zip(shape, spacing, strict=True)]
    grid = np.meshgrid(*axes, indexing="ij")
    return sum((axis / radius) ** 2 for axis, radius in zip(grid, radii_mm, strict=True)) <= 1


def test_box_volume_and_areas():
    mask = np.zeros((4, 6, 8), bool)
    mask[1:3, 1:4, 2:7] = True
    assert voxel_volume_ml((3, 2, 0.5)) == pytest.approx(0.003)
    assert volume_ml(mask, (3, 2, 0.5)) == pytest.approx(2 * 3 * 5 * 3 * 2 * 0.5 / 1000)
    np.testing.assert_allclose(areas_mm2(mask, (3, 2, 0.5)), [0, 15, 15, 0])


def test_areas_add_up_to_the_volume():
    mask = np.random.default_rng(5).random((7, 5, 3)) < 0.4
    spacing = (2.5, 0.7, 0.3)
    assert areas_mm2(mask, spacing).sum() * 2.5 / 1000 == pytest.approx(volume_ml(mask, spacing))


def test_ellipsoid_volume():
    spacing = (2.0, 0.5, 1.0)
    mask = ellipsoid((70, 120, 60), spacing, (60, 25, 22))
    assert volume_ml(mask, spacing) == pytest.approx(4 / 3 * np.pi * 60 * 25 * 22 / 1000, rel=2e-3)


@pytest.mark.parametrize(
    ("predicted", "truth", "signed", "paper"),
    [(110, 100, 10, 100 * 10 / 105), (90, 100, -10, 100 * 10 / 95), (0, 50, -100, 200), (0, 0, 0, 0)],
)
def test_volume_errors(predicted, truth, signed, paper):
    assert signed_volume_error_percent(predicted, truth) == pytest.approx(signed)
    assert paper_volume_error_percent(predicted, truth) == pytest.approx(paper)


def test_volume_errors_of_an_empty_truth():
    assert signed_volume_error_percent(3.0, 0.0) == math.inf
    assert paper_volume_error_percent(3.0, 0.0) == pytest.approx(200)


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4))
def test_only_the_papers_error_is_symmetric(first, second):
    assert paper_volume_error_percent(first, second) == pytest.approx(paper_volume_error_percent(second, first))
    assert signed_volume_error_percent(first, second) == pytest.approx(100 * (first / second - 1), abs=1e-6)


def test_spline_is_exact_for_a_parabolic_belly():
    # Areas of an ellipsoid along its axis, pi b c (1 - (x / a)^2), by continuous geometry, not by voxels.
    slices, step_mm, half_mm = np.array([10, 28, 41, 55, 90]), 1.25, 60.0

    def area(index):
        return 900 * (1 - ((np.asarray(index) - 50) * step_mm / half_mm) ** 2)

    expected = area(np.arange(10, 91)).sum() * step_mm / 1000
    assert spline_volume_ml(slices, area(slices), step_mm) == pytest.approx(expected, rel=1e-12)
    # The integral over the parabola with half a slice at both ends, up to the midpoint rule's error.
    low, high = ((end - 50) * step_mm for end in (9.5, 90.5))
    integral = 900 * ((high - low) - (high**3 - low**3) / (3 * half_mm**2)) / 1000
    assert spline_volume_ml(slices, area(slices), step_mm) == pytest.approx(integral, rel=1e-4)


def test_spline_through_five_slices_of_an_ellipsoid_is_close_to_its_voxels():
    spacing = (1.5, 0.4, 0.4)
    mask = ellipsoid((81, 140, 130), spacing, (55, 25, 22))
    areas = areas_mm2(mask, spacing)
    present = np.flatnonzero(areas)
    chosen = np.linspace(present[0], present[-1], 5).round().astype(int)
    assert spline_volume_ml(chosen, areas[chosen], 1.5) == pytest.approx(volume_ml(mask, spacing), rel=5e-3)


@given(st.lists(st.floats(0, 500), min_size=1, max_size=12))
def test_spline_through_every_slice_is_the_voxel_count(areas):
    expected = sum(areas) * 2.5 / 1000
    assert spline_volume_ml(range(3, 3 + len(areas)), areas, 2.5) == pytest.approx(expected, abs=1e-9)


def test_few_slices():
    assert spline_volume_ml([], [], 2.0) == 0.0
    assert spline_volume_ml([7], [250.0], 2.0) == pytest.approx(0.5)
    assert spline_volume_ml([0, 4], [100.0, 300.0], 2.0) == pytest.approx((100 + 150 + 200 + 250 + 300) * 2 / 1000)
    # Three areas give a parabola: 100, 175, 200, 175, 100.
    assert spline_volume_ml([0, 2, 4], [100, 200, 100], 2.0) == pytest.approx(750 * 2 / 1000)


def test_order_does_not_matter():
    slices, areas = [4, 0, 9, 6, 2], [310.0, 20.0, 15.0, 240.0, 180.0]
    order = np.argsort(slices)
    expected = spline_volume_ml(np.array(slices)[order], np.array(areas)[order], 0.8)
    assert spline_volume_ml(slices, areas, 0.8) == expected


def test_an_area_below_zero_counts_as_none():
    # The parabola through 0, 0 and 90 at 0, 10 and 40 is negative between the first two.
    every = np.arange(41)
    parabola = 90 * every * (every - 10) / (40 * 30)
    assert parabola.min() < -1
    expected = np.clip(parabola, 0, None).sum() / 1000
    assert spline_volume_ml([0, 10, 40], [0.0, 0.0, 90.0], 1.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("slices", "areas", "spacing", "message"),
    [
        ([1, 2], [1.0], 1.0, "same length"),
        ([1, 1], [1.0, 2.0], 1.0, "each given once"),
        ([1, 2.5], [1.0, 2.0], 1.0, "whole numbers"),
        ([1, 2], [1.0, -2.0], 1.0, "not negative"),
        ([1, 2], [1.0, np.nan], 1.0, "finite"),
        ([1, 2], [1.0, 2.0], 0.0, "slice_spacing_mm"),
    ],
)
def test_bad_areas_are_refused(slices, areas, spacing, message):
    with pytest.raises(InputError, match=message):
        spline_volume_ml(slices, areas, spacing)
