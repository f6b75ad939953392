"""Outlines with fewer points: as scikit-image keeps them, and never further away than said."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from ifss_keras.report.polygon import simplified


def distance_to(points, line):
    """From each point to the nearest stretch of a line."""
    found = np.full(len(points), np.inf)
    for first, last in pairwise(line):
        way = last - first
        share = np.clip((points - first) @ way / max(way @ way, 1e-12), 0, 1)
        found = np.minimum(found, np.linalg.norm(points - first - share[:, None] * way, axis=1))
    return found


def test_a_corner_stays_and_what_lies_on_straight_lines_goes():
    line = np.array([(0, 0), (0, 1), (0, 2), (1, 2), (2, 2.0), (5, 2)])
    np.testing.assert_array_equal(simplified(line, 0.3), [(0, 0), (0, 2), (5, 2)])


@pytest.mark.parametrize("count", [1, 2])
def test_what_has_no_point_between_its_ends_stays(count):
    line = np.arange(2.0 * count).reshape(count, 2)
    np.testing.assert_array_equal(simplified(line, 0.3), line)


@pytest.mark.parametrize("seed", range(5))
def test_points_are_those_that_scikit_image_keeps(seed):
    rng = np.random.default_rng(seed)
    line = rng.normal(size=(211, 2)).cumsum(axis=0)  # no two distances are equal
    for tolerance in (0.5, 2.0, 7.0):
        np.testing.assert_array_equal(simplified(line, tolerance), approximate_polygon(line, tolerance))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.35, 1.0]))
def test_no_point_of_an_outline_is_further_away_than_the_tolerance(seed, tolerance):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(41, 37)), 3)
    mask = np.pad(smooth > 0.02, 1)
    for line in find_contours(mask.astype(np.float32), 0.5):
        fewer = simplified(line, tolerance)
        np.testing.assert_array_equal(fewer[[0, -1]], line[[0, -1]])
        assert len(fewer) <= len(line)
        assert distance_to(line, fewer).max() <= tolerance + 1e-9
