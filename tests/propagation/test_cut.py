"""The final areas: the network's and the curve's, each as far as it is sure."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from ifss_keras.propagation import cut as cutting
from ifss_keras.propagation.area import AreaCurve
from ifss_keras.propagation.compose import SoftMask, pixels_inside
from ifss_keras.propagation.cut import SETTINGS, Areas, Certainty, with_doubt, with_pixels
from ifss_keras.propagation.region import Region

PIXEL_MM = (0.5, 0.8)
SHAPE = (100, 80)
REGION = Region((25.0, 32.0), 60.0, (0.8, 1.0))
SIZE = 96


def swelling(index):
    """A parabola of areas in pixels, along slices 0 to 60."""
    return 1200 * (1 - ((index - 30) / 40) ** 2)


def reference(pixels):
    """(row, column) bool: the pixels that lie nearest to the middle, as many as asked for."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot((rows - 50) * PIXEL_MM[0], (columns - 40) * PIXEL_MM[1]).ravel()
    mask = np.zeros(SHAPE, bool)
    mask.ravel()[np.argsort(distance, kind="stable")[: round(pixels)]] = True
    return mask


def soft_disc(pixels, width_mm=1.0):
    """A soft mask of an area in pixels of the image; its border goes from sure to sure in a few widths."""
    steps = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    height_mm, breadth_mm = REGION.extent_mm
    distance = np.hypot(steps[:, None] * height_mm, steps * breadth_mm)
    radius_mm = np.sqrt(pixels * np.prod(PIXEL_MM) / np.pi)
    return SoftMask(REGION, expit((radius_mm - distance) / width_mm).astype(np.float32))


def references(slices, area=swelling):
    return {index: reference(area(index)) for index in slices}


def discs(slices, area, **look):
    return {index: soft_disc(area(index), **look) for index in slices}


def areas(soft):
    """(slice,) in pixels of the image, by ascending slice."""
    return np.array([pixels_inside(soft[index], PIXEL_MM) for index in sorted(soft)])


def cut(soft, masks, pixel_mm):
    """The soft masks with the areas that are to be expected, and how sure these are."""
    soft = {index: with_doubt(mask, pixel_mm) for index, mask in soft.items()}
    areas = Areas(soft, masks, pixel_mm)
    done = {index: with_pixels(soft[index], pixels) for index, pixels in areas.pixels(soft, areas.slices).items()}
    others = {index: mask for index, mask in soft.items() if index not in done}
    return done | others, areas.certainty().with_beyond(others, pixel_mm)


def too_large(index):
    return 1.1 * swelling(index)


def test_with_many_references_the_areas_are_those_of_the_curve():
    masks = references(range(0, 61, 4))
    soft = discs([index for index in range(61) if index not in masks], too_large, width_mm=2.0)
    expected = swelling(np.array(sorted(soft)))
    assert np.abs(areas(soft) / expected - 1.1).max() < 0.02
    found = areas(cut(soft, masks, PIXEL_MM)[0])
    assert np.abs(found / expected - 1).max() < 0.02


def test_with_two_references_the_areas_are_the_networks():
    masks = references((0, 60))
    soft = discs(range(1, 60), swelling)
    assert swelling(30) > 2 * AreaCurve.of_masks(masks).at([30])  # the curve of two is a straight line
    found = areas(cut(soft, masks, PIXEL_MM)[0])
    assert np.abs(found / areas(soft) - 1).max() < 0.03


def test_one_slice_has_the_mean_weighted_by_variance():
    masks = {0: reference(800), 2: reference(800)}
    soft = {1: soft_disc(1000, width_mm=2.0)}
    curve = AreaCurve.of_masks(masks)
    of_curve = curve.covariance([1])[0, 0]
    pixel = np.prod(REGION.extent_mm) / SIZE**2 / np.prod(PIXEL_MM)
    undecided = (soft[1].values * (1 - soft[1].values)).sum() * pixel
    assert undecided > SETTINGS.least * 1000
    of_network = (SETTINGS.shared**2 + SETTINGS.alone**2) * undecided**2
    done, certainty = cut(soft, masks, PIXEL_MM)
    share = of_curve / (of_curve + of_network)
    expected = 800 + share * (pixels_inside(soft[1], PIXEL_MM) - 800)
    assert pixels_inside(done[1], PIXEL_MM) == pytest.approx(expected, abs=10 * pixel)
    wider = stats.t.ppf(0.975, curve.freedom) / stats.norm.ppf(0.975)  # the strength of the noise is learned
    assert certainty.deviations == {1: pytest.approx(wider * np.sqrt(share * of_network))}
    assert certainty.of_sum == pytest.approx(certainty.deviations[1])


def test_a_border_that_is_sharp_has_the_least_softness_all_the_same():
    masks = references((0, 2))
    hard = {1: SoftMask(REGION, (soft_disc(1000).values > 0.5).astype(np.float32))}
    done, certainty = cut(hard, masks, PIXEL_MM)
    np.testing.assert_array_equal(done[1].values, hard[1].values)  # no pixel is undecided
    assert certainty.deviations[1] > 0


def test_slices_are_those_of_the_soft_masks_and_every_one_has_a_deviation():
    masks = references((10, 20, 40))
    soft = discs([index for index in range(5, 50) if index not in masks], swelling)
    done, certainty = cut(soft, masks, PIXEL_MM)
    assert set(done) == set(certainty.deviations) == set(soft)
    assert not set(done) & set(masks)
    assert min(certainty.deviations.values()) > 0


def test_slices_outside_and_beside_an_empty_reference_are_returned_as_they_were():
    masks = references((10, 20, 30)) | {40: np.zeros(SHAPE, bool)}
    soft = discs([5, 15, 25, 35, 45], too_large)
    done, certainty = cut(soft, masks, PIXEL_MM)
    same = [np.array_equal(done[index].values, soft[index].values) for index in (5, 15, 25, 35, 45)]
    assert same == [True, False, False, True, True]
    for index in (5, 35, 45):
        assert certainty.deviations[index] == SETTINGS.beyond * pixels_inside(soft[index], PIXEL_MM)


def test_one_reference_leaves_all_as_it_was():
    soft = discs([5, 15], swelling)
    done, certainty = cut(soft, references([10]), PIXEL_MM)
    assert all(np.array_equal(done[index].values, mask.values) for index, mask in soft.items())
    assert certainty == Certainty({}, 0.0).with_beyond(soft, PIXEL_MM)
    assert cut({}, references([10]), PIXEL_MM) == ({}, ({}, 0.0, 0.0))


def test_what_has_no_support_is_not_taken_for_the_sake_of_the_area():
    masks = references(range(0, 61, 4))
    soft = discs([2, 30 + 1, 58], lambda index: 0.5 * swelling(index), width_mm=2.0)
    soft = {index: mask._replace(values=np.where(mask.values > 0.3, mask.values, 0)) for index, mask in soft.items()}
    done, _ = cut(soft, masks, PIXEL_MM)
    for index, mask in done.items():
        assert pixels_inside(mask, PIXEL_MM) > pixels_inside(soft[index], PIXEL_MM)
        np.testing.assert_array_equal(mask.values == 0, soft[index].values == 0)
        assert soft[index].values[mask.values > 0.5].min() >= SETTINGS.support


def test_an_area_keeps_the_order_of_the_pixels():
    masks = references((0, 4))
    soft = discs([1, 2, 3], too_large)
    done, _ = cut(soft, masks, PIXEL_MM)
    for index, mask in done.items():
        order = np.argsort(soft[index].values, axis=None)
        assert (np.diff(mask.values.ravel()[order]) >= 0).all()
        assert mask.values.dtype == np.float32


@pytest.mark.parametrize("slices", [(0, 60), (0, 20, 60), range(0, 61, 5), (20, 40)])
def test_the_sum_is_no_less_sure_than_its_parts_together(slices):
    masks = references(slices)
    soft = discs([index for index in range(0, 61, 3) if index not in masks], too_large)
    _, certainty = cut(soft, masks, PIXEL_MM)
    parts = np.array(list(certainty.deviations.values()))
    assert 0 < certainty.of_sum <= parts.sum() * (1 + 1e-9)
    assert certainty.of_sum > np.sqrt((parts**2).sum())  # errors of neighbouring slices are alike


def test_reversed_slices_give_reversed_areas_and_the_same_certainty():
    slices = (0, 12, 20, 47, 60)
    masks = references(slices, lambda index: swelling(index) * (1 + index / 100))
    soft = discs([index for index in range(70) if index not in masks], lambda index: 1.1 * swelling(min(index, 60)))
    done, certainty = cut(soft, masks, PIXEL_MM)
    turned, other = cut(
        {60 - index: mask for index, mask in soft.items()},
        {60 - index: mask for index, mask in masks.items()},
        PIXEL_MM,
    )
    np.testing.assert_allclose(areas(turned)[::-1], areas(done), atol=2)
    for index, deviation in certainty.deviations.items():
        assert other.deviations[60 - index] == pytest.approx(deviation, rel=1e-6)
    assert other.of_sum == pytest.approx(certainty.of_sum, rel=1e-6)


def test_some_of_the_slices_are_told_what_all_of_them_are():
    masks = references((0, 20, 60))
    soft = discs([index for index in range(61) if index not in masks], too_large)
    known = Areas(soft, masks, PIXEL_MM)
    everywhere = known.pixels(soft, known.slices)
    assert known.pixels(soft, [3, 41]) == {3: everywhere[3], 41: everywhere[41]}
    assert known.pixels(soft, []) == {}


@pytest.mark.parametrize("most", [15, 29])
def test_many_slices_count_in_packs_that_end_at_references(most, monkeypatch):
    masks = references((0, 25, 60), lambda index: 1.05 * swelling(index))
    soft = discs([index for index in range(61) if index not in masks], too_large, width_mm=2.0)
    done, certainty = cut(soft, masks, PIXEL_MM)
    monkeypatch.setattr(cutting, "SETTINGS", replace(SETTINGS, most=most))
    packed, other = cut(soft, masks, PIXEL_MM)
    np.testing.assert_allclose(areas(packed), areas(done), rtol=0.01)
    assert other.of_sum == pytest.approx(certainty.of_sum, rel=0.05)
    assert set(other.deviations) == set(soft)
    packs = cutting._packs(sorted(soft), sorted(masks))
    together = -(-58 // most)
    assert np.diff(packs).max() == together
    assert 24 in packs  # slice 26, the first behind a reference, is where a pack begins
    assert packs[0] == 0
    assert packs[-1] == 58


def test_slices_outside_all_err_alike():
    outside = discs([70, 71], lambda index: 500.0)
    area = pixels_inside(outside[70], PIXEL_MM)
    certainty = Certainty({3: 2.0}, 30.0).with_beyond(outside, PIXEL_MM)
    assert certainty.deviations == {3: 2.0, 70: SETTINGS.beyond * area, 71: SETTINGS.beyond * area}
    assert certainty.of_sum == pytest.approx(np.hypot(30, SETTINGS.beyond * 2 * area))
    assert certainty.with_areas_beyond({80: area}).of_sum == pytest.approx(np.hypot(30, SETTINGS.beyond * 3 * area))
    assert Certainty({3: 2.0}, 30.0).with_beyond({}, PIXEL_MM) == ({3: 2.0}, 30.0, 0.0)
