"""Where one label ends in a volume, with networks whose answer is known."""

import numpy as np
import pytest

from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.volumes.volume import Volume
from tests.propagation.carrying import SPACING_MM, carried, dice, discs, held


@pytest.mark.parametrize(("references", "last"), [([0, 5, 10], 14), ([0, 10], 14), ([8, 9, 10], 19), ([10], 19)])
def test_a_mask_that_has_run_into_something_else_ends(sees, references, last):
    # the radius grows by a pixel a slice: at 12, on slice 15, the pixels are three times those of the references
    truth = np.concatenate([discs([(24, 28)], radius) for radius in [7.0] * 11 + [7.0 + step for step in range(1, 10)]])
    found = carried(sees, truth, references)
    assert held(found) == list(range(min(0, references[0]), last + 1))


def test_only_consecutive_empty_slices_end_it(sees):
    centre = (24, 28)
    truth = discs([centre] * 6 + [None] * 2 + [centre] * 4 + [None] * 3 + [centre] * 4)
    found = carried(sees, truth, [0])
    assert held(found) == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]


def test_a_mask_that_is_repeated_stays(repeats):
    truth = discs([(24, 28)] * 30)
    found = carried(repeats, truth, [12])
    assert held(found) == list(range(30))
    assert min(dice(found[index], truth[index]) for index in range(30)) > 0.93


@pytest.mark.parametrize(("references", "expected"), [([4, 30], (4, 30)), ([4, 29], (4, 33)), ([8, 30], (0, 30))])
def test_a_mask_ends_where_the_image_changes_at_once(repeats, references, expected):
    truth = discs([(24, 28)] * 34)
    image = 100 + 10 * np.arange(34)[:, None, None] % 30 + np.zeros((34, 48, 56), np.uint8)
    image[:4], image[31:] = 220, 10
    image += np.random.default_rng(0).integers(0, 9, (48, 56))
    done = []
    volume = Volume.from_array(image.astype(np.uint8), SPACING_MM)
    masks = {index: truth[index] for index in references}
    soft = Carrier(repeats, volume, PropagationSettings(size=48)).carry(masks, done.append).soft
    found = held(compose({1: soft}, {1: masks}, truth.shape, SPACING_MM) == 1)
    assert (found[0], found[-1]) == expected
    assert sum(done) == 34 - len(references)


def test_an_empty_reference_ends_it_and_nothing_comes_after(repeats):
    truth = discs([(24, 28)] * 20)
    found = carried(repeats, truth, [4], empty=[12, 15])
    last = held(found)[-1]
    assert 6 <= last <= 10  # gone about half-way between slices 4 and 12
    assert held(found) == list(range(last + 1))
