"""How a span bends for the references beyond it: parabolas in closed form, which references count, where they lie."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifss_keras.propagation.anchor import anchor
from ifss_keras.propagation.beyond import Beyond, Further, gather_beyond, nearest_beyond, references_around
from ifss_keras.propagation.region import Region
from ifss_keras.propagation.settings import Softness
from ifss_keras.propagation.shape import ShapeSpan

NOWHERE = np.zeros((1, 1), bool)


def curve_weights(fraction, gap, before, after, part=1.0):
    """The weights with references so many slices beyond the ends, None for none."""
    further = (None if away is None else Further(away, NOWHERE) for away in (before, after))
    return Beyond(*further, part).weights(fraction, gap)


away = st.one_of(st.none(), st.floats(0.5, 90))


def bent_span(masks, first, last):
    """From one reference to the next, bent for those beyond."""
    away = zip(nearest_beyond(masks, first, last), (first, last), strict=True)
    beyond = Beyond(*(None if index is None else Further(abs(index - end), masks[index]) for index, end in away))
    return ShapeSpan(masks[first], masks[last], gap=last - first, beyond=beyond)


def disc(shape, center, radius):
    row, column = np.ogrid[: shape[0], : shape[1]]
    return (row - center[0]) ** 2 + (column - center[1]) ** 2 <= radius**2


@given(st.floats(0, 1), st.floats(1, 60), away, away)
@settings(deadline=None)
def test_straight_lines_stay_straight(fraction, gap, before, after):
    weights = curve_weights(fraction, gap, before, after)
    places = np.array([-(before or 0), 0, gap, gap + (after or 0)])
    assert weights.sum() == pytest.approx(1)
    assert weights @ places == pytest.approx(fraction * gap, abs=1e-9 * gap)
    assert before is not None or weights[0] == 0
    assert after is not None or weights[3] == 0


@given(st.floats(0, 1), st.floats(1, 60), st.floats(60, 90), st.floats(60, 90))
@settings(deadline=None)
def test_between_four_references_parabolas_stay_parabolas(fraction, gap, before, after):
    places = np.array([-before, 0, gap, gap + after])
    expected = (fraction * gap - 7) ** 2
    assert curve_weights(fraction, gap, before, after) @ (places - 7) ** 2 == pytest.approx(expected)


@given(st.floats(0, 1), st.floats(1, 60), away, away, st.floats(0, 1))
@settings(deadline=None)
def test_a_part_of_the_bend_lies_between_straight_and_bent(fraction, gap, before, after, part):
    bent, straight = curve_weights(fraction, gap, before, after), np.array([0, 1 - fraction, fraction, 0])
    found = curve_weights(fraction, gap, before, after, part)
    np.testing.assert_allclose(found, part * bent + (1 - part) * straight, atol=1e-9)


@given(st.floats(0, 1), st.floats(1, 60), away, away)
@settings(deadline=None)
def test_reversal_reverses_the_weights(fraction, gap, before, after):
    forward, backward = curve_weights(fraction, gap, before, after), curve_weights(1 - fraction, gap, after, before)
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-9)


def test_the_references_themselves_and_no_others_beyond():
    np.testing.assert_array_equal(curve_weights(0, 8, 3, 5), [0, 1, 0, 0])
    np.testing.assert_allclose(curve_weights(1, 8, 3, 5), [0, 0, 1, 0])
    np.testing.assert_allclose(curve_weights(0.3, 8, None, None), [0, 0.7, 0.3, 0])


def test_an_end_without_a_reference_beyond_has_no_curvature():
    values = np.array([0, 3.0, 5.0, 11.0])
    step = 1e-4
    near = [curve_weights(fraction, 10, None, 10) @ values for fraction in (0, step, 2 * step)]
    assert abs(near[0] - 2 * near[1] + near[2]) / step**2 < 0.01
    expected = ((11.0 - 5.0) / 10 + (5.0 - 3.0) / 10) / 2  # the mean slope of the chords on both sides
    last = [curve_weights(fraction, 10, None, 10) @ values for fraction in (1 - step, 1)]
    assert (last[1] - last[0]) / (10 * step) == pytest.approx(expected, abs=1e-3)


HELD, EMPTY = np.ones((2, 2), bool), np.zeros((2, 2), bool)


def test_the_nearest_references_bend_a_span_where_they_hold_the_structure():
    masks = dict.fromkeys((2, 5, 10, 20, 24, 25), HELD)
    assert nearest_beyond(masks, 10, 20) == (5, 24)
    assert nearest_beyond(masks, 2, 5) == (None, 10)
    assert nearest_beyond(masks, 24, 25) == (20, None)
    assert nearest_beyond(masks | {5: EMPTY}, 10, 20) == (None, 24)
    assert nearest_beyond(masks | {5: EMPTY, 24: EMPTY}, 10, 20) == (None, None)


def test_around_a_span_are_its_references_and_the_next_on_both_sides():
    masks = dict.fromkeys((0, 10, 20, 30, 40), HELD)
    assert list(references_around(masks, 10, 20)) == [0, 10, 20, 30]
    assert references_around(masks | {30: EMPTY}, 10, 20)[30] is EMPTY
    assert list(references_around(masks, 0, 10)) == [0, 10, 20]
    assert list(references_around(masks, 30, 40)) == [20, 30, 40]


@given(st.floats(0, 1), st.floats(1, 60), st.floats(0.01, 3), st.one_of(st.none(), st.floats(1, 90)))
@settings(deadline=None)
def test_the_error_of_a_contour_beyond_is_never_more_than_a_tenth_on_the_way(fraction, gap, part, after):
    assert abs(curve_weights(fraction, gap, part * gap, after)[0]) < 0.1


BLUNT = {0: 6, 10: 25, 60: 25, 70: 6}
TENDON = {0: 12, 5: 4, 35: 4}
CUT = {0: 14, 20: 14, 22: 4, 40: 3}
REDRAWN = {9: 5, 10: 3, 40: 3}


@pytest.mark.parametrize("radii", [BLUNT, TENDON, CUT, REDRAWN])
def test_a_short_span_does_not_bend_a_long_one_beside_it(radii):
    """Where a muscle begins bluntly or becomes a tendon, the long span is neither swollen nor emptied."""
    masks = {index: disc((96, 96), (48, 48), radius) for index, radius in radii.items()}
    for first, last in pairwise(radii):
        straight = ShapeSpan(masks[first], masks[last])
        for fraction in np.arange(1, last - first) / (last - first):
            bent = bent_span(masks, first, last).at(fraction) > 0
            as_large = np.sqrt((straight.at(fraction) > 0).sum())
            assert abs(np.sqrt(bent.sum()) - as_large) < np.sqrt(np.pi)  # one pixel of radius
            assert bent.any()


def test_a_shape_that_jumps_and_stays_is_not_carried_on():
    masks = {index: disc((96, 96), (48, column), 4) for index, column in ((0, 20), (10, 60), (60, 60), (70, 20))}
    found = bent_span(masks, 10, 60).at(0.5) > 0
    columns = np.nonzero(found)[1]
    assert found.sum() == masks[10].sum()
    assert abs(columns.mean() - 60) < 2.5


def test_a_reference_far_off_does_not_bend_and_needs_no_room():
    masks = {0: disc((256, 256), (250, 250), 0.5), 10: disc((256, 256), (5, 5), 0.5)}
    masks |= {60: masks[10], 70: masks[0]}
    region = Region((5.0, 5.0), 1.4)
    assert gather_beyond(masks, 10, 60, region, (1.0, 1.0), 96, 0.5) == Beyond(None, None, 0.5)


def test_a_reference_beyond_lies_where_it_lies():
    """Its centroid in the span's pixels, though it is shown about its own centre, and outside the region in part."""
    spacing_mm, shape = (0.5, 0.8), (140, 120)
    masks = {0: disc(shape, (25, 70), 14), 10: disc(shape, (60, 60), 14), 20: disc(shape, (70, 55), 14)}
    region = Region((65 * 0.5, 57 * 0.8), 40.0, (0.8, 1.0))
    before, after, part = gather_beyond(masks, 10, 20, region, spacing_mm, 48, 0.7)
    assert (after, part) == (None, 0.7)
    assert before.slices == 10
    pixel_mm = np.array([0.8 * 40 / 48, 40 / 48])
    rows, columns = np.nonzero(before.mask)
    centroid = np.array([rows.mean(), columns.mean()]) + before.origin
    expected = (np.array([25 * 0.5, 70 * 0.8]) - np.array(region.center_mm)) / pixel_mm + 23.5
    np.testing.assert_allclose(centroid, expected, atol=0.05)
    area_mm2 = before.mask.sum() * pixel_mm.prod()
    assert area_mm2 == pytest.approx(masks[0].sum() * 0.5 * 0.8, rel=0.02)


def discs_along(shape, slices, radius, center):
    return {index: disc(shape, center(index), radius(index)) for index in slices}


def test_discs_that_swell_and_turn_follow_the_parabola():
    def radius(index):
        return 22 - 0.02 * (index - 14) ** 2

    def center(index):
        return 40 + 0.01 * (index - 10) ** 2, 60 - 0.8 * index

    shape = (90, 100)
    masks = discs_along(shape, (-10, 0, 12, 30), radius, center)
    beyond = Beyond(Further(10, masks[-10]), Further(18, masks[30]))
    span = ShapeSpan(masks[0], masks[12], gap=12, beyond=beyond)
    straight = ShapeSpan(masks[0], masks[12])
    for index in (3, 6, 9):
        truth = disc(shape, center(index), radius(index))
        curved = span.at(index / 12) > 0
        assert np.sqrt(curved.sum() / np.pi) == pytest.approx(radius(index), abs=0.15)
        assert (curved != truth).sum() < 0.4 * ((straight.at(index / 12) > 0) != truth).sum()


def test_the_origin_of_a_reference_beyond_changes_nothing_but_its_place():
    shape = (60, 64)
    a, b, c = (disc(shape, (28 + i, 30 + 2 * i), 9 + i) for i in range(3))
    whole = ShapeSpan(a, b, gap=5, beyond=Beyond(after=Further(5, c)))
    cut = ShapeSpan(a, b, gap=5, beyond=Beyond(after=Further(5, np.pad(c, 9)[13:, 4:], (4.0, -5.0))))
    for fraction in (0, 0.2, 0.7, 1):
        np.testing.assert_allclose(cut.at(fraction), whole.at(fraction), atol=1e-4)
    np.testing.assert_array_equal(whole.at(0) > 0, a)
    np.testing.assert_array_equal(whole.at(1) > 0, b)


def test_where_a_reference_is_empty_nothing_bends():
    shape = (40, 40)
    a, c, empty = disc(shape, (20, 20), 9), disc(shape, (20, 20), 15), np.zeros(shape, bool)
    bent = ShapeSpan(a, empty, gap=6, beyond=Beyond(Further(6, c)))
    np.testing.assert_array_equal(bent.at(0.2), ShapeSpan(a, empty).at(0.2))
    bent = ShapeSpan(a, a, gap=6, beyond=Beyond(Further(6, empty)))
    np.testing.assert_array_equal(bent.at(0.2), ShapeSpan(a, a).at(0.2))


def test_the_anchor_is_as_soft_as_without_nearest_beyond():
    shape, softness = (50, 50), Softness(start=0.7, per_slice=0.2, per_change=0.1, maximum=9)
    a, b, c = (disc(shape, (25, 25), radius) for radius in (9, 12, 13))
    beyond = Beyond(after=Further(10, c), part=0.5)
    found = anchor(a, b, [3, 5], 10, softness, beyond)
    span, straight = ShapeSpan(a, b, gap=10, beyond=beyond), ShapeSpan(a, b)
    scale = softness.at(np.array([3, 5]), 10, straight.change())
    expected = [
        1 / (1 + np.exp(-span.at(place / 10).astype(float) / t)) for place, t in zip((3, 5), scale, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
