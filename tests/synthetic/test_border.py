"""Moved borders: areas of discs in closed form, nothing taken from a neighbour, a hand that wavers about the truth."""

import numpy as np
import pytest

from ifss_keras.synthetic import calf, draw_borders, move_borders

SPACING_MM = (1.0, 0.5, 0.5)


def disc(radius_mm, centre_mm=(30.1, 29.8), size=120, slices=1):
    rows, columns = np.mgrid[:size, :size] * 0.5
    plane = (rows - centre_mm[0]) ** 2 + (columns - centre_mm[1]) ** 2 < radius_mm**2
    return np.repeat(plane[None].astype(np.uint8), slices, axis=0)


@pytest.mark.parametrize("offset_mm", [-1.5, -0.8, -0.3, 0.0, 0.3, 0.8, 1.5])
@pytest.mark.parametrize("radius_mm", [10.0, 20.0])
def test_the_area_of_a_moved_disc(radius_mm, offset_mm):
    moved = move_borders(disc(radius_mm), SPACING_MM, {1: offset_mm})
    assert 0.25 * moved.sum() == pytest.approx(np.pi * (radius_mm + offset_mm) ** 2, rel=0.04)
    assert moved.dtype == np.uint8


def test_pixels_need_not_be_square():
    rows, columns = np.mgrid[:60, :200] * np.array([1.0, 0.3])[:, None, None]
    plane = ((rows - 30) ** 2 + (columns - 30) ** 2 < 15**2).astype(np.uint8)
    moved = move_borders(plane[None], (1.0, 1.0, 0.3), {1: 2.0})[0]
    assert 0.3 * moved.sum() == pytest.approx(np.pi * 17**2, rel=0.03)
    half = [np.flatnonzero(moved.any(axis=axis))[[0, -1]] for axis in (0, 1)]
    assert (half[0][1] - half[0][0]) * 0.3 == pytest.approx(34, abs=1)
    assert (half[1][1] - half[1][0]) * 1.0 == pytest.approx(34, abs=2)


def test_labels_that_grow_share_the_background_between_them_and_take_nothing_else():
    labels = np.zeros((1, 40, 60), np.uint8)
    labels[0, 10:30, 10:25] = 7
    labels[0, 10:30, 30:50] = 9
    labels[0, 2:9, 10:25] = 200
    grown = move_borders(labels, SPACING_MM, {9: 4.0, 7: 4.0})
    assert (grown[labels > 0] == labels[labels > 0]).all()
    assert grown[0, 20, 25:30].tolist() in ([7, 7, 7, 9, 9], [7, 7, 9, 9, 9])  # each gets the nearer half
    assert (grown[0, 9, 12:23] == 7).all()
    unnamed = move_borders(labels, SPACING_MM, {7: 4.0})
    np.testing.assert_array_equal(unnamed == 9, labels == 9)


def test_a_label_that_shrinks_leaves_background_and_may_vanish():
    labels = disc(8.0)
    shrunk = move_borders(labels, SPACING_MM, {1: -3.0})
    assert (labels[shrunk > 0] == 1).all()
    assert not move_borders(disc(1.2), SPACING_MM, {1: -1.5}).any()
    np.testing.assert_array_equal(move_borders(labels, SPACING_MM, {1: 0.0}), labels)
    np.testing.assert_array_equal(move_borders(labels, SPACING_MM, {2: 1.0}), labels)


def test_the_borders_of_a_calf_stay_exclusive_and_near():
    made = calf(4, slices=12, size=96)
    moved = move_borders(made.labels, made.spacing_mm, draw_borders(4, made.names), 0.3, 1)
    assert set(np.unique(moved)) <= {0, *made.names}
    taken = (made.labels > 0) & (moved > 0) & (moved != made.labels)
    assert not taken.any()


def test_wobble_differs_from_slice_to_slice_and_leaves_the_area():
    labels = disc(15.0, slices=120)
    drawn = move_borders(labels, SPACING_MM, {1: 0.0}, 0.4, 5)
    areas = drawn.sum(axis=(1, 2)) / labels[0].sum()
    assert abs(areas.mean() - 1) < 0.005
    assert 0.003 < areas.std() < 0.06
    assert len({plane.tobytes() for plane in drawn}) == 120
    changed = (drawn != labels).mean(axis=(1, 2)) / labels[0].mean()
    assert changed.min() > 0.002
    # Neighbours are no more alike than any two: what moved outside in a slice says nothing about the next.
    moves = drawn.astype(float) - labels
    moves = moves.reshape(120, -1) - moves.mean(axis=0).ravel()
    alike = np.einsum("ij,ij->i", moves[1:], moves[:-1]) / np.einsum("ij,ij->i", moves, moves)[1:]
    assert abs(alike.mean()) < 0.1
    np.testing.assert_array_equal(drawn, move_borders(labels, SPACING_MM, {1: 0.0}, 0.4, 5))
    assert (drawn != move_borders(labels, SPACING_MM, {1: 0.0}, 0.4, 6)).any()


def test_a_wobble_is_smooth_along_the_outline():
    labels = disc(15.0, slices=30)
    drawn = move_borders(labels, SPACING_MM, {1: 0.0}, 0.6, 2)
    outline = np.diff(np.pad(drawn, 1)[1:-1].astype(int), axis=2)
    before = np.diff(np.pad(labels, 1)[1:-1].astype(int), axis=2)
    # As many crossings per row as a convex shape has: no pixel stands alone.
    assert np.abs(outline).sum() < 1.05 * np.abs(before).sum()


def test_borders_are_drawn_evenly_within_a_millimetre_and_a_half():
    drawn = np.array([list(draw_borders(seed, (1, 2)).values()) for seed in range(500)])
    assert np.abs(drawn).max() <= 1.5
    assert drawn.std() == pytest.approx(3 / np.sqrt(12), abs=0.05)
    assert abs(drawn.mean()) < 0.1
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.15
    assert draw_borders(8, (1, 2)) == draw_borders(8, (1, 2))
