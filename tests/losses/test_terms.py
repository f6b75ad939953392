"""Dice, cross-entropy and weighted mean, against NumPy and closed forms."""

import numpy as np
import pytest

from ifss_keras.losses import binary_cross_entropy, soft_dice
from ifss_keras.losses.terms import weighted_mean


@pytest.fixture
def pair():
    """Truth and probability, (2, 3, 5, 7)."""
    rng = np.random.default_rng(3)
    return (rng.random((2, 3, 5, 7)) < 0.4).astype(np.float32), rng.random((2, 3, 5, 7), dtype=np.float32)


@pytest.mark.parametrize(("axes", "smooth"), [((-2, -1), 1e-6), ((1, 2), 1.0), ((0, 1, 2, 3), 20.0)])
def test_dice_is_the_numpy_one(pair, axes, smooth):
    truth, probability = (np.float64(part) for part in pair)
    both, each = (truth * probability).sum(axes), (truth**2 + probability**2).sum(axes)
    np.testing.assert_allclose(soft_dice(*pair, axes, smooth), (2 * both + smooth) / (each + smooth), rtol=1e-6)


def test_one_wrong_pixel_in_closed_form():
    truth, found = np.array([[1, 1, 0, 0]], np.float32), np.array([[1, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(soft_dice(truth, found, (-1,)), [(2 + 1) / (2 + 1 + 1)], rtol=1e-6)


def test_dice_of_masks_is_1_where_both_are_empty():
    truth, found = np.zeros((2, 4, 2, 2), np.float32)
    truth[1], found[1] = 1, 1  # all of it
    truth[2], found[2, 0] = 1, 1  # half of it
    found[3] = 1  # of nothing
    np.testing.assert_allclose(soft_dice(truth, found, (-2, -1), 1e-6), [1, 1, 2 / 3, 0], atol=1e-6)


def test_cross_entropy_of_every_pixel(pair):
    truth, probability = (np.float64(part) for part in pair)
    wanted = -np.log(np.where(truth > 0, probability, 1 - probability))
    np.testing.assert_allclose(binary_cross_entropy(*pair), wanted, rtol=1e-4, atol=1e-6)


def test_certainty_of_the_wrong_has_the_entropy_of_one_in_a_million():
    truth = np.array([1, 0], np.float32)
    np.testing.assert_allclose(binary_cross_entropy(truth, 1 - truth), 2 * [np.log(1e6)], rtol=5e-3)


def test_a_weighted_mean_counts_by_weight_and_is_0_without():
    values = np.array([1, 2, 4], np.float32)
    assert float(weighted_mean(values, np.array([0, 1, 3], np.float32))) == 3.5
    assert float(weighted_mean(values, np.zeros(3, np.float32))) == 0
