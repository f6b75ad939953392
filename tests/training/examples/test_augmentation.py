"""Augmentation: closed forms with a scripted generator, and what must hold for every draw."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import ndimage

from ifss_keras.training.examples.augmentation import (
    augment_intensity,
    degrade_mask,
    flip,
    lose_part,
    move_border,
)


class Scripted:
    """A generator of means and least values, whose chances are given."""

    def __init__(self, *chances):
        self.chances = list(chances)

    def random(self, size=None):
        return np.array([self.chances.pop(0) for _ in range(size)]) if size else self.chances.pop(0)

    def normal(self, mean, deviation, size=None):
        return mean if size is None else np.full(size, mean, float)

    def uniform(self, low, high, size=None):
        return low if size is None else np.full(size, low, float)


@pytest.fixture
def image():
    return np.random.default_rng(0).random((3, 5, 7), dtype=np.float32)


def test_nothing_drawn_changes_nothing(image):
    np.testing.assert_allclose(augment_intensity(Scripted(1, 1, 1), image), image, atol=1e-6)


def test_inversion_is_one_minus_the_image(image):
    np.testing.assert_allclose(augment_intensity(Scripted(1, 1, 0), image), 1 - image, atol=1e-6)


def test_blur_stays_within_a_slice(image):
    blurred = augment_intensity(Scripted(0, 1, 1), image)
    for one, other in zip(blurred, image, strict=True):
        np.testing.assert_allclose(one, ndimage.gaussian_filter(other, 0.3, mode="nearest"), atol=1e-5)


class GammaContrastOffset(Scripted):
    def __init__(self):
        super().__init__(1, 1, 1)
        self.draws = [np.log(2.0), np.log(0.5), 0.1]

    def normal(self, mean, deviation, size=None):
        return self.draws.pop(0)


def test_gamma_then_contrast_about_the_middle_then_offset(image):
    expected = (image**2 - 0.4) * 0.5 + 0.4 + 0.1
    np.testing.assert_allclose(augment_intensity(GammaContrastOffset(), image), expected, atol=1e-6)


def test_images_stay_in_range_and_differ_by_seed(image):
    seen = [augment_intensity(np.random.default_rng(seed), image) for seed in range(40)]
    assert all(one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1 for one in seen)
    assert len({one.tobytes() for one in seen}) == 40
    again = augment_intensity(np.random.default_rng(7), image)
    np.testing.assert_array_equal(again, seen[7])


def disc(size=24, radius=7):
    rows, columns = np.indices((size, size))
    return ((rows - 11) ** 2 + (columns - 12) ** 2 < radius**2).astype(np.float32)


def test_a_mask_barely_degraded_keeps_its_half_and_is_zero_far_away():
    soft = degrade_mask(Scripted(), disc()[None])[0]
    np.testing.assert_array_equal(soft > 0.5, disc() > 0)
    np.testing.assert_array_equal(soft[:2], 0)
    assert soft.dtype == np.float32


def test_degraded_masks_are_wrong_but_not_unrelated():
    mask, dice = disc(), []
    for seed in range(60):
        soft = degrade_mask(np.random.default_rng(seed), mask[None])[0]
        assert soft.min() >= 0
        assert soft.max() <= 1
        hard = soft > 0.5
        dice.append(2 * (hard * mask).sum() / (hard.sum() + mask.sum()))
    assert 0.75 < np.mean(dice) < 0.95
    assert np.mean(np.array(dice) < 0.99) > 0.8
    assert np.std(dice) > 0.02


def test_all_slices_are_bent_alike_and_none_stays_none():
    masks = np.stack([disc(), 0 * disc(), disc()])
    for seed in range(5):
        soft = degrade_mask(np.random.default_rng(seed), masks)
        np.testing.assert_array_equal(soft[0], soft[2])
        np.testing.assert_array_equal(soft[1], 0)


class Inner(NamedTuple):
    image: np.ndarray
    flag: np.ndarray


class Outer(NamedTuple):
    inner: Inner
    truth: np.ndarray
    weight: np.ndarray


def test_flips_are_the_same_for_all_arrays_and_reach_all_eight_orientations():
    truth = np.arange(2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4, 1)
    flag, weight = np.array([1, 0], np.float32).reshape(2, 1, 1, 1), np.array([1, 0], np.float32)
    orientations = {}
    for seed in range(400):
        turned = flip(np.random.default_rng(seed), Outer(Inner(10 * truth, flag), truth, weight))
        assert isinstance(turned, Outer)
        assert isinstance(turned.inner, Inner)
        np.testing.assert_array_equal(turned.inner.image, 10 * turned.truth)
        np.testing.assert_array_equal(turned.inner.flag, flag)
        assert turned.weight is weight
        orientations[turned.truth[0].tobytes()] = turned.truth
    assert len(orientations) == 8
    for turned in orientations.values():
        np.testing.assert_array_equal(turned[1] - turned[0], 16)
        assert set(np.abs(np.diff(turned[0, :, :, 0], axis=0)).ravel()) in ({1.0}, {4.0})


@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        ((1, 1, 1), lambda x: x),
        ((0, 1, 1), lambda x: x[:, ::-1]),
        ((1, 0, 1), lambda x: x[:, :, ::-1]),
        ((1, 1, 0), lambda x: x.transpose(0, 2, 1, 3)),
        ((0, 0, 0), lambda x: x[:, ::-1, ::-1].transpose(0, 2, 1, 3)),
    ],
)
def test_each_flip_is_what_it_says(chances, expected):
    array = np.arange(50.0).reshape(2, 5, 5, 1)
    turned = flip(Scripted(*chances), Inner(array, array)).image
    np.testing.assert_array_equal(turned, expected(array))


def test_what_is_lost_lies_beyond_a_straight_line():
    mask = disc()[None].astype(np.float32)
    shares, rows_and_columns = [], np.argwhere(mask[0] > 0)
    for seed in range(40):
        left = lose_part(np.random.default_rng(seed), np.repeat(mask, 2, axis=0))
        np.testing.assert_array_equal(left[0], left[1])
        assert (left <= mask).all()
        kept = left[0][tuple(rows_and_columns.T)] > 0.5
        shares.append(1 - kept.mean())
        apart = rows_and_columns[kept].mean(axis=0) - rows_and_columns[~kept].mean(axis=0)
        along = rows_and_columns @ (apart / np.linalg.norm(apart))
        assert along[kept].min() > along[~kept].max() - 3  # pixels
    assert 0.1 < min(shares) < 0.25
    assert 0.6 < max(shares) < 0.75


def test_of_an_empty_mask_nothing_is_lost():
    empty = np.zeros((2, 16, 16), np.float32)
    np.testing.assert_array_equal(lose_part(np.random.default_rng(0), empty), empty)


@pytest.mark.parametrize("offset_mm", [-3.0, -0.5, 0.4, 2.5])
def test_a_moved_border_lies_everywhere_as_far_away(offset_mm):
    spacing_mm = (0.25, 0.4)
    rows, columns = np.ogrid[:121, :87]
    away_mm = np.hypot((rows - 60) * spacing_mm[0], (columns - 43) * spacing_mm[1])
    moved = move_border(away_mm < 9, spacing_mm, offset_mm)
    assert moved.sum() * 0.1 == pytest.approx(np.pi * (9 + offset_mm) ** 2, rel=0.045)
    assert not moved[away_mm > 9 + offset_mm + 0.5].any()
    assert moved[away_mm < 9 + offset_mm - 0.5].all()


def test_a_border_moves_up_to_the_edge_and_not_at_all_where_there_is_none():
    corner = np.zeros((6, 9), bool)
    corner[:2, :3] = True
    assert move_border(corner, (1.0, 1.0), 50.0).all()
    assert not move_border(np.zeros((6, 9), bool), (1.0, 1.0), 3.0).any()
    assert move_border(corner, (1.0, 1.0), 0.0) is corner
