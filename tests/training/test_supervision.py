"""Schedules of annotated slices: exact numbers, fixed for ever, and what a training then sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.parts import Supervision
from ifss_keras.training.supervision import annotated_slices, decremental_steps, seen, supervised

PAPER = [233, 116, 58, 56, 53, 51, 50, 48, 46, 45, 43, 42, 41, 40, 38, 37, 36, 35, 35, 34, 33, 32, 31, 31, 30]
PAPER += [29, 29, 28, 28]


def volume(slices=60, held=((3, 10, 50), (5, 20, 40))):
    labels = np.zeros((slices, 12, 14), np.uint8)
    for code, first, last in held:
        labels[first:last, 2:6, code : code + 4] = code
    return TrainingVolume.from_arrays(20 * labels, labels, (1.0, 0.5, 0.5))


def test_the_decremental_schedule_is_the_papers_to_the_slice():
    counts = [int(annotated_slices(Supervision(kind="decremental"), 1400, place, 29).sum()) for place in range(29)]
    assert counts == PAPER
    assert sum(counts) == 1408


@given(st.integers(1, 60), st.integers(1, 2000), st.data())
def test_for_any_number_of_volumes_it_takes_one_slice_in_every_step(count, slices, data):
    steps = decremental_steps(count)
    assert len(steps) == count
    assert steps == sorted(steps)
    assert set(steps) <= {6, 12, *range(24, 51)}
    place = data.draw(st.integers(0, count - 1))
    chosen = np.flatnonzero(annotated_slices(Supervision(kind="decremental"), slices, place, count))
    assert len(chosen) == max(slices // steps[place], 1)
    assert (np.diff(chosen) == steps[place]).all()


@pytest.mark.parametrize(("every", "count"), [(100, 42), (200, 21), (300, 15)])
def test_three_slices_every_so_many(every, count):
    chosen = np.flatnonzero(annotated_slices(Supervision(kind="every", every=every), 1400, 0, 29))
    assert len(chosen) == count
    runs = chosen.reshape(-1, 3)
    assert (np.diff(runs) == 1).all()
    assert np.abs(np.diff(runs[:, 0]) - 1400 / len(runs)).max() <= 1


@pytest.mark.parametrize("share", [1.0, 0.9, 0.7, 0.5, 0.3])
def test_a_share_of_the_slices_is_spread_evenly(share):
    chosen = np.flatnonzero(annotated_slices(Supervision(kind="share", share=share), 140, 3, 29))
    assert len(chosen) == round(140 * share)
    assert np.diff(chosen).max() - np.diff(chosen).min() <= 1


def test_full_supervision_changes_nothing():
    held = volume()
    (same,) = supervised([held], Supervision())
    assert same is held
    assert str(seen([same])) == "60 of 60 slices annotated (100.0 %)"


def test_labels_are_known_on_the_slices_of_the_schedule_alone():
    held = [volume(), volume(50)]
    made = supervised(held, Supervision(kind="decremental"))
    for place, one in enumerate(made):
        chosen = annotated_slices(Supervision(kind="decremental"), len(one.image), place, 2)
        for code, first, last in ((3, 10, 50), (5, 20, 40)):
            np.testing.assert_array_equal(one.known(code), chosen)
            there = np.zeros(len(chosen), bool)
            there[first:last] = True
            np.testing.assert_array_equal(one.held(code), chosen & there)
            within = np.flatnonzero(chosen & there)
            assert one.extents[code] == (within[0], within[-1])
    assert (seen(made).annotated, seen(made).slices) == (10 + 4, 110)
    assert str(seen(made)) == "14 of 110 slices annotated (12.7 %)"
    again = supervised(held, Supervision(kind="decremental"))
    assert all(np.array_equal(one.known(3), other.known(3)) for one, other in zip(made, again, strict=True))


def test_a_schedule_for_one_label_leaves_the_others_known():
    (made,) = supervised([volume()], Supervision(kind="share", share=0.5), codes=[3])
    assert made.known(3).sum() == 30
    assert made.known(5).all()
    assert made.extents[5] == (20, 39)
    assert seen([made], [3]).annotated == 30


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, [*range(20, 40)]),
        ({"complete": True}, [*range(10, 50)]),
        ({"ends_annotated": True}, [*range(60)]),
    ],
)
def test_what_the_files_hold(settings, known):
    (made,) = supervised([volume()], Supervision(kind="files", **settings))
    assert np.flatnonzero(made.known(5)).tolist() == known
    assert made.extents[5] == (20, 39)


def test_a_label_that_no_annotated_slice_holds_is_left_out():
    (made,) = supervised([volume(held=((3, 10, 50), (5, 31, 39)))], Supervision(kind="every", every=30, run=1))
    assert np.flatnonzero(made.known(5)).tolist() == [14, 44]
    assert made.codes == (3,)
