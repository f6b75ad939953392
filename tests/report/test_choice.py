"""Which slices are shown."""

import numpy as np
import pytest

from ifss_keras.report.choice import ANNOTATED_TILES, TILES, chosen_slices


def test_without_annotated_slices_they_are_spread_evenly():
    assert chosen_slices(4, 9, ()) == [4, 5, 6, 7, 8, 9]
    assert chosen_slices(5, 5, ()) == [5]
    assert chosen_slices(10, 120, ()) == list(range(10, 121, 10))


def test_where_all_are_annotated_they_are_spread_evenly():
    assert chosen_slices(10, 120, range(200)) == list(range(10, 121, 10))


def test_half_way_between_annotated_slices():
    assert {10, 30, 50, 70, 90} < set(chosen_slices(0, 100, (0, 20, 40, 60, 80, 100)))
    nine = chosen_slices(0, 100, range(0, 101, 10))
    assert len(set(nine) & set(range(5, 100, 10))) == 9
    assert set(nine) - set(range(5, 100, 10)) == {0, 50, 100}


def test_of_slices_that_lie_close_together_a_few_are_enough():
    assert chosen_slices(0, 24, (0, 5, 10, 15, 20, 24)) == [0, 2, 7, 10, 12, 17, 22, 24]


def test_the_least_sure_slices_come_first_and_apart_from_each_other():
    chosen = chosen_slices(0, 100, (0, 50, 100), [12, 13, 80, 50, 30, 3])
    assert {12, 80, 30} <= set(chosen)
    assert not {13} & set(chosen)


def test_a_mask_beyond_the_annotated_slices_is_shown_at_its_end():
    assert 99 in chosen_slices(0, 99, (0, 20, 40, 60))


@pytest.mark.parametrize("seed", range(20))
def test_few_are_annotated_and_none_is_shown_twice(seed):
    rng = np.random.default_rng(seed)
    first, last = 7, 7 + int(rng.integers(3, 300))
    annotated = set(rng.choice(np.arange(last + 20), rng.integers(1, last), replace=False).tolist())
    chosen = chosen_slices(first, last, annotated, rng.integers(0, last + 20, 5).tolist())
    assert chosen == sorted(set(chosen))
    assert first <= chosen[0] <= chosen[-1] <= last
    assert len(chosen) <= TILES
    if annotated & set(range(first, last + 1)) < set(range(first, last + 1)):
        assert len(annotated.intersection(chosen)) <= ANNOTATED_TILES
