"""Clips of volumes where only some slices are annotated: nothing else is ever shown or asked for."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.training.examples import clips
from ifss_keras.training.examples.draws import clip_length, draw_known_between, draw_known_one_sided
from ifss_keras.training.parts import Supervision
from ifss_keras.training.supervision import supervised
from tests.training.examples.clip_cases import PROPAGATION, SETTINGS, clip_of

WINDOW = PROPAGATION.window
GAPPED = dataclasses.replace(SETTINGS, border_mm=0.5, recent=0.5, redrawn=0.5)


@pytest.fixture(scope="module")
def sparse(moving_discs):
    """Every fourth slice annotated."""
    (held,) = supervised([moving_discs], Supervision(kind="share", share=0.25))
    return held


@pytest.fixture
def draws(monkeypatch):
    seen, original = [], clips._draw
    monkeypatch.setattr(clips, "_draw", lambda *given: seen.append(original(*given)) or seen[-1])
    return seen


annotated = st.lists(st.integers(0, 79), min_size=2, max_size=20, unique=True).map(lambda held: np.array(sorted(held)))


@given(st.integers(0, 2**32), annotated, st.integers(0, 24))
def test_references_are_annotated_slices_and_the_clip_lies_in_the_volume(seed, held, rollout):
    rng = np.random.default_rng(seed)
    between = draw_known_between(rng, held, 80, SETTINGS, WINDOW, rollout)
    one_sided = draw_known_one_sided(rng, held[:-1], held[-1:], 80, SETTINGS, WINDOW, rollout)
    for draw in (between, one_sided):
        assert set(draw.references) | set(draw.further) <= set(held.tolist())
        assert 0 <= draw.first <= 80 - clip_length(SETTINGS, WINDOW, rollout)
    a, b = between.references
    assert a < b
    assert all(index < a or index > b for index in between.further)
    run = one_sided.references
    assert run == tuple(range(run[0], run[0] + len(run)))
    assert len(run) <= WINDOW
    assert run[-1] < held[-1]


@given(st.integers(0, 2**32), annotated.filter(lambda held: len(held) > 3))
def test_without_a_roll_out_a_third_annotated_slice_is_among_the_trained_ones(seed, held):
    rng = np.random.default_rng(seed)
    length = clip_length(SETTINGS, WINDOW, 0)
    for draw in (
        draw_known_between(rng, held, 80, SETTINGS, WINDOW, 0),
        draw_known_one_sided(rng, held, held[:0], 80, SETTINGS, WINDOW, 0),
    ):
        targets = [i for i in held if draw.first <= i < draw.first + length and i not in draw.references]
        assert targets


def test_only_annotated_slices_are_targets(sparse, draws):
    counted = 0
    for seed in range(80):
        clip = clip_of(sparse, seed, rollout=seed % 3, settings=GAPPED)
        draw = draws[-1]
        indices = draw.first + np.arange(len(clip.weight))
        known = sparse.known(3)  # the same for both labels
        either = known[indices], known[::-1][indices]
        targets = [side.copy() for side in either]
        for side in targets:
            side[[i for i in range(len(indices)) if indices[i] in draw.references]] = False
        assert any(np.array_equal(clip.weight > 0, side) for side in targets)
        counted += int(clip.weight.sum())
        assert set(np.unique(clip.weight)) <= {0.0, 1.0}
    assert counted > 60


def test_what_is_not_annotated_never_reaches_a_clip(sparse):
    """Another truth on the other slices gives the same clips to the last bit."""
    labels = sparse.labels.copy()
    unknown = ~sparse.known(3)
    labels[unknown] = np.random.default_rng(0).choice([0, 3, 5], labels[unknown].shape)
    other = dataclasses.replace(sparse, labels=labels)
    for seed in range(60):
        one, another = (clip_of(volume, seed, rollout=seed % 4, settings=GAPPED) for volume in (sparse, other))
        for part, changed in zip([*one.evidence, *one[1:5], *one.exemplars],
                                 [*another.evidence, *another[1:5], *another.exemplars], strict=True):  # fmt: skip
            np.testing.assert_array_equal(part, changed)


def test_where_nothing_is_annotated_a_label_is_what_its_neighbours_let_expect(sparse):
    code, known = 3, sparse.known(3)
    label = clips.DrawnLabel(
        np.random.default_rng(0), sparse.labels, code, known, sparse.extents[code], sparse.spacing_mm[1:], 0.0
    )
    low, high = sparse.extents[code]
    overlap = []
    for index in range(low, high + 1):
        mask, truth = label.at(index), sparse.labels[index] == code
        if known[index]:
            np.testing.assert_array_equal(mask, truth)
        else:
            overlap.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert np.mean(overlap) > 0.85
    np.testing.assert_array_equal(label.at(low - 1), sparse.labels[low] == code)  # beyond: as if carried


def test_one_annotated_slice_alone_gives_clips_on_one_side(moving_discs):
    (alone,) = supervised([moving_discs], Supervision(kind="every", every=48, run=1))
    assert [int(alone.held(code).sum()) for code in alone.codes] == [1] * len(alone.codes)
    for seed in range(30):
        clip = clip_of(alone, seed, settings=dataclasses.replace(SETTINGS, both_ends=1))
        assert clip.evidence.is_reference.sum() <= 1
        assert not clip.evidence.has_anchor.any()
