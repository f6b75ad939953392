"""Which slices are suggested, and what is gained, against the sum over all slices by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifss_keras.inference.suggest import suggest
from ifss_keras.propagation.wrong import SETTINGS, by_outline
from tests.inference.predictions import label_summary

SLICE_MM = 2.5


def summary_of(wrong_mm2, references, **more):
    wrong = np.array(wrong_mm2, float)
    wrong[list(references)] = 0
    return label_summary(
        areas_mm2=np.full(len(wrong), 9.0), reference_slices=tuple(references), wrong_areas_mm2=wrong, **more
    )


def predicted(*summaries):
    return SimpleNamespace(summaries=summaries)


def remoteness(index, references):
    before = [index - known for known in references if known <= index]
    after = [known - index for known in references if known >= index]
    if 0 in before:
        return 0.0
    return 1 / sum(1 / min(side) for side in (before, after) if side)


def left_ml(wrong_mm2, references, more):
    """What is expected to be wrong once `more` are annotated too, by a loop over slices."""
    total = 0.0
    for index, wrong in enumerate(wrong_mm2):
        if index not in references:
            now, then = remoteness(index, references), remoteness(index, [*references, *more])
            total += wrong * (then / now) ** SETTINGS.fall
    return total * SLICE_MM / 1000


WRONG = [3, 0, 2, 5, 7, 1, 0.5, 9, 4, 4, 6, 2, 8.0]


@pytest.mark.parametrize("references", [(5,), (2, 9), (0, 4, 5, 12)])
def test_the_gain_is_what_is_less_wrong_with_each_slice_in_turn(references):
    found = suggest(predicted(summary_of(WRONG, references)), 3)
    taken, wrong = [], left_ml(WRONG, references, [])
    for suggestion in found:
        others = {
            k: left_ml(WRONG, references, [*taken, k]) for k in range(len(WRONG)) if k not in (*references, *taken)
        }
        assert others[suggestion.slice] == pytest.approx(min(others.values()))
        assert suggestion.gain == pytest.approx(wrong - others[suggestion.slice])
        taken, wrong = [*taken, suggestion.slice], others[suggestion.slice]
    assert len(found) == 3


def test_the_best_of_all_labels_come_first():
    first, second = summary_of(WRONG, (2, 9), code=1), summary_of(np.multiply(WRONG, 1.5), (2, 9), code=2)
    found = suggest(predicted(first, second), 5)
    assert [held.gain for held in found] == sorted((held.gain for held in found), reverse=True)
    by_label = [[held for held in found if held.code == code] for code in (1, 2)]
    assert [held.slice for held in by_label[0]] == [held.slice for held in by_label[1]][: len(by_label[0])]
    for low, high in zip(*by_label, strict=False):
        assert high.gain == pytest.approx(1.5 * low.gain)
    assert len(by_label[0]) > 0


def test_of_a_method_that_does_not_say_it_is_by_outline():
    areas = np.array([0, 4, 9, 16, 25, 16, 9, 4, 0.0])
    silent = label_summary(areas_mm2=areas, reference_slices=(1, 7))
    remote = SLICE_MM * np.array([remoteness(index, (1, 7)) for index in range(9)])
    told = label_summary(areas_mm2=areas, reference_slices=(1, 7), wrong_areas_mm2=by_outline(areas, remote))
    assert suggest(predicted(silent)) == suggest(predicted(told))
    assert suggest(predicted(silent))[0].slice == 4


def test_where_nothing_can_be_gained_nothing_is_suggested():
    assert suggest(predicted(summary_of([0, 3, 0], (1,)))) == []
    assert suggest(predicted(summary_of([3, 3, 3], (0, 1, 2)))) == []
    assert suggest(predicted(summary_of([3, 3, 3], ()))) == []  # a method without references


@given(st.permutations(range(len(WRONG))), st.sets(st.integers(0, len(WRONG) - 1), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_frames_of_a_sweep_are_told_apart_by_where_they_lie(order, references):
    """Shuffled frames get the suggestions of the slices that they are."""
    order, references = np.array(order), sorted(references)
    straight = suggest(predicted(summary_of(WRONG, references)), 5)
    places = np.empty(len(order))
    places[order] = np.arange(len(order)) * SLICE_MM  # slice k is frame order[k]
    wrong = np.empty(len(order))
    wrong[order] = WRONG
    frames = summary_of(wrong, order[references].tolist(), positions_mm=places, slabs_mm=np.full(len(order), SLICE_MM))
    found = suggest(predicted(frames), 5)
    assert [held.gain for held in found] == pytest.approx([held.gain for held in straight])
