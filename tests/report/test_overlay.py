"""The picture of the slices: which, how much of them, and that lengths are in mm."""

import numpy as np
import pytest

from ifss_keras.report.figures import label_styles
from ifss_keras.report.overlay import crop_box, montage_slices, overlay_png
from tests.report.cases import IMAGE, LABELS, NAMES, SPACING_MM, TRUTH, is_colour, pixels


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.4, 0.8), (1.0, 0.9, 0.3)])
def test_overlay_keeps_the_shape_in_mm(spacing_mm):
    labels = np.zeros((1, 80, 80), np.uint8)
    labels[0, 20:60, 25:55] = 1  # 40 rows by 30 columns
    (style,) = label_styles({1: "GM"}, {})
    picture = pixels(overlay_png(labels, [style], spacing_mm))
    drawn = is_colour(picture, style.colour)
    drawn[: picture.shape[0] // 5] &= False  # the legend
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    ratio = (rows[-1] - rows[0]) / (columns[-1] - columns[0])
    assert ratio == pytest.approx(40 * spacing_mm[1] / (30 * spacing_mm[2]), rel=0.03)


def test_overlay_of_odd_images():
    styles = label_styles(NAMES, {1: (4,)})
    holes = np.where(LABELS == 1, np.nan, IMAGE.astype(np.float32))
    assert np.ptp(pixels(overlay_png(LABELS, styles, SPACING_MM, image=holes))) > 200
    same = overlay_png(LABELS, styles, SPACING_MM, image=np.zeros_like(IMAGE))
    assert same == overlay_png(LABELS, styles, SPACING_MM, image=np.zeros_like(IMAGE))
    nowhere = overlay_png(LABELS, styles, SPACING_MM, image=np.full(LABELS.shape, np.nan))
    assert np.ptp(pixels(nowhere)) > 200


def test_the_truth_is_drawn_in_white():
    styles = label_styles(NAMES, {})
    white = [
        is_colour(pixels(overlay_png(LABELS, styles, SPACING_MM, truth=truth))[100:], "#FFFFFF").sum()
        for truth in (None, TRUTH)
    ]
    assert white[1] > white[0] + 1000


def test_a_mask_without_labels_is_drawn_too():
    picture = pixels(overlay_png(np.zeros_like(LABELS), label_styles(NAMES, {}), SPACING_MM, image=IMAGE))
    assert np.ptp(picture) > 200


def test_slices_of_the_montage():
    assert montage_slices(4, 9, ()) == [4, 5, 6, 7, 8, 9]
    assert montage_slices(5, 5, ()) == [5]
    evenly = montage_slices(10, 120, ())
    assert evenly == list(range(10, 121, 10))
    assert montage_slices(10, 120, (33, 75, 300)) == [10, 20, 33, 40, 50, 60, 70, 80, 90, 100, 110, 120]


def test_the_crop_holds_all_labels_of_both_volumes_with_a_margin_in_the_plane():
    labels, truth = np.zeros((2, 30, 100, 200), np.uint8)
    labels[4:9, 40:50, 50:150] = 1  # 12 % of 100 columns, the larger side
    assert crop_box([labels], [1]) == (slice(4, 9), slice(28, 62), slice(38, 162))
    truth[12, 45, 190] = 2
    assert crop_box([labels, truth], [1]) == (slice(4, 9), slice(28, 62), slice(38, 162))
    assert crop_box([labels, truth], [1, 2]) == (slice(4, 13), slice(23, 67), slice(33, 200))
    assert crop_box([labels], [3]) == (slice(0, 30), slice(0, 100), slice(0, 200))
    assert crop_box([truth], [2]) == (slice(12, 13), slice(39, 52), slice(184, 197))  # never less than 6 pixels
