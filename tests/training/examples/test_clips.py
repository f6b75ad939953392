"""Training clips: what is a reference, what is a target, and what a network may know."""

import dataclasses

import numpy as np
import pytest

from ifss_keras.propagation.evidence import gather_evidence
from ifss_keras.propagation.region import to_working
from ifss_keras.training.examples import clips
from ifss_keras.training.examples.draws import clip_length
from tests.training.examples.clip_cases import PROPAGATION, SETTINGS, beginning, clip_of

WINDOW = PROPAGATION.window


def test_two_thirds_have_both_ends(moving_discs, drawn):
    for seed in range(500):
        clip_of(moving_discs, seed)
    assert np.mean([both for both, _ in drawn]) == pytest.approx(2 / 3, abs=0.07)


def test_some_one_sided_clips_run_into_empty_slices_and_some_do_not(moving_discs):
    settings = dataclasses.replace(SETTINGS, both_ends=0)
    ends, nothing = [], 0
    for seed in range(120):
        clip = clip_of(moving_discs, seed, settings=settings)
        ends.append(clip.truth[-1].any())
        if not clip.truth.any():  # begins beyond the end, and must learn to stay empty
            nothing += 1
            assert clip.has_start.item() == 1
    assert 0.2 < np.mean(ends) < 0.9
    assert 0 < nothing < 30


@pytest.mark.parametrize("rollout", [0, 7])
def test_a_slice_is_a_reference_or_a_target_never_both(moving_discs, drawn, rollout):
    references = 0
    for seed in range(60):
        evidence, *_, weight, _ = clip_of(moving_discs, seed, rollout)
        _, draw = drawn[-1]
        held = [index - draw.first for index in draw.references if 0 <= index - draw.first < len(weight)]
        references += len(held)
        assert np.flatnonzero(evidence.is_reference).tolist() == held
        expected = np.ones(len(weight))
        expected[held] = 0
        np.testing.assert_array_equal(weight, expected)
        np.testing.assert_array_equal(evidence.annotation[weight == 1], 0)
        np.testing.assert_array_equal(evidence.has_anchor[weight == 0], 0)
        assert (evidence.annotation[held].any(axis=(1, 2, 3))).all()
    assert references > 40


def test_annotation_and_anchor_depend_on_the_references_alone(moving_discs, drawn):
    settings = dataclasses.replace(SETTINGS, both_ends=1, degraded=0)
    other_targets = 0
    for seed in range(30):
        clip = clip_of(moving_discs, seed, settings=settings)
        _, draw = drawn[-1]
        _, upside_down = beginning(moving_discs, seed)
        labels = np.random.default_rng(seed).choice(np.array([0, 3, 5], np.uint8), moving_discs.labels.shape)
        for index in (*draw.references, *draw.further):
            place = len(labels) - 1 - index if upside_down else index
            labels[place] = moving_discs.labels[place]
        other = clip_of(dataclasses.replace(moving_discs, labels=labels), seed, settings=settings)
        for one, another in zip(clip.evidence, other.evidence, strict=True):
            np.testing.assert_array_equal(one, another)
        np.testing.assert_array_equal(clip.start, other.start)
        np.testing.assert_array_equal(clip.weight, other.weight)
        other_targets += (clip.truth != other.truth)[clip.weight == 1].any()
    assert other_targets == 30


def test_one_sided_clips_have_no_anchor(moving_discs):
    settings = dataclasses.replace(SETTINGS, both_ends=0)
    for seed in range(20):
        evidence = clip_of(moving_discs, seed, settings=settings).evidence
        assert not evidence.has_anchor.any()
        assert not evidence.anchor.any()


def test_truth_and_image_are_the_volume_in_the_working_region(moving_discs, drawn, monkeypatch):
    regions, jitter = [], clips.jitter_region

    def recorded(*arguments):
        regions.append(jitter(*arguments))
        return regions[-1]

    monkeypatch.setattr(clips, "jitter_region", recorded)
    monkeypatch.setattr(clips, "flip", lambda rng, clip: clip)
    monkeypatch.setattr(clips, "augment_intensity", lambda rng, image: image)
    for seed in range(20):
        clip = clip_of(moving_discs, seed)
        (_, draw), region = drawn[-1], regions[-1]
        code, upside_down = beginning(moving_discs, seed)
        part = slice(draw.first, draw.first + clip_length(SETTINGS, WINDOW, 0))
        image, labels = (array[::-1] if upside_down else array for array in (moving_discs.image, moving_discs.labels))
        truth = to_working(labels[part] == code, region, (0.5, 0.6), 16)
        np.testing.assert_array_equal(clip.truth[..., 0], truth > 0.5)
        seen = to_working(moving_discs.intensity.apply(image[part]), region, (0.5, 0.6), 16)
        np.testing.assert_array_equal(clip.evidence.image[..., 0], seen)
        held = clip.weight == 0
        np.testing.assert_array_equal(clip.evidence.annotation[held, ..., 0], truth[held])


def test_half_of_the_clips_start_from_a_degraded_truth(moving_discs, drawn):
    settings = dataclasses.replace(SETTINGS, both_ends=1)
    begun = [clip_of(moving_discs, seed, settings=settings) for seed in range(200)]
    with_start = [clip for clip in begun if clip.has_start.item() == 1]
    assert 0.4 < len(with_start) / 200 < 0.65
    errors = []
    for clip in begun:
        shared, known = clip.evidence.annotation[:2], clip.evidence.is_reference[:2, 0, 0, 0] == 1
        if clip.has_start.item():
            np.testing.assert_array_equal(clip.start[known], shared[known])
            errors += [error.max() for error in np.abs(clip.start - clip.truth[:2])[~known]]
        else:
            np.testing.assert_array_equal(clip.start, 0)
    assert len(errors) > 100
    assert min(errors) > 0.02  # never the truth itself


def test_a_clip_that_knows_nothing_of_its_first_slice_always_has_a_start(moving_discs):
    settings = dataclasses.replace(SETTINGS, both_ends=0, degraded=0)
    unknown = 0
    for seed in range(60):
        clip = clip_of(moving_discs, seed, settings=settings)
        if clip.evidence.is_reference[0].any():
            assert clip.has_start.item() == 0
        else:
            unknown += 1
            assert clip.has_start.item() == 1
    assert unknown > 10


def test_recent_slices_are_looked_up_with_an_estimate_of_their_mask(moving_discs, drawn, monkeypatch):
    """Beside the first reference: a slice after the references, up to the one where training begins."""
    found, recent_slice = [], clips._recent_slice
    monkeypatch.setattr(clips, "_recent_slice", lambda *given: found.append(recent_slice(*given)) or found[-1])
    settings = dataclasses.replace(SETTINGS, both_ends=0, recent=1)
    used = 0
    for seed in range(60):
        clip = clip_of(moving_discs, seed, settings=settings, rollout=5)
        _, (first, references, _) = drawn[-1]
        code, upside_down = beginning(moving_discs, seed)
        low, high = moving_discs.extents[code]
        newest = min(first + 5, 47 - low if upside_down else high)
        if found[-1] is None:
            assert newest <= references[-1]
            continue
        used += 1
        assert max(references[-1] + 1, newest - 8) <= found[-1] <= max(newest, references[-1] + 1)
        assert clip.exemplars.weight.tolist() == [1, 1]
        assert clip.exemplars.mask[1].max() > 0.5
        assert len(np.unique(clip.exemplars.mask[1])) > 20  # soft, as estimates are
    assert used > 30


def test_before_is_the_last_mask_where_a_clip_begins_beyond_the_end(moving_discs, drawn, monkeypatch):
    regions, befores, jitter = [], [], clips.jitter_region
    monkeypatch.setattr(clips, "jitter_region", lambda *given: regions.append(jitter(*given)) or regions[-1])
    with_start = clips._with_start

    def recorded(rng, evidence, truth, before, exemplars, settings, shared):
        befores.append(before)
        return with_start(rng, evidence, truth, before, exemplars, settings, shared)

    monkeypatch.setattr(clips, "_with_start", recorded)
    beyond = 0
    for seed in range(80):
        clip_of(moving_discs, seed, settings=dataclasses.replace(SETTINGS, both_ends=0))
        code, upside_down = beginning(moving_discs, seed)
        low, high = moving_discs.extents[code]
        end, labels = (47 - low, moving_discs.labels[::-1]) if upside_down else (high, moving_discs.labels)
        first = drawn[-1][1].first
        shown = labels[[min(first, end)]] == code
        np.testing.assert_array_equal(befores[-1], to_working(shown, regions[-1], (0.5, 0.6), 16) > 0.5)
        beyond += first > end
    assert beyond > 3


def square(*, first_row):
    """(16, 16) float32 with a block of ones."""
    mask = np.zeros((16, 16), np.float32)
    mask[first_row : first_row + 5, 4:11] = 1
    return mask


@pytest.mark.parametrize("empty", [(0, 1), (1,), ()])
def test_half_of_the_starts_beyond_the_end_carry_the_last_mask_on(empty, monkeypatch):
    monkeypatch.setattr(clips, "degrade_mask", lambda rng, masks: masks)
    truth, before = np.stack([square(first_row=row) for row in (2, 3, 4, 5, 6, 7)]), square(first_row=9)[None]
    truth[list(empty)] = 0
    kept = truth.copy()
    evidence = gather_evidence(truth, {-40: square(first_row=1)}, 0, PROPAGATION.softness)
    carried = truth[:2].copy()
    for index in empty:
        carried[index] = before[0] if index == 0 else carried[index - 1]
    seen = []
    for seed in range(200):
        clip = clips._with_start(np.random.default_rng(seed), evidence, truth, before, None, SETTINGS, WINDOW - 1)
        assert clip.has_start.item() == 1
        seen.append([np.array_equal(clip.start[..., 0], start) for start in (truth[:2], carried)])
        assert any(seen[-1])
    np.testing.assert_array_equal(truth, kept)  # the target stays empty
    assert np.mean(seen, axis=0) == pytest.approx([0.5, 0.5] if empty else [1, 1], abs=0.1)


def test_regions_of_flat_muscles_are_flat_unless_the_square_is_asked_for(moving_discs, monkeypatch):
    labels = np.zeros_like(moving_discs.labels)
    labels[6:42, 14:16, 3:23] = 3
    flat = dataclasses.replace(moving_discs, labels=labels, extents={3: (6, 41)})
    regions, jitter = [], clips.jitter_region
    monkeypatch.setattr(clips, "jitter_region", lambda *given: regions.append(jitter(*given)) or regions[-1])
    for least_share, expected in ((0.5, {(0.5, 1.0)}), (1.0, {(1.0, 1.0)})):
        regions.clear()
        for seed in range(10):
            clip_of(flat, seed, propagation=dataclasses.replace(PROPAGATION, least_share=least_share))
        assert {region.shares for region in regions} == expected
    assert len({region.side_mm for region in regions}) == 10


@pytest.mark.parametrize("rollout", [0, 5])
def test_the_seed_decides(moving_discs, rollout):
    def flat(clip):
        return [*clip.evidence, *clip[1:-1], *clip.exemplars]

    first, again, other = (flat(clip_of(moving_discs, seed, rollout)) for seed in (4, 4, 5))
    for one, another in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, another)
        assert one.dtype == np.float32
    assert any((one != another).any() for one, another in zip(first, other, strict=True))
    assert len(first[0]) == clip_length(SETTINGS, WINDOW, rollout) == rollout + 6


def test_all_arrays_are_flipped_alike(moving_discs, monkeypatch):
    monkeypatch.setattr(clips, "augment_intensity", lambda rng, image: image)
    turned = [clip_of(moving_discs, seed) for seed in range(20)]
    monkeypatch.setattr(clips, "flip", lambda rng, clip: clip)
    differs = 0
    for seed, clip in enumerate(turned):
        straight = clip_of(moving_discs, seed)
        parts = [*zip([*clip.evidence, *clip[1:4]], [*straight.evidence, *straight[1:4]], strict=True)]
        fitting = [
            all((turn(other) == one).all() for one, other in parts)
            for turn in (
                lambda x, k=k, m=m: np.rot90(x[:, ::-1] if m else x, k, axes=(1, 2)) for k in range(4) for m in (0, 1)
            )
        ]
        assert any(fitting)
        differs += not (clip.truth == straight.truth).all()
    assert differs > 5


def test_a_shape_that_has_vanished_on_its_references_is_found_where_it_begins(moving_discs):
    labels = moving_discs.labels.copy()
    labels[(labels == 3) & (np.arange(48) % 36 != 6)[:, None, None]] = 0  # disc 3 is left on its end slices
    volume = dataclasses.replace(moving_discs, labels=labels, extents={3: (6, 42)})
    labels[42] = moving_discs.labels[41]
    for seed in range(20):
        clip = clip_of(volume, seed)
        assert np.isfinite(clip.evidence.image).all()
