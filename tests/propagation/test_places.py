"""Slices at places of their own: a reference in NumPy, and evenly placed slices against plain numbers of slices."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ifss_keras.propagation.area import AreaCurve, expected_areas
from ifss_keras.propagation.cut import curve_certainty
from ifss_keras.propagation.evidence import gather_evidence
from ifss_keras.propagation.places import EVEN, LEAST_STEPS, Places
from ifss_keras.propagation.settings import Softness
from ifss_keras.propagation.shape import interpolate_shapes


def disc(radius, size=41):
    rows, columns = np.mgrid[:size, :size] - size // 2
    return rows**2 + columns**2 < radius**2


def test_even_places_are_the_numbers_of_the_slices():
    given = Places(np.arange(12.0))
    assert (EVEN.between(3, 9), given.between(9, 3)) == (6, 6)
    np.testing.assert_array_equal(given.thickness(range(12)), EVEN.thickness(range(12)))
    values = np.random.default_rng(0).random((9, 2, 3))
    np.testing.assert_allclose(
        given.smoothed(values, 2, 1.5), ndimage.gaussian_filter1d(values, 1.5, axis=0, mode="nearest"), atol=2e-4
    )
    np.testing.assert_array_equal(given.smoothed(values, 2, 0.0), values)


def test_thickness_goes_half_way_to_the_neighbours():
    places = Places([0, 1, 3, 7])
    np.testing.assert_allclose(places.thickness([0, 1, 2, 3]), [1, 1.5, 3, 4])
    assert places.thickness([2]).tolist() == [3]


def test_places_along_a_way_are_counted_from_its_beginning():
    places = Places([0, 1, 3, 7, 12])
    np.testing.assert_allclose(places.of(range(1, 5)).at(range(4)), [0, 2, 6, 11])
    np.testing.assert_allclose(places.of(range(3, -1, -1)).at(range(4)), [0, 4, 6, 7])
    assert EVEN.of(range(3, -1, -1)).at(2) == 2


def test_values_are_filled_in_linearly_by_where_slices_lie():
    places = np.cumsum([0, 1, 2, 4, 0.5, 0.5, 3, 1])
    values = (3 * places[2:] - 1)[:, None] * np.array([1.0, -2.0])
    for lie, scale in ((Places(places), values), (EVEN, (np.arange(2.0, 8) * 5)[:, None] * np.array([1.0, -2.0]))):
        found = lie.filled(scale[[0, 2, 3, 5]], [2, 4, 5, 7], range(2, 8))
        np.testing.assert_allclose(found, scale)
    np.testing.assert_array_equal(EVEN.filled(values, range(2, 8), range(2, 8)), values)


def test_smoothing_by_distance_weighs_crowded_slices_no_more():
    once, twice = np.arange(20.0), np.sort(np.r_[np.arange(20.0), np.arange(20.0) + 1e-3])
    values = np.random.default_rng(1).random(20)
    smooth = Places(once).smoothed(values, 0, 2.0)
    again = Places(twice).smoothed(np.repeat(values, 2), 0, 2.0)
    np.testing.assert_allclose(again[::2][3:-3], smooth[3:-3], atol=4e-3)


def test_a_curve_through_uneven_places_is_that_of_the_slices_where_they_lie():
    """A volume of which only some slices are kept has the same areas there as the whole."""
    kept = np.array([0, 1, 4, 5, 9, 12, 13, 20, 22, 30])
    references = {0: 5, 9: 12, 20: 14, 30: 3}
    masks = {index: disc(radius) for index, radius in references.items()}
    fewer = {int(np.flatnonzero(kept == index)[0]): mask for index, mask in masks.items()}
    whole, part = AreaCurve.of_masks(masks), AreaCurve.of_masks(fewer, Places(kept))
    np.testing.assert_allclose(part.at(range(len(kept))), whole.at(kept))
    np.testing.assert_allclose(part.covariance(range(len(kept))), whole.covariance(kept))
    expected = expected_areas(fewer, 0, 4, Places(kept))
    np.testing.assert_allclose(
        [expected[index] for index in range(5)], [expected_areas(masks, 0, 9)[i] for i in kept[:5]]
    )


def test_shapes_and_anchors_at_uneven_places_are_those_of_the_slices_there():
    kept = np.array([0, 1, 4, 5, 9, 12, 13, 20, 22, 30])
    masks = {0: disc(5), 9: np.roll(disc(12), 3, 0), 20: disc(14), 30: disc(3)}
    fewer = {int(np.flatnonzero(kept == index)[0]): mask for index, mask in masks.items()}
    whole = dict(interpolate_shapes(masks))
    for index, mask in interpolate_shapes(fewer, places=Places(kept)):
        np.testing.assert_array_equal(mask, whole[kept[index]])
    shown = {index: mask.astype(np.float32) for index, mask in masks.items()}
    less = {index: mask.astype(np.float32) for index, mask in fewer.items()}
    every = gather_evidence(np.zeros((31, 41, 41), np.float32), shown, 0, Softness())
    some = gather_evidence(np.zeros((10, 41, 41), np.float32), less, 0, Softness(), places=Places(kept))
    np.testing.assert_allclose(some.anchor, every.anchor[kept], atol=1e-6)


def test_doubt_of_a_sum_counts_each_slice_by_its_thickness():
    masks = {0: disc(5), 9: disc(12), 20: disc(14), 30: disc(3)}
    whole = curve_certainty(masks).of_sum
    halves = {2 * index: mask for index, mask in masks.items()}
    finer = curve_certainty(halves, Places(np.arange(61) / 2)).of_sum
    assert finer == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize(
    ("first", "last", "step", "expected"),
    [
        (3, 9, 1, [3, 4, 5, 6, 7, 8, 9]),
        (3, 9, 4, [3, 4, 5, 6, 7, 8, 9]),  # fewer than four steps otherwise
        (3, 11, 4, [3, 5, 7, 9, 11]),
        (20, 0, 5, [20, 15, 10, 5, 0]),
        (0, 21, 5, [0, 4, 8, 13, 17, 21]),
        (0, 23, 6, [0, 5, 9, 14, 18, 23]),  # five steps, as with four there would have to be one in the middle
        (5, 5, 3, [5]),
    ],
)
def test_one_slice_in_so_many_is_looked_at(first, last, step, expected):
    assert EVEN.sampled(first, last, step) == expected


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 30))
def test_slices_that_are_looked_at_are_even_and_the_same_from_both_sides(first, last, step):
    looked = EVEN.sampled(first, last, step)
    assert looked == EVEN.sampled(last, first, step)[::-1]
    assert {looked[0], looked[-1]} == {first, last}
    steps = [abs(b - a) for a, b in pairwise(looked)]
    assert len(steps) >= min(LEAST_STEPS, abs(last - first))
    assert all(0 < each <= step + 1 for each in steps)
    assert not steps or max(steps) - min(steps) <= 2


@given(st.lists(st.floats(0.01, 12), min_size=8, max_size=80), st.integers(2, 9))
def test_of_uneven_slices_those_are_looked_at_that_lie_evenly(gaps, step):
    """None is left out where they lie further apart than that; where they are crowded, most are."""
    places = Places(np.cumsum([0, *gaps]))
    looked = places.sampled(0, len(gaps), step)
    assert looked == places.sampled(len(gaps), 0, step)[::-1]
    assert looked == sorted({0, len(gaps), *looked})
    for before, after in pairwise(looked):
        widest = max(places.between(index, index + 1) for index in range(before, after))
        assert after == before + 1 or places.between(before, after) <= step + 2 * widest
    assert len(looked) <= 2 * places.between(0, len(gaps)) / min(step, places.between(0, len(gaps)) // 4 or 0.01) + 9


def test_a_probe_that_stood_still_is_looked_at_once():
    places = Places(np.cumsum([0, *[3.0] * 10, *[0.001] * 50, *[3.0] * 10]))
    looked = places.sampled(0, 70, 3)
    assert {*range(10), *range(61, 71)} <= set(looked)
    assert len(set(looked) & set(range(10, 61))) <= 2
