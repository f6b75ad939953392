"""Volumes against closed forms: boxes, an ellipsoid, a parabolic belly; and the two volume errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.metrics.volume import (
    areas_mm2,
    paper_volume_error_percent,
    signed_volume_error_percent,
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
