"""Soft masks of several labels on one grid, in cases that can be written down."""

import numpy as np
import pytest

from ifss_keras.propagation.compose import SoftMask, compose
from ifss_keras.propagation.region import Region

SHAPE = (3, 6, 6)
SPACING_MM = (2.0, 1.0, 1.0)
WHOLE = Region((2.5, 2.5), 6.0)  # its working pixels are the grid's


def soft(values, region=WHOLE):
    return SoftMask(region, np.asarray(values, np.float32))


def plane(value, rows=slice(None), columns=slice(None)):
    values = np.zeros((6, 6), np.float32)
    values[rows, columns] = value
    return values


def test_a_voxel_goes_to_the_higher_soft_mask_above_one_half():
    a, b = plane(0.8, columns=slice(0, 4)), plane(0.7, columns=slice(2, 6))
    b[:, 3] = 0.9
    b[0] = 0.5
    labels = compose({4: {1: soft(a)}, 9: {1: soft(b)}}, {4: {}, 9: {}}, SHAPE, SPACING_MM)
    expected = np.zeros(SHAPE, int)
    expected[1, :, :3] = 4
    expected[1, :, 3:] = 9
    expected[1, 0] = [4, 4, 4, 4, 0, 0]
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.uint8


def test_order_decides_only_between_equals():
    a, b = plane(0.8), plane(0.8)
    b[2] = 0.81
    for codes in ((4, 9), (9, 4)):
        first, second = codes
        labels = compose({first: {0: soft(a)}, second: {0: soft(b)}}, {4: {}, 9: {}}, SHAPE, SPACING_MM)
        expected = np.full((6, 6), first)
        expected[2] = second
        np.testing.assert_array_equal(labels[0], expected)


def test_exactly_one_half_is_not_the_muscle():
    labels = compose({1: {0: soft(plane(0.5)), 1: soft(plane(0.500001))}}, {1: {}}, SHAPE, SPACING_MM)
    assert not labels[0].any()
    assert labels[1].all()


def test_references_come_back_and_belong_to_no_other_label():
    held = np.zeros((6, 6), bool)
    held[1:3, 1:5] = True
    certain = soft(plane(1.0))
    labels = compose(
        {4: {0: certain, 1: certain, 2: certain}, 9: {0: certain, 2: certain}}, {4: {}, 9: {1: held}}, SHAPE, SPACING_MM
    )
    np.testing.assert_array_equal(labels[1], np.where(held, 9, 4))
    # on its own reference slice, a soft mask of that label counts for nothing
    labels = compose({4: {}, 9: {1: certain}}, {4: {}, 9: {1: held}}, SHAPE, SPACING_MM)
    np.testing.assert_array_equal(labels[1], np.where(held, 9, 0))
    assert not labels[[0, 2]].any()


def test_an_empty_reference_keeps_the_label_out():
    empty = np.zeros((6, 6), bool)
    labels = compose({4: {0: soft(plane(1.0))}}, {4: {0: empty}}, SHAPE, SPACING_MM)
    assert not labels.any()


def test_nothing_is_written_outside_the_region():
    region = Region((2.5, 2.5), 4.0)  # pixels 1 to 4, at half of their size
    labels = compose({1: {2: soft(np.ones((8, 8)), region)}}, {1: {}}, SHAPE, SPACING_MM)
    expected = np.zeros(SHAPE, int)
    expected[2, 1:5, 1:5] = 1
    np.testing.assert_array_equal(labels, expected)


def test_a_region_beyond_the_grid_is_cut():
    region = Region((0.0, 0.0), 4.0)
    labels = compose({1: {0: soft(np.ones((4, 4)), region)}}, {1: {}}, SHAPE, SPACING_MM)
    expected = np.zeros((6, 6), int)
    expected[:3, :3] = 1  # centres up to 2 mm lie in the square
    np.testing.assert_array_equal(labels[0], expected)


@pytest.mark.parametrize("code", [255, 256, 65_535, 65_536, 2**31 - 1])
def test_large_codes_are_kept(code):
    held = np.ones((6, 6), bool)
    labels = compose({code: {0: soft(plane(1.0))}, 1: {}}, {code: {1: held}, 1: {}}, SHAPE, SPACING_MM)
    assert (labels[:2] == code).all()
    assert not labels[2].any()
