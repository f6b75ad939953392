"""Lassos: on which slice they lie, what they make of a mask, which muscle they are of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError
from ifss_keras.server.lasso import Lasso, annotated_axis, combined, most_alike

SHAPE = (5, 7, 11)


@given(axis=st.integers(0, 2), data=st.data())
def test_a_lasso_is_found_on_its_slice_from_a_box_or_the_whole_image(axis, data):
    sides = []
    for number, size in enumerate(SHAPE):
        if number == axis:
            first = data.draw(st.integers(0, size - 1))
            sides.append((first, first + 1))
        else:
            first = data.draw(st.integers(0, size - 2))
            sides.append((first, data.draw(st.integers(first + 2, size))))
    whole = np.zeros(SHAPE, np.uint8)
    box = tuple(slice(*side) for side in sides)
    whole[box] = 3
    expected = np.take(whole, sides[axis][0], axis) > 0
    for found in (Lasso.of(whole[box], sides, SHAPE, None), Lasso.of(whole, None, SHAPE, axis)):
        assert (found.axis, found.index) == (axis, sides[axis][0])
        np.testing.assert_array_equal(found.mask, expected)


def test_margins_of_a_box_do_not_count():
    drawn = np.zeros((3, 4, 4), np.uint8)
    drawn[1, 1:3, 1:4] = 1
    found = Lasso.of(drawn, [(2, 5), (3, 7), (0, 4)], SHAPE, None)
    assert (found.axis, found.index) == (0, 3)
    np.testing.assert_array_equal(np.argwhere(found.mask), [[4, 1], [4, 2], [4, 3], [5, 1], [5, 2], [5, 3]])


def test_a_line_lies_across_the_axis_that_is_known():
    line = np.ones((1, 1, 4), np.uint8)
    with pytest.raises(InputError, match="line one voxel thick"):
        Lasso.of(line, [(1, 2), (3, 4), (2, 6)], SHAPE, None)
    assert Lasso.of(line, [(1, 2), (3, 4), (2, 6)], SHAPE, 1).index == 3
    with pytest.raises(InputError, match="4 slices along the third axis"):
        Lasso.of(line, [(1, 2), (3, 4), (2, 6)], SHAPE, 2)


MASK = np.array([[1, 1, 1, 1, 0, 0]], bool)


@pytest.mark.parametrize(
    ("before", "lasso", "adds", "annotated", "after"),
    [
        ([1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0], True, False, [1, 1, 1, 1, 1, 0]),
        ([1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 0], True, False, [1, 1, 1, 1, 1, 0]),  # half of it: more is added
        ([1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0], True, False, [0, 1, 1, 1, 1, 0]),  # most of it: drawn again
        ([1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0], True, True, [1, 1, 1, 1, 1, 0]),
        ([0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], True, False, [0, 1, 1, 0, 0, 0]),
        ([1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0], False, False, [1, 0, 0, 0, 0, 0]),
        ([1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], False, True, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_what_a_lasso_makes_of_a_mask(before, lasso, adds, annotated, after):
    held = np.array([before], bool)
    found = combined(held, np.array([lasso], bool), adds=adds, annotated=annotated)
    np.testing.assert_array_equal(found, np.array([after], bool))
    np.testing.assert_array_equal(held, np.array([before], bool))


def test_a_mask_is_of_the_muscle_that_it_overlaps_most():
    labels = np.array([[2, 2, 2, 7, 7, 0]], np.uint8)
    assert most_alike(labels == 2, labels) == 2
    assert most_alike(np.array([[0, 1, 1, 1, 0, 0]], bool), labels) == 2  # Dice 2 * 2 / 6
    assert most_alike(np.array([[0, 0, 1, 0, 0, 1]], bool), labels) is None  # 2 * 1 / 5
    assert most_alike(np.array([[0, 0, 0, 0, 0, 1]], bool), labels) is None
    assert most_alike(np.stack([labels == 7] * 3), np.stack([labels] * 3)) == 7


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_annotated_across_the_axis_that_is_sparse(axis):
    label = np.zeros((9, 9, 9), bool)
    planes = np.moveaxis(label, axis, 0)
    planes[2, 2:7, 3:8] = planes[6, 2:7, 3:8] = True
    assert annotated_axis(label) == axis
    planes[6] = False
    assert annotated_axis(label) == axis
    planes[2:7, 2:7, 3:8] = True
    assert annotated_axis(label) == 0
