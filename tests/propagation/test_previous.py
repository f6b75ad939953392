"""Which slices of a label are copied from an earlier mask."""

import numpy as np
import pytest

from ifss_keras.propagation.previous import copied_from, runs

SLICES = 13


@pytest.fixture
def previous():
    """(slice, row, column), label 7 on slices 2 to 10, another place in each; label 3 below it."""
    labels = np.zeros((SLICES, 3, 13), np.uint8)
    for index in range(2, 11):
        labels[index, 1, index] = 7
    labels[4, 2] = 3
    return labels


def references(previous, same, changed=()):
    held = {index: previous[index] == 7 for index in same}
    return held | {index: ~(previous[index] == 7) for index in changed}


@pytest.mark.parametrize(
    ("same", "changed", "expected"),
    [
        ((2, 5, 9), (), {0, 1, 3, 4, 6, 7, 8, 10, 11, 12}),
        ((2, 9), (5,), {0, 1, 10, 11, 12}),
        ((5, 9), (2,), {6, 7, 8, 10, 11, 12}),
        ((2, 5), (9,), {0, 1, 3, 4}),
        ((2, 5, 6, 9), (7,), {0, 1, 3, 4, 10, 11, 12}),
        ((0, 5), (12,), {1, 2, 3, 4}),  # absent on slice 0, before and now
        ((), (5,), set()),
    ],
)
def test_what_lies_between_unchanged_references_is_copied(previous, same, changed, expected):
    copied = copied_from(previous, 7, references(previous, same, changed))
    assert set(copied.masks) == expected
    assert set(copied.anew) == set(range(SLICES)) - expected - {*same, *changed}
    for index, mask in copied.masks.items():
        np.testing.assert_array_equal(mask, previous[index] == 7)


def test_nothing_is_copied_beyond_ends_that_are_said_to_be_annotated(previous):
    copied = copied_from(previous, 7, references(previous, (2, 10)), ends_annotated=True)
    assert (set(copied.masks), copied.before, copied.after) == (set(range(3, 10)), False, False)
    assert copied.anew == []


def test_runs_go_on_across_references_alone():
    assert runs([8, 0, 1, 3, 4, 6], [2, 5, 9]) == ((0, 6), (8, 8))
    assert runs([], [2]) == ()


def test_each_side_is_told_by_itself(previous):
    given = references(previous, (2, 5), (9,))
    copied = copied_from(previous, 7, given)
    assert copied.covers(1, given)
    assert not copied.covers(10, given)
    assert set(copied.between(given)) == {3, 4}
