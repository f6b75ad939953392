"""Slices that lie nearer to each other than the mask is smoothed: one in so many is looked at."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.volumes.volume import Volume
from tests.propagation.carrying import dice, discs, held

THIN_MM = (0.25, 1.0, 1.0)
STEP = 5  # half of 2.5 mm
SLICES = 121
WANDERING = discs([(24 + 0.02 * index, 20 + 0.15 * index) for index in range(100)] + [None] * (SLICES - 100))


def found_on(network, image, masks, spacing_mm=THIN_MM, **more):
    settings = PropagationSettings(size=48, final_area=False)
    return Carrier(network, Volume.from_array(image, spacing_mm), settings).carry(masks, **more).soft


def bright(truth):
    return np.where(truth, 200, 20).astype(np.uint8)


@pytest.mark.parametrize("references", [(0, 60, 120), (120, 30, 0), (0,), (120,), (60,)])
def test_what_lies_between_those_that_are_looked_at_tells_nothing(sees, references):
    truth = discs([(24, 20 + 0.1 * index) for index in range(SLICES)])
    whole, spoiled = bright(truth), 220 - bright(truth)
    spoiled[::STEP] = whole[::STEP]
    masks = {index: truth[index] for index in references}
    given, other = (found_on(sees, image, masks) for image in (whole, spoiled))
    assert list(given) == list(other)
    assert sorted(given) == sorted(set(range(SLICES)) - set(masks))
    for index, mask in given.items():
        np.testing.assert_array_equal(mask.values, other[index].values)


def test_of_thick_slices_every_one_is_looked_at(sees):
    truth = discs([(24, 28)] * 9)
    whole, spoiled = bright(truth), bright(truth)
    spoiled[1::2] = 20
    masks = {index: truth[index] for index in (0, 8)}
    given, other = (found_on(sees, image, masks, spacing_mm=(1.3, 1.0, 1.0)) for image in (whole, spoiled))
    assert other[4].values.max() < 0.75 < given[4].values.max()


@pytest.mark.parametrize("references", [[0], [99], [50], [40, 41, 42], [0, 99], [0, 33, 66, 99]])
def test_a_muscle_that_wanders_is_found_on_every_slice_and_ends_where_it_ends(sees, references):
    masks = {index: WANDERING[index] for index in references}
    soft = found_on(sees, bright(WANDERING), masks)
    labels = compose({1: soft}, {1: masks}, WANDERING.shape, THIN_MM) == 1
    assert abs(len(held(labels)) - 100) <= STEP // 2
    assert held(labels) == list(range(len(held(labels))))
    assert dice(labels[:97], WANDERING[:97]) > 0.96


def test_from_the_other_end_it_is_the_same(sees):
    truth, image = WANDERING[:97], bright(WANDERING)[:97]
    masks = {index: truth[index] for index in (3, 50, 96)}
    ahead = found_on(sees, image, masks)
    back = found_on(sees, image[::-1].copy(), {96 - index: mask for index, mask in masks.items()})
    assert sorted(ahead) == sorted(96 - index for index in back)
    for index, mask in ahead.items():
        np.testing.assert_allclose(back[96 - index].values, mask.values, atol=1e-5)


def test_of_frames_whose_probe_stood_still_at_times_every_one_gets_its_mask(sees):
    steps = np.tile([1.8, 1.8, 1.8, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 1.8], 12)
    places = np.cumsum(np.r_[0, steps]) / steps.mean()
    truth = discs([(24, 20 + 0.15 * place) for place in places])
    volume = replace(Volume.from_array(bright(truth), (0.6, 1.0, 1.0)), places=places)
    masks = {index: truth[index] for index in (0, 61, 120)}
    soft = Carrier(sees, volume, PropagationSettings(size=48, final_area=False)).carry(masks).soft
    labels = compose({1: soft}, {1: masks}, truth.shape, (0.6, 1.0, 1.0)) == 1
    assert min(map(dice, labels, truth)) > 0.93
