"""The expected error of each slice, against its formulas by hand."""

import numpy as np
import pytest

from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.region import Region
from ifss_keras.propagation.wrong import SETTINGS, by_outline, remoteness_mm, wrong_areas_mm2

PIXEL_MM = (0.5, 2.0)


def test_a_slice_is_as_remote_as_both_references_say():
    places = np.array([0, 2, 3, 5, 9, 12.0])
    np.testing.assert_allclose(remoteness_mm(places, np.array([9.0, 2.0])), [2, 0, 6 / 7, 12 / 7, 0, 3])


def soft_mask(pixels, doubt=0.0, apart=0.0):
    """Of 25 pixels of the image as working pixels, `pixels` of them inside."""
    values = np.zeros(25, np.float32)
    values[:pixels] = 0.9
    region = Region((1.25, 5.0), side_mm=10.0, shares=(0.25, 1.0))
    return SoftMask(region, values.reshape(5, 5), doubt, apart)


def mask(pixels):
    return np.arange(25).reshape(5, 5) < pixels


def test_between_references_the_network_says_it():
    soft = {3: soft_mask(16, doubt=4.0, apart=9.0), 4: soft_mask(20)}
    masks, copied, places_mm = {2: mask(9), 6: mask(7)}, {5: mask(4)}, np.arange(9) * 1.5
    found = wrong_areas_mm2(soft, masks, copied, places_mm, PIXEL_MM, ends_annotated=True)
    least = SETTINGS.least * 16
    expected = SETTINGS.network * np.sqrt(4.0 * (9.0 + least)) * (1.5 * 4.5 / 6) ** SETTINGS.remote
    assert found[3] == pytest.approx(expected)
    assert found[4] == pytest.approx(SETTINGS.network * SETTINGS.least * 20 * 1.5**SETTINGS.remote)
    assert found[5] == pytest.approx(float(by_outline(np.array(4.0), np.array(1.125))))  # copied: nothing else is known
    assert set(np.flatnonzero(found)) == {3, 4, 5}


def test_beyond_the_references_the_error_goes_with_the_area_and_past_the_mask_with_its_last_one():
    soft = {5: soft_mask(20), 6: soft_mask(10)}
    found = wrong_areas_mm2(soft, {4: mask(25)}, {}, np.arange(11.0), PIXEL_MM)
    areas = [0, 0, 0, 0, 0, 20, 10, 10 * 2 / 3, 10 / 3, 0, 0]
    np.testing.assert_allclose(found, SETTINGS.beyond * np.array(areas))


def test_nothing_is_expected_beyond_a_slice_that_is_known_not_to_hold_it():
    soft = {5: soft_mask(20), 6: soft_mask(10), 1: soft_mask(15)}
    found = wrong_areas_mm2(soft, {2: mask(25), 4: mask(25), 8: mask(0), 0: mask(0)}, {}, np.arange(11.0), PIXEL_MM)
    np.testing.assert_allclose(found[4:], SETTINGS.beyond * np.array([0, 20, 10, 10 * 2 / 3, 0, 0, 0]))
    np.testing.assert_allclose(found[:3], SETTINGS.beyond * np.array([0, 15, 0]))
