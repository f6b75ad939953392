"""The area curve: solids in closed form, what it must not depend on, and how sure it says it is."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ifss_keras.propagation import area
from ifss_keras.propagation.area import SETTINGS, AreaCurve, expected_areas, seen_areas
from ifss_keras.propagation.cut import SETTINGS as CUT
from ifss_keras.propagation.cut import curve_certainty

SLICES = np.arange(41)
ELLIPSOID = 900 * (1 - ((SLICES - 20) / 21) ** 2)
CONE = 3 * (SLICES + 2.0) ** 2


def curve_of(areas, references):
    return AreaCurve({index: float(areas[index]) for index in references})


@pytest.mark.parametrize("areas", [ELLIPSOID, CONE])
@pytest.mark.parametrize("references", [(0, 20, 40), (0, 13, 40), (0, 10, 20, 30, 40), (0, 3, 31, 40)])
def test_three_references_or_more_give_all_areas_of_an_ellipsoid_and_of_a_cone(areas, references):
    np.testing.assert_allclose(curve_of(areas, references).at(SLICES), areas, atol=5e-3 * areas.max())


@pytest.mark.parametrize("areas", [ELLIPSOID, CONE])
@pytest.mark.parametrize("references", [(0, 20, 40), (0, 13, 40), (0, 3, 31, 40)])
def test_they_are_exact_where_contours_are_and_nothing_is_known_of_the_parabola(areas, references, monkeypatch):
    monkeypatch.setattr(area, "SETTINGS", replace(SETTINGS, contour=0, parabola=1e6))
    np.testing.assert_allclose(curve_of(areas, references).at(SLICES), areas, atol=1e-6 * areas.max())


def test_two_references_give_the_straight_line():
    np.testing.assert_allclose(AreaCurve({2: 30.0, 12: 80.0}).at([2, 4, 7, 12]), [30, 40, 55, 80], rtol=1e-6)


def test_a_structure_of_no_area_has_none():
    np.testing.assert_allclose(AreaCurve({0: 0.0, 5: 0.0, 9: 0.0}).at(range(10)), 0, atol=1e-9)


drawn = st.dictionaries(st.integers(0, 200), st.just(0.0) | st.floats(1e-6, 5000), min_size=2, max_size=9)


@given(drawn)
@settings(deadline=None)
def test_an_area_is_never_negative(areas):
    curve, places = AreaCurve(areas), range(min(areas), max(areas) + 1)
    assert (curve.at(places) >= 0).all()
    assert np.isfinite(curve.at(places)).all()


@given(drawn)
@settings(deadline=None)
def test_reversed_slices_reverse_the_curve(areas):
    places = np.arange(min(areas), max(areas) + 1)
    forward, backward = AreaCurve(areas), AreaCurve({-index: area for index, area in areas.items()})
    most = max(areas.values()) or 1.0
    np.testing.assert_allclose(forward.at(places), backward.at(-places), atol=1e-6 * most)
    np.testing.assert_allclose(forward.covariance(places), backward.covariance(-places), atol=1e-5 * most**2)


@given(drawn, st.floats(0.01, 100), st.integers(1, 5), st.integers(-50, 50))
@settings(deadline=None)
def test_larger_areas_on_farther_slices_are_the_same_curve(areas, factor, step, first):
    places, most = np.arange(min(areas), max(areas) + 1), max(areas.values()) or 1.0
    curve = AreaCurve(areas)
    other = AreaCurve({first + step * index: factor * area for index, area in areas.items()})
    moved = first + step * places
    np.testing.assert_allclose(other.at(moved) / factor, curve.at(places), atol=1e-6 * most)
    if any(areas.values()):
        scaled = other.covariance(moved) / factor**2
        np.testing.assert_allclose(scaled, curve.covariance(places), atol=1e-5 * most**2)


def test_references_are_as_sure_as_their_contour_and_wider_gaps_less():
    references = (0, 4, 12, 40)
    curve = curve_of(ELLIPSOID, references)
    deviations = np.sqrt(np.diag(curve.covariance(SLICES)))
    contour = np.sqrt(SETTINGS.contour * SETTINGS.roughness) * ELLIPSOID.max()
    assert (deviations[list(references)] < contour).all()
    assert deviations[2] < deviations[8] < deviations[26]
    assert deviations[26] > 3 * contour
    np.testing.assert_allclose(curve.covariance(SLICES), curve.covariance(SLICES).T, atol=1e-6)


def test_rough_references_make_it_less_sure():
    smooth, rough = ({0: 500.0, 10: middle, 20: 520.0, 30: 510.0, 40: 500.0} for middle in (510.0, 100.0))
    of_smooth, of_rough = (np.trace(AreaCurve(areas).covariance(SLICES)) for areas in (smooth, rough))
    assert of_rough > 2 * of_smooth


def square(side):
    mask = np.zeros((40, 40), bool)
    mask[:side, :side] = True
    return mask


def test_only_absences_next_to_a_reference_that_holds_the_structure_count():
    held = {20: square(20), 30: square(24), 40: square(10)}
    near = held | {10: square(0), 50: square(0)}
    curve, places = AreaCurve.of_masks(near), range(10, 51)
    far = AreaCurve.of_masks(near | dict.fromkeys((0, 5, 60, 200), square(0)))
    np.testing.assert_array_equal(far.at(places), curve.at(places))
    between = AreaCurve.of_masks(held | {25: square(0)})
    assert between.at([25])[0] < 0.1 * curve.at([25])[0]


def test_one_reference_is_no_curve():
    assert AreaCurve.of_masks({3: square(5)}) is None
    assert AreaCurve.of_masks({}) is None
    assert AreaCurve.of_masks({3: square(0), 9: square(0)}) is None
    assert curve_certainty({3: square(5)}) is None
    assert curve_certainty({3: square(5), 9: square(6)}) is None


def test_expected_areas_are_the_annotated_ones_at_both_ends():
    masks = {2: square(10), 8: square(13), 14: square(11)}
    found = expected_areas(masks, 2, 8)
    assert list(found) == list(range(2, 9))
    assert (found[2], found[8]) == (100, 169)
    curve = AreaCurve.of_masks(masks)
    np.testing.assert_allclose([found[index] for index in range(3, 8)], curve.at(range(3, 8)))


def test_the_certainty_between_references_is_that_of_the_curve():
    masks = {2: square(10), 8: square(13), 14: square(11)}
    certainty, curve = curve_certainty(masks), AreaCurve.of_masks(masks)
    slices = [*range(3, 8), *range(9, 14)]
    covariance = curve.covariance(slices)
    assert list(certainty.deviations) == slices
    wider = stats.t.ppf(0.975, curve.freedom) / stats.norm.ppf(0.975)
    np.testing.assert_allclose(list(certainty.deviations.values()), wider * np.sqrt(np.diag(covariance)))
    assert certainty.of_sum == pytest.approx(wider * np.sqrt(covariance.sum()))


def test_towards_an_absence_the_areas_err_alike():
    masks = {2: square(10), 8: square(13), 14: square(0), 20: square(0)}
    certainty, curve = curve_certainty(masks), AreaCurve.of_masks(masks)
    towards = range(9, 14)
    expected = CUT.beyond * curve.at(towards)
    np.testing.assert_allclose([certainty.deviations[index] for index in towards], expected)
    wider = stats.t.ppf(0.975, curve.freedom) / stats.norm.ppf(0.975)
    within = wider * np.sqrt(curve.covariance(range(3, 8)).sum())
    assert certainty.of_sum == pytest.approx(np.hypot(within, expected.sum()))
    assert list(certainty.deviations) == [*range(3, 8), *towards]
    assert list(curve_certainty({7: square(12), 8: square(13), 14: square(0)}).deviations) == list(towards)
    assert curve_certainty({8: square(13), 9: square(12), 10: square(12)}) == ({}, 0, 0)


@pytest.mark.parametrize("areas", [{0: 452.0, 5: 50.0, 35: 50.0}, {0: 110.0, 10: 1900.0, 60: 1900.0, 70: 110.0}])
def test_where_gaps_are_unequal_the_curve_does_not_swing_wide_of_the_references_beside_it(areas):
    curve, slices = AreaCurve(areas), sorted(areas)
    for first, last in pairwise(slices):
        found = curve.at(range(first + 1, last))
        assert found.min() >= min(areas[first], areas[last]) / SETTINGS.room - 1e-9
        assert found.max() <= max(areas[first], areas[last]) * SETTINGS.room + 1e-9


def test_areas_that_were_seen_count_by_how_near_their_reference_is():
    ends = {10: square(4), 20: square(6)}
    onwards, back = ({index: square(side) for index in range(11, 20)} for side in (10, 20))
    areas = seen_areas(ends, onwards, back)
    assert sorted(areas) == list(range(10, 21))
    assert (areas[10], areas[20]) == (16, 36)
    assert areas[15] == pytest.approx(250, rel=0.03)  # the average reaches as far as the small ends
    assert areas[14] < areas[15] < areas[16]


def test_where_one_estimate_has_ended_the_other_counts_alone_and_none_is_nothing():
    ends = {0: square(10), 40: square(10)}
    onwards = {index: square(20) for index in range(1, 14)}
    back = {index: square(30) for index in range(39, 26, -1)}
    areas = seen_areas(ends, onwards, back)
    assert areas[7] == pytest.approx(400, rel=0.02)
    assert areas[33] == pytest.approx(900, rel=0.02)
    assert areas[20] == pytest.approx(1, abs=1)


@pytest.mark.parametrize("count", [1, 256, 700])
def test_the_spread_is_that_of_the_covariance_a_few_rows_at_a_time(count):
    curve = AreaCurve({0: 100.0, 311: 900.0, 700: 400.0, 990: 20.0})
    slices, thick = np.arange(40, 40 + count), np.random.default_rng(0).uniform(0.5, 2.0, count)
    covariance = curve.covariance(slices)
    variances, of_sum = curve.spread(slices, thick)
    np.testing.assert_allclose(variances, np.diag(covariance), rtol=1e-6, atol=1e-6)
    assert of_sum == pytest.approx(thick @ covariance @ thick)
    assert curve.spread([], np.zeros(0))[1] == 0
