"""Ends that the image shows, on volumes whose changes from slice to slice are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.ends import SETTINGS, decide_ends, presumed_ends, seen_ends
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.region import Region
from ifss_keras.volumes.volume import Volume

INTENSITY = IntensityRange(-2000.0, 3000.0)
SPACING_MM = (2.0, 0.7, 1.1)


def disc(radius=8.0, centre=(17, 23), shape=(36, 49)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - centre[0], columns - centre[1]) < radius


TEXTURE = 3 * np.random.default_rng(0).standard_normal((36, 49))


def grey(changes):
    """A volume of slices of one texture, the first about 500; `changes` are the steps from each to the next."""
    levels = 500 + np.concatenate([[0], np.cumsum(changes)])
    return Volume.from_array(levels[:, None, None] + TEXTURE, SPACING_MM)


def ends(volume, references, empty=(), mask=None):
    mask = disc() if mask is None else mask
    held = dict.fromkeys(references, mask)
    return seen_ends(volume, INTENSITY, held | {index: np.zeros_like(mask) for index in empty}, between(held))


def between(masks):
    """Slice index to soft mask, pixel by pixel the mask of the references, which is the same on each."""
    first, last = min(masks), max(masks)
    side = max(masks[first].shape)
    center_mm = (side - 1) / 2 * SPACING_MM[1], (side - 1) / 2 * SPACING_MM[2]
    region = Region(center_mm, side * SPACING_MM[2], (SPACING_MM[1] / SPACING_MM[2], 1.0))
    values = np.zeros((side, side), np.float32)
    values[: masks[first].shape[0], : masks[first].shape[1]] = masks[first]
    return {index: SoftMask(region, values) for index in range(first, last) if index not in masks}


@pytest.mark.parametrize("mask", [disc(), disc(centre=(3, 47)), disc(3.0, (35, 0))])
@pytest.mark.parametrize(("last", "first", "expected"), [(1.2, 1.2, []), (1.3, 0, [33]), (0, -1.3, [2])])
def test_a_change_greater_than_any_further_in_is_an_end_wherever_the_label_lies(mask, last, first, expected):
    assert 1.2 < SETTINGS.clearly < 1.3
    volume = grey([90, 90, 20 * first, *[20, -20] * 14, 20, 20 * last, 90, 90])  # references on slices 3 and 32
    assert ends(volume, [3, 32], mask=mask) == expected


def test_both_ends_are_seen_and_reversed_slices_give_reversed_ends():
    volume = grey([0, 300, *[3, -4] * 15, 200, 0, 0])
    assert ends(volume, [2, 12, 32]) == [1, 33]
    turned = Volume.from_array(volume.array[::-1].copy(), SPACING_MM)
    last = len(volume.array) - 1
    assert ends(turned, [last - index for index in (2, 12, 32)]) == [last - 33, last - 1]


def test_few_steps_say_nothing():
    assert ends(grey([300, *[1] * SETTINGS.least_steps, 300]), [1, SETTINGS.least_steps + 1]) == [
        0,
        SETTINGS.least_steps + 2,
    ]
    assert ends(grey([300, *[1] * (SETTINGS.least_steps - 1), 300]), [1, SETTINGS.least_steps]) == []


def test_only_the_nearest_steps_are_compared_with():
    def changes(far):
        return [0, 0, *[1] * 10, 300, *[1] * far, 200, 0]

    last = 13 + SETTINGS.most_steps
    assert ends(grey(changes(SETTINGS.most_steps)), [2, last]) == [last + 1]
    assert ends(grey(changes(SETTINGS.most_steps - 1)), [2, last - 1]) == []


def test_known_absences_and_the_volumes_edge_leave_nothing_to_see():
    volume = grey([300, *[1] * 30, 300, 0])
    assert ends(volume, [1, 31]) == [0, 32]
    assert ends(volume, [1, 31], empty=[33]) == [0]
    assert ends(volume, [1, 31], empty=[0]) == [32]
    assert ends(grey([1] * 30), [0, 30]) == []
    assert ends(grey([300, *[1] * 30]), [0, 31]) == []


def test_steps_beyond_a_gap_in_the_mask_do_not_count():
    volume, masks = grey([*[1] * 40, 300, 0]), {0: disc(), 40: disc()}
    soft = between(masks)
    assert seen_ends(volume, INTENSITY, masks, soft) == [41]
    soft[25] = SoftMask(soft[25].region, np.zeros_like(soft[25].values))
    assert seen_ends(volume, INTENSITY, masks, soft) == []
    assert seen_ends(volume, INTENSITY, masks, {index: mask for index, mask in soft.items() if index != 25}) == []


def test_soft_masks_count_where_they_lie_on_the_grid():
    # a soft mask at half the resolution over a part of the plane; outside it the image changes wildly
    here = np.zeros((36, 49), bool)
    here[10:20, 20:30] = True
    volume = grey([*[10, -10] * 20, 15, 0])
    far = np.zeros((36, 49), bool)
    far[:, 45:] = True
    volume.array[::2, far] = 0
    region = Region((14.5 * 0.7, 24.5 * 1.1), 11.0, (7 / 11, 1.0))
    soft = {index: SoftMask(region, np.ones((5, 5), np.float32)) for index in range(11, 40)}
    assert seen_ends(volume, INTENSITY, {10: here, 40: here}, soft) == [41]


@pytest.mark.parametrize("lost", [0, np.nan, 777])
def test_a_slice_that_shows_nothing_shows_no_end(lost):
    volume = grey([1] * 31 + [300, 0])
    assert ends(volume, [0, 31]) == [32]
    volume.array[32] = lost
    assert ends(volume, [0, 31]) == []


@pytest.mark.parametrize("brighter", [60, -60])
def test_a_muscle_that_shrinks_is_not_gone(brighter):
    rng = np.random.default_rng(5)
    image = 500 + 60 * rng.standard_normal((40, 72, 98))
    masks = {index: disc(min(24.0, 24 - 0.7 * (index - 30)), (36, 49), (72, 98)) for index in range(3, 38)}
    for index, mask in masks.items():
        image[index, mask] += brighter
    volume = Volume.from_array(image, SPACING_MM)
    held = {index: mask for index, mask in masks.items() if index <= 34}
    assert seen_ends(volume, INTENSITY, held, {}) == [2]  # there it begins at once
    image[35:] = image[2]
    assert seen_ends(volume, INTENSITY, held, {}) == [2, 35]


def test_speckle_that_is_new_on_every_slice_hides_no_end_and_makes_none():
    rng = np.random.default_rng(3)
    speckle = 500 + 100 * rng.standard_normal((60, 36, 49))
    tissue = 60 * ndimage.gaussian_filter(rng.standard_normal((60, 36, 49)), (8, 4, 4)) * 60
    image = speckle + tissue
    mask = disc(11.0)
    image[15:51, mask] += 150
    volume = Volume.from_array(image, SPACING_MM)
    assert ends(volume, [15, 30, 50], mask=mask) == [14, 51]
    assert ends(volume, [18, 30, 44], mask=mask) == []


@pytest.mark.parametrize(
    ("areas", "slices", "ends"),
    [
        # 0.9 of the largest area at 0.3 of the length: 20 slices are 0.4 of it, and 15 lie before each end
        ({40: 9, 50: 10, 60: 9}, 100, [10, 90]),
        ({40: 9, 50: 10, 60: 9}, 80, [10, 79]),  # as far as the volume goes
        ({40: 9, 50: 10, 60: 9}, 75, [10]),  # where it should not end in the volume
        ({60: 9, 40: 9, 50: 10}, 75, [10]),
        ({60: 9, 70: 8, 80: 2}, 100, [14, 90]),  # from where it is largest on, half of the length
        ({10: 4, 20: 9, 30: 1}, 100, [0, 40]),  # no nearer than a gap, in which it was seen to end
        ({10: 1, 20: 9, 38: 3}, 100, [0, 56]),
        ({18: 1, 20: 9, 30: 8, 40: 3}, 100, [8, 50]),  # 18 and 20 are one place
        ({10: 9, 20: 9, 30: 9}, 100, []),
        ({10: 2, 20: 9, 30: 1, 60: 0}, 100, [0]),
        ({10: 4, 20: 9, 30: 1, 2: 0}, 100, [40]),
        ({40: 9, 50: 9, 64: 0, 60: 9}, 100, [0]),  # 24 slices are half of it
        ({20: 9, 30: 10, 40: 10, 51: 10, 61: 9}, 100, [9, 72]),  # at one distance: gone on the next
        ({20: 9, 30: 10, 40: 10, 50: 10, 60: 9, 64: 9}, 75, [10, 74]),
        ({20: 9, 30: 10, 40: 10, 50: 10, 60: 9, 64: 9}, 74, [10]),
        ({40: 9, 50: 10, 60: 10, 70: 10, 74: 9}, 200, [0, 125]),  # at one distance three times only
        ({140: 9, 180: 10, 218: 10, 258: 10, 296: 9}, 400, [100, 336]),
        ({10: 1, 11: 9, 12: 1}, 100, []),
        ({10: 9, 60: 1}, 100, []),
        ({10: 1, 11: 2, 60: 1}, 100, []),
        ({10: 1, 13: 9, 16: 1}, 100, []),
        ({10: 1, 14: 9, 18: 1}, 100, [6, 22]),
        ({}, 100, []),
    ],
)
def test_an_end_is_presumed_where_muscles_of_such_areas_end(areas, slices, ends):
    assert presumed_ends(areas, slices) == ends
    assert presumed_ends({index: 0.3 * area for index, area in areas.items()}, slices) == ends


@given(st.integers(1, 12), st.integers(1, 12))  # at 15 all would be at one distance
def test_slices_added_between_move_no_end(before, after):
    def annotated(*slices):  # of an area like a parabola's, on slices 110 to 210
        return {index: (index - 109) * (211 - index) for index in slices}

    few = presumed_ends(annotated(130, 160, 190), 400)
    assert few[0] < 110 < 210 < few[1]
    assert presumed_ends(annotated(130, 130 + before, 160, 160 + after, 190), 400) == few


def test_ends_that_are_seen_come_before_those_that_are_presumed():
    # references on slices 10, 20 and 30; the image changes at once behind the last one only
    volume = grey([*[1] * 30, 300, *[1] * 20])
    masks = {10: disc(5.0), 20: disc(), 30: disc()}
    found = decide_ends(volume, INTENSITY, masks, between(masks))
    assert found == ((31,), (0,))
