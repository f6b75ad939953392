"""Batches of clips: the seed decides, and nothing else."""

import dataclasses

import numpy as np
import pytest

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples import clips
from ifss_keras.training.examples.clips import Clip, batch_of_clips, batches_of_clips, draw_clip
from ifss_keras.training.examples.draws import clip_length
from ifss_keras.training.examples.pipeline import clip_dataset
from ifss_keras.training.examples.settings import ClipSettings

SETTINGS = ClipSettings(windows=2, gap=(4, 20), rollout=(0, 6))
PROPAGATION = PropagationSettings(size=16)


def flat(clip):
    return [np.asarray(part) for part in (*clip.evidence, *clip[1:-1], *clip.exemplars)]


def batches(volume, count, **changes):
    drawn = batches_of_clips([volume], SETTINGS, PROPAGATION, 2, changes.pop("seed", 9))
    return [flat(clip) for (clip,) in clip_dataset(drawn, PROPAGATION, batch=2, batches=count, **changes)]


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        for part, another in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, another)


def test_batches_are_the_same_under_a_seed_and_whatever_is_parallel(moving_discs):
    expected = [flat(batch_of_clips([moving_discs], SETTINGS, PROPAGATION, 2, (9, number))) for number in range(6)]
    assert_same(batches(moving_discs, 6, parallel=1), expected)
    assert_same(batches(moving_discs, 6, parallel=4), expected)


def test_other_seeds_and_other_numbers_give_other_batches(moving_discs):
    seen = batches(moving_discs, 4) + batches(moving_discs, 4, seed=10)
    assert len({batch[0].tobytes() for batch in seen}) == 8


def test_first_goes_on_with_the_same_sequence(moving_discs):
    whole = batches(moving_discs, 6)
    assert_same(batches(moving_discs, 2), whole[:2])
    assert_same(batches(moving_discs, 4, first=2), whole[2:])


def test_elements_are_clips_with_a_batch_axis(moving_discs):
    drawn = batches_of_clips([moving_discs], SETTINGS, PROPAGATION, 2, 1)
    dataset = clip_dataset(drawn, PROPAGATION, batch=2, batches=3)
    assert len(dataset) == 3
    for (clip,) in [dataset.element_spec, *dataset]:
        assert isinstance(clip, Clip)
        assert isinstance(clip.evidence, Evidence)
        slices = clip.truth.shape[1]
        plane, flag = (2, slices, 16, 16, 1), (2, slices, 1, 1, 1)
        assert [tuple(part.shape) for part in clip.evidence] == [plane, plane, flag, plane, flag]
        assert [tuple(part.shape) for part in clip[1:-1]] == [(2, 2, 16, 16, 1), (2, 1, 1, 1, 1), plane, (2, slices)]
        assert [tuple(part.shape) for part in clip.exemplars] == [(2, 2, 16, 16, 1), (2, 2, 16, 16, 1), (2, 2)]
    assert dataset.element_spec[0].truth.shape[1] is None


def rollouts(volume, rollout, count=120):
    settings, shortest = dataclasses.replace(SETTINGS, rollout=rollout), clip_length(SETTINGS, 3, 0)
    drawn = (batch_of_clips([volume], settings, PROPAGATION, 1, (0, seed)) for seed in range(count))
    return np.array([len(batch.weight[0]) - shortest for batch in drawn])


def test_half_of_the_batches_roll_out_the_others_do_not(moving_discs):
    seen = rollouts(moving_discs, (0, 6), 300)
    assert set(seen) == set(range(7))
    assert np.mean(seen == 0) == pytest.approx(0.5, abs=0.1)
    # log-uniform on [1, 7): the share of 1 is log 2 / log 7
    assert np.mean(seen[seen > 0] == 1) == pytest.approx(np.log(2) / np.log(7), abs=0.12)


@pytest.mark.parametrize("most", [0, 3])
def test_no_roll_out_is_longer_than_asked_for(moving_discs, most):
    assert set(rollouts(moving_discs, (most, most), 30)) == {0, most}


def test_a_roll_out_is_cut_to_the_shortest_volume(moving_discs):
    seen = rollouts(moving_discs, (0, 200))
    assert seen.max() == len(moving_discs.image) - clip_length(SETTINGS, 3, 0)


def test_every_volume_and_every_sample_is_drawn(moving_discs, monkeypatch):
    drawn = []

    def recorded(rng, volume, *rest):
        drawn.append(volume)
        return draw_clip(rng, volume, *rest)

    monkeypatch.setattr(clips, "draw_clip", recorded)
    volumes = [moving_discs, dataclasses.replace(moving_discs)]
    batch = batch_of_clips(volumes, dataclasses.replace(SETTINGS, rollout=(0, 0)), PROPAGATION, 16, 5)
    assert {id(volume) for volume in drawn} == {id(volume) for volume in volumes}
    assert len({sample.tobytes() for sample in batch.evidence.image}) == 16
