"""The picture of the slices: turned as they are to be, lengths in mm, and names in any script."""

import numpy as np
import pytest

from ifss_keras.report.figures import Curve, areas_png, label_styles
from ifss_keras.report.orientation import AS_STORED, View
from ifss_keras.report.overlay import least_sure, overlay_png
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


def test_slices_are_turned_as_the_view_says():
    labels = np.zeros((1, 40, 60), np.uint8)
    labels[0, 10:16, 10:50] = 1  # a bar along the columns, above the middle
    (style,) = label_styles({1: "GM"}, {})
    view = View(transposed=True, top="A", left="R")
    pictures = [pixels(overlay_png(labels, [style], (1, 1, 1), view=held)) for held in (AS_STORED, view)]
    spans = []
    for picture in pictures:
        drawn = is_colour(picture, style.colour)
        drawn[:60] = False  # the legend
        spans.append([np.ptp(np.flatnonzero(drawn.any(axis=axis))) for axis in (1, 0)])
    assert spans[0][0] / spans[0][1] == pytest.approx(6 / 40, abs=0.02)
    assert spans[1][1] / spans[1][0] == pytest.approx(6 / 40, abs=0.02)


def test_least_sure_slices_come_worst_first_with_their_names():
    styles = label_styles({1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}, {})
    doubts = {1: np.array([0, 0.1, 0]), 2: np.array([0, 0, 0.3]), 3: None, 4: np.zeros(3), 5: np.array([0, 0.2, 0.1])}
    assert list(least_sure(styles, doubts).items()) == [(2, ["b"]), (1, ["e", "a"])]


def test_twenty_four_names_leave_the_slices_their_place():
    labels = np.zeros((2, 80, 80), np.uint8)
    labels[:, 20:60, 20:60] = 1
    heights = [
        len(
            pixels(
                overlay_png(
                    labels, label_styles({code: f"A long name of muscle {code}" for code in codes}, {}), (1, 1, 1)
                )
            )
        )
        for codes in (range(1, 2), range(1, 25))
    ]
    assert heights[1] > heights[0] + 80


def test_names_that_the_font_lacks_are_drawn_without_a_word(recwarn, caplog, capfd):
    styles = label_styles({1: "比目鱼肌", 7: "نعلية $x"}, {1: (4,)})
    overlay_png(LABELS, styles, SPACING_MM)
    areas_png([Curve(style, np.arange(5.0), deviations=np.arange(5.0)) for style in styles], 2.5)
    assert [str(warning.message) for warning in recwarn] == []
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")
