"""Which slices a clip holds, and which of the volume's are its references."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.draws import clip_length, draw_between, draw_one_sided
from ifss_keras.training.examples.settings import ClipSettings

SETTINGS = ClipSettings(windows=4, gap=(4, 20))
WINDOW = PropagationSettings().window

extents = st.tuples(st.integers(40, 90), st.integers(0, 30), st.integers(7, 60)).map(
    lambda drawn: (drawn[0], (drawn[1], min(drawn[1] + drawn[2], drawn[0] - 1)))
)


@given(st.integers(0, 2**32), extents, st.integers(0, 24))
def test_both_ends_lie_on_the_muscle_and_the_clip_in_the_volume(seed, volume, rollout):
    slices, extent = volume
    draw = draw_between(np.random.default_rng(seed), extent, slices, SETTINGS, WINDOW, rollout)
    a, b = draw.references
    assert extent[0] <= a < b <= extent[1]
    assert draw.first >= 0
    assert draw.first + clip_length(SETTINGS, WINDOW, rollout) <= slices
    assert draw.first <= b
    assert all(extent[0] <= index <= extent[1] and not a <= index <= b for index in draw.further)
    if draw.further:
        assert {extent[0], extent[1]} <= {a, b, *draw.further}
        before, after = ([index for index in draw.further if (index > b) == later] for later in (False, True))
        for steps in (np.diff([*before, a])[1:], np.diff([b, *after])[:-1]):
            assert (steps >= 0.7 * (b - a) - 1).all()
            assert (steps <= 1.3 * (b - a) + 1).all()
    assert draw.first + clip_length(SETTINGS, WINDOW, rollout) > a
    assert b - a <= SETTINGS.gap[1]
    assert b - a >= min(SETTINGS.gap[0], extent[1] - extent[0])


@given(st.integers(0, 2**32), extents, st.integers(0, 24))
def test_one_sided_references_are_consecutive_on_the_muscle_and_the_clip_in_the_volume(seed, volume, rollout):
    slices, extent = volume
    draw = draw_one_sided(np.random.default_rng(seed), extent, slices, SETTINGS, WINDOW, rollout)
    count = len(draw.references)
    assert 1 <= count <= WINDOW
    assert draw.references == tuple(range(draw.references[0], draw.references[0] + count))
    assert extent[0] <= draw.references[0]
    assert draw.references[-1] <= extent[1]
    assert draw.first >= 0
    assert draw.first + clip_length(SETTINGS, WINDOW, rollout) <= slices
    assert draw.first >= min(draw.references[0], slices - clip_length(SETTINGS, WINDOW, rollout))


def test_gaps_are_log_uniform():
    settings, rng = ClipSettings(windows=5, gap=(4, 80)), np.random.default_rng(0)
    gaps = [np.diff(draw_between(rng, (5, 190), 200, settings, WINDOW, 0).references)[0] for _ in range(3000)]
    lengths = np.arange(4, 81)
    expected = np.log((lengths + 1) / 4) / np.log(80.999 / 4)
    observed = (np.array(gaps)[:, None] <= lengths).mean(axis=0)
    assert observed[-1] == 1
    assert min(gaps) == 4
    assert np.abs(observed - expected).max() < 0.035


def test_a_rolled_out_clip_fits_in_its_gap_where_there_is_room():
    rng = np.random.default_rng(0)
    for _ in range(200):
        draw = draw_between(rng, (5, 190), 200, SETTINGS, WINDOW, 10)
        a, b = draw.references
        assert b - a >= clip_length(SETTINGS, WINDOW, 10) - 1
        assert a <= draw.first
        assert draw.first + clip_length(SETTINGS, WINDOW, 10) - 1 <= b


def test_a_quarter_of_the_one_sided_clips_run_over_the_end_and_a_quarter_go_inwards_from_an_end():
    rng, end, settings = np.random.default_rng(0), 190, dataclasses.replace(SETTINGS, gap=(4, 80))
    length = clip_length(settings, WINDOW, 0)
    draws = [draw_one_sided(rng, (90, end), 300, settings, WINDOW, 0) for _ in range(4000)]
    firsts, references = np.array([(draw.first, draw.references[0]) for draw in draws]).T
    assert firsts.max() == end + 2
    # over the end: as many clips at each of its `length` slices and two more; of the others none begins beyond it
    assert np.mean(firsts > end) == pytest.approx(0.25 * 2 / (length + 2), abs=0.01)
    # inwards: from the muscle's first tenth, beginning within a tenth of the longest gap; of the half that lies
    # anywhere a tenth has its reference there, and an eighth of those begins that soon
    inwards = (references <= 100) & (firsts - references < 10)
    assert np.mean(inwards) == pytest.approx(0.25 + 0.5 * 0.11 * 0.125, abs=0.025)
