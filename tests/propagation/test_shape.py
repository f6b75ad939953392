"""Shape interpolation: discs in closed form, symmetry, and what must come back exactly."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.area import SETTINGS, AreaCurve
from ifss_keras.propagation.beyond import Beyond, Further
from ifss_keras.propagation.shape import ShapeSpan, distances_between, interpolate_shapes, signed_distance


def disc(shape, center, radius, spacing_mm=(1.0, 1.0)):
    row, column = np.ogrid[: shape[0], : shape[1]]
    return ((row - center[0]) * spacing_mm[0]) ** 2 + ((column - center[1]) * spacing_mm[1]) ** 2 <= radius**2


def distances_at(mask_a, mask_b, fractions, spacing_mm=(1.0, 1.0)):
    span = ShapeSpan(mask_a, mask_b, spacing_mm)
    return np.stack([span.at(fraction) for fraction in fractions])


def brute_force_distance(mask, spacing_mm):
    """To the nearest pixel of the other kind, less half a pixel's extent towards it; False all around."""
    padded = np.pad(mask, max(mask.shape))
    scale = np.asarray(spacing_mm)
    kinds = {kind: np.argwhere(padded == kind) for kind in (False, True)}
    result = np.zeros(mask.shape)
    for at in np.ndindex(mask.shape):
        inside = bool(mask[at])
        step = (kinds[not inside] - (np.asarray(at) + max(mask.shape))) * scale
        length = np.hypot(*step.T)
        half = np.hypot(*(step * scale).T) / (2 * length)
        nearest = np.isclose(length, length.min())
        result[at] = (1 if inside else -1) * (length.min() - half[nearest].mean())
    return result


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.3, 0.3)])
def test_signed_distance_against_brute_force(spacing_mm):
    mask = np.random.default_rng(0).random((7, 11)) < 0.7
    mask[2:6, 3:9] = True
    np.testing.assert_allclose(signed_distance(mask, spacing_mm), brute_force_distance(mask, spacing_mm), atol=1e-5)


def test_signed_distance_of_a_rectangle_on_an_anisotropic_grid():
    mask = np.zeros((9, 40), bool)
    mask[3:6, 10:30] = True  # 6 mm by 10 mm
    signed = signed_distance(mask, (2.0, 0.5))
    np.testing.assert_allclose(signed[:, 20], [-5, -3, -1, 1, 3, 1, -1, -3, -5], atol=1e-6)
    np.testing.assert_allclose(signed[4, 6:13], [-1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25], atol=1e-6)


def test_signed_distance_to_corner_on_an_anisotropic_grid():
    mask = np.zeros((4, 5), bool)
    mask[0, 0] = True
    expected = -(5.0 - 0.5 * np.hypot(3 * 3.0, 4 * 1.0) / 5.0)  # one row of 3 mm, four columns of 1 mm
    assert signed_distance(mask, (3.0, 1.0))[1, 4] == pytest.approx(expected)


def test_signed_distance_separates_in_from_out_everywhere():
    mask = np.random.default_rng(3).random((23, 31)) < 0.5
    for spacing_mm in [(1.0, 1.0), (0.2, 3.0), (5.0, 0.7)]:
        np.testing.assert_array_equal(signed_distance(mask, spacing_mm) > 0, mask)
        assert np.abs(signed_distance(mask, spacing_mm)).min() > 0


def test_beyond_the_array_is_outside():
    np.testing.assert_allclose(signed_distance(np.ones((3, 5), bool))[1], [0.5, 1.5, 1.5, 1.5, 0.5])


def test_empty_mask_is_far_and_finite():
    np.testing.assert_allclose(signed_distance(np.zeros((3, 4), bool), (1.0, 1.0)), -5.0)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.5, 0.8)])
def test_concentric_discs_change_their_radius_linearly(spacing_mm):
    shape = (int(70 / spacing_mm[0]) + 1, int(70 / spacing_mm[1]) + 1)
    center = ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    a, b = disc(shape, center, 10.0, spacing_mm), disc(shape, center, 30.0, spacing_mm)
    fractions = np.linspace(0, 1, 6)
    between = distances_at(a, b, fractions, spacing_mm) > 0
    radii = np.sqrt(between.sum(axis=(1, 2)) * spacing_mm[0] * spacing_mm[1] / np.pi)
    np.testing.assert_allclose(radii, 10 + 20 * fractions, atol=0.35)
    for mask, radius in zip(between, radii, strict=True):
        assert (mask != disc(shape, center, radius, spacing_mm)).sum() <= 0.03 * mask.sum() + 8


@pytest.mark.parametrize("move", [(0, 30), (30, 0), (-24, 18)])
def test_discs_that_do_not_overlap_travel_whole(move):
    start = np.array([45, 50])
    a, b = disc((100, 110), start, 9), disc((100, 110), start + move, 9)
    assert not (a & b).any()
    half, third = distances_at(a, b, [0.5, 1 / 3]) > 0
    np.testing.assert_array_equal(half, disc((100, 110), start + np.array(move) / 2, 9))
    np.testing.assert_array_equal(third, disc((100, 110), start + np.array(move) / 3, 9))


def test_shape_at_the_border_of_the_array_travels_whole():
    a, b = disc((24, 60), (12, 8), 8), disc((24, 60), (12, 50), 8)
    distances = distances_at(a, b, [0.5])[0]
    np.testing.assert_array_equal(distances > 0, disc((24, 60), (12, 29), 8))
    np.testing.assert_allclose(distances[12, :13], np.arange(13) - 20.5, atol=1e-4)  # not clamped


def random_mask(seed, shape=(26, 31)):
    random = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    for _ in range(random.integers(0, 4)):
        center = random.uniform(4, 20, 2)
        mask |= disc(shape, center, random.uniform(1, 7))
    return mask


spacings = st.tuples(st.floats(0.2, 3), st.floats(0.2, 3))


@given(st.integers(0, 10**6), st.integers(0, 10**6), spacings)
@settings(max_examples=60, deadline=None)
def test_references_come_back_exactly(seed_a, seed_b, spacing_mm):
    a, b = random_mask(seed_a), random_mask(seed_b)
    ends = distances_at(a, b, [0, 1], spacing_mm)
    assert np.isfinite(ends).all()
    np.testing.assert_array_equal(ends > 0, np.stack([a, b]))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), spacings)
@settings(max_examples=60, deadline=None)
def test_reversal_changes_nothing(seed_a, seed_b, fraction, spacing_mm):
    a, b = random_mask(seed_a), random_mask(seed_b)
    forward = distances_at(a, b, [fraction], spacing_mm)
    backward = distances_at(b, a, [1 - fraction], spacing_mm)
    np.testing.assert_allclose(forward, backward, atol=2e-3)


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.floats(0, 1),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
@settings(max_examples=40, deadline=None)
def test_both_moved_moves_what_lies_between(seed_a, seed_b, fraction, move):
    a, b = (np.pad(random_mask(seed), ((1, 10), (1, 10))) for seed in (seed_a, seed_b))
    still = distances_at(a, b, [fraction])[0]
    moved = distances_at(np.roll(a, move, (0, 1)), np.roll(b, move, (0, 1)), [fraction])[0]
    rows, columns = still.shape
    np.testing.assert_allclose(moved[move[0] :, move[1] :], still[: rows - move[0], : columns - move[1]], atol=2e-3)


def test_muscle_that_ends_shrinks_evenly_and_is_gone_half_way():
    a, empty = disc((61, 61), (30, 30), 20), np.zeros((61, 61), bool)
    between = distances_at(a, empty, [0.125, 0.25, 0.375, 0.5, 0.75, 1.0])
    radii = np.sqrt((between > 0).sum(axis=(1, 2)) / np.pi)
    np.testing.assert_allclose(radii[:3], [15, 10, 5], atol=0.6)
    np.testing.assert_array_equal(radii[3:], 0)
    assert between[-1].max() < -15


def test_change_is_the_way_of_the_centroid_and_the_way_of_the_border():
    small, large = disc((60, 60), (25, 30), 10), disc((60, 60), (29, 33), 16)
    assert ShapeSpan(small, small).change() == 0
    assert ShapeSpan(small, np.roll(small, (3, 4), (0, 1))).change() == pytest.approx(5, abs=0.01)
    assert ShapeSpan(small, large).change() == pytest.approx(5 + 6, abs=0.6)
    assert ShapeSpan(small, np.zeros_like(small)).change() == 0


def test_interpolated_shapes_equal_the_distances_on_the_whole_grid():
    """The box that each span is made in cuts nothing off, though the shape leaves that of its references."""
    shape, spacing_mm = (90, 120), (0.7, 1.3)
    masks = {index: disc(shape, (45, 60), radius) for index, radius in ((0, 6), (10, 25), (20, 25), (30, 6))}
    masks |= {42: disc(shape, (45, 80), 9), 43: disc(shape, (45, 80), 9) & ~disc(shape, (45, 80), 3)}
    masks |= {48: np.zeros(shape, bool), 50: np.zeros(shape, bool), 53: disc(shape, (0, 119), 12)}
    found, areas = dict(interpolate_shapes(masks, spacing_mm)), AreaCurve.of_masks(masks).at(range(54))
    assert list(found) == list(range(54))
    assert all(mask.dtype == bool for mask in found.values())
    for index, mask in masks.items():
        np.testing.assert_array_equal(found[index], mask)
    assert found[15].sum() > 1.1 * masks[10].sum()
    for start, stop, others in ((0, 10, (None, 20)), (10, 20, (0, 30)), (20, 30, (10, 42)), (30, 42, (20, 43))):
        away = zip(others, (start, stop), strict=True)
        beyond = Beyond(*(None if index is None else Further(abs(index - end), masks[index]) for index, end in away))
        span = ShapeSpan(masks[start], masks[stop], spacing_mm, gap=stop - start, beyond=beyond)
        for index in range(start + 1, stop):
            expected = span.at((index - start) / (stop - start), areas[index]) > 0
            np.testing.assert_array_equal(found[index], expected)
    for start, stop in ((43, 48), (48, 50), (50, 53)):
        fractions = np.arange(stop - start + 1) / (stop - start)
        expected = distances_at(masks[start], masks[stop], fractions, spacing_mm) > 0
        np.testing.assert_array_equal([found[index] for index in range(start, stop + 1)], expected)


def ellipsoid(shape, half, spacing_mm):
    places = (step * (np.arange(size) - (size - 1) / 2) for size, step in zip(shape, spacing_mm, strict=True))
    z, y, x = np.meshgrid(*places, indexing="ij", sparse=True)
    return (z / half[0]) ** 2 + (y / half[1]) ** 2 + (x / half[2]) ** 2 <= 1


def cone(shape, length, radius, spacing_mm):
    z, y, x = (np.arange(size) * step for size, step in zip(shape, spacing_mm, strict=True))
    middle = y[:, None] - y.mean(), x - x.mean()
    return np.hypot(*middle) <= radius * (z / length)[:, None, None]


@pytest.mark.parametrize(
    ("truth", "spacing_mm"),
    [
        (ellipsoid((41, 61, 71), (22.0, 15.0, 24.0), (1.0, 0.6, 0.8)), (1.0, 0.6, 0.8)),
        (ellipsoid((31, 50, 50), (30.0, 11.0, 14.0), (2.0, 0.7, 0.7)), (2.0, 0.7, 0.7)),
        (cone((41, 81, 81), 40.0, 30.0, (1.0, 0.8, 0.8)), (1.0, 0.8, 0.8)),
    ],
)
def test_three_references_give_the_volume_of_an_ellipsoid_and_of_a_cone(truth, spacing_mm):
    held = np.flatnonzero(truth.any(axis=(1, 2)))
    for first in (held[0], held[0] + 3):
        references = (first, (first + held[-1]) // 2, held[-1])
        found = dict(interpolate_shapes({index: truth[index] for index in references}, spacing_mm[1:]))
        volume = truth[first : held[-1] + 1].sum()
        assert volume > 5000
        assert sum(mask.sum() for mask in found.values()) == pytest.approx(volume, rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 9)), min_size=2, max_size=5), spacings)
@example([(14, 1), (0, 1), (0, 3)], (1.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_between_two_that_hold_it_a_structure_is_never_gone_nor_far_larger(drawn, spacing_mm):
    places = np.cumsum([gap for _, gap in drawn]).tolist()
    masks = {place: random_mask(seed) for place, (seed, _) in zip(places, drawn, strict=True)}
    for start, stop in pairwise(places):
        less, more = sorted((masks[start].sum(), masks[stop].sum()))
        for _, distance in distances_between(masks, start, stop, spacing_mm) if less else ():
            inside = distance[distance > 0]
            assert inside.size
            # pixels as far from the border as the outermost one that is asked for stay together with it
            assert (inside > inside.min()).sum() <= round(more * SETTINGS.room)


def test_a_muscle_that_becomes_a_tendon_is_not_gone_on_the_way():
    masks = {index: disc((96, 96), (48, 48), radius) for index, radius in ((0, 12), (5, 4), (35, 4))}
    areas = np.array([mask.sum() for mask in dict(interpolate_shapes(masks)).values()])
    assert areas.min() > masks[5].sum() / 1.7


def test_interpolated_shapes_are_copies_and_need_no_order():
    masks = {5: disc((9, 9), (4, 4), 3), 2: disc((9, 9), (4, 4), 2)}
    before = masks[2].copy()
    indices = []
    for index, mask in interpolate_shapes(masks):
        indices.append(index)
        mask[:] = True
    assert indices == [2, 3, 4, 5]
    np.testing.assert_array_equal(masks[2], before)
    assert list(interpolate_shapes({})) == []


def test_references_on_different_grids_are_refused():
    with pytest.raises(InputError, match="same rows and columns"):
        ShapeSpan(np.ones((3, 3), bool), np.ones((3, 4), bool))
