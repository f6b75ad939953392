"""The curves along the muscle, and the colours of labels."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.colours import PALETTE, hex_colour
from ifss_keras.report.figures import Curve, areas_png, dice_png, label_styles
from tests.report.cases import NAMES, is_colour, pixels

SLICE_MM = 2.5
LEGEND = 52  # pixels of one row of names above the curves


def heights(png, styles):
    """The height of each flat curve above the axis, in pixels; negative below."""
    picture = pixels(png)[LEGEND:]  # below the legend
    dark = (picture.sum(axis=-1) < 60)[:, picture.shape[1] // 7 : -40]
    axis = np.flatnonzero(dark.sum(axis=1) > 0.9 * dark.shape[1])[0]
    return [axis - is_colour(picture, style.colour).sum(axis=1).argmax() for style in styles]


def test_area_curve_is_at_the_right_height():
    """A flat area of 300 mm2 lies halfway between the axis and a flat area of 600 mm2."""
    styles = label_styles({1: "a", 2: "b"}, {})
    curves = [Curve(style, np.full(30, area)) for style, area in zip(styles, (300.0, 600.0), strict=True)]
    low, high = heights(areas_png(curves, SLICE_MM), styles)
    assert low / high == pytest.approx(0.5, abs=0.02)


def test_dice_curve_is_at_the_right_height_and_has_a_gap():
    styles = label_styles({1: "a", 2: "b"}, {})
    values = np.full(30, 0.5)
    curves = [Curve(styles[0], values), Curve(styles[1], np.ones(30))]
    png = dice_png(curves, SLICE_MM)
    low, high = heights(png, styles)
    assert low / high == pytest.approx(0.5, abs=0.02)
    whole = is_colour(pixels(png)[LEGEND:], styles[0].colour).sum()
    values[10:20] = np.nan
    broken = is_colour(pixels(dice_png(curves, SLICE_MM))[LEGEND:], styles[0].colour).sum()
    assert broken / whole == pytest.approx(18 / 29, abs=0.03)  # steps between two numbers, of all


def test_annotated_slices_are_dots_at_their_place():
    (style,) = label_styles({1: "a"}, {})
    marked = replace(style, reference_slices=(5, 15, 99))
    plain, dotted = (
        pixels(areas_png([Curve(held, np.full(30, 300.0))], SLICE_MM))[LEGEND:] for held in (style, marked)
    )
    line = np.flatnonzero(is_colour(plain, style.colour).any(axis=0))
    changed = np.flatnonzero((plain != dotted).any(axis=(0, 2)))
    dots = np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1)
    places = [29 * (dot.mean() - line[0]) / (line[-1] - line[0]) for dot in dots]
    assert places == pytest.approx([5, 15], abs=0.1)


def test_the_truth_is_a_dark_curve_at_its_own_height():
    (style,) = label_styles({1: "a"}, {})
    curve = Curve(style, np.full(30, 600.0), np.full(30, 300.0))
    (own, true) = heights(areas_png([curve], SLICE_MM), [style, replace(style, colour="#222222")])
    assert true / own == pytest.approx(0.5, abs=0.02)


def test_a_band_is_1_96_deviations_to_each_side_and_never_below_0():
    (style,) = label_styles({1: "a"}, {})
    low, high = Curve(style, np.array([0.0, 10.0, 1.0]), deviations=np.array([0.0, 2.0, 1.0])).band
    np.testing.assert_allclose(low, [0, 10 - 3.92, 0])
    np.testing.assert_allclose(high, [0, 10 + 3.92, 2.96])


def test_doubt_is_half_the_band_over_the_largest_area_and_nothing_where_the_label_is_not():
    (style,) = label_styles({1: "a"}, {})
    values, deviations = np.array([0.0, 0.0, 10.0, 40.0, 0.0]), np.array([0.0, 1.0, 2.0, 0.0, 0.0])
    doubt = Curve(style, values, deviations=deviations).doubt
    np.testing.assert_allclose(doubt, [np.nan, 1.96 / 40, 3.92 / 40, 0, np.nan])
    np.testing.assert_array_equal(Curve(style, np.zeros(2), deviations=np.zeros(2)).doubt, [np.nan, np.nan])


def test_the_band_lies_about_the_curve_in_its_colour():
    (style,) = label_styles({1: "a"}, {})
    known = Curve(style, np.full(30, 600.0), deviations=np.full(30, 300 / 1.96))
    picture = pixels(areas_png([known], SLICE_MM))[LEGEND:]
    column = picture[:, picture.shape[1] // 2 + 5]
    shade = np.array(list(bytes.fromhex(style.colour[1:]))) * 0.2 + 255 * 0.8
    rows = np.flatnonzero((np.abs(column - shade) <= 3).all(axis=-1))
    line = np.flatnonzero(is_colour(picture, style.colour)[:, picture.shape[1] // 2 + 5])
    dark = (picture.sum(axis=-1) < 60)[:, picture.shape[1] // 7 : -40]
    axis = np.flatnonzero(dark.sum(axis=1) > 0.9 * dark.shape[1])[0]
    height = axis - line.mean()  # of 600 mm2
    assert [(axis - rows.max()) / height, (axis - rows.min()) / height] == pytest.approx([0.5, 1.5], abs=0.03)


def test_the_strip_is_darkest_where_least_is_known_and_marks_the_annotated_slices():
    (style,) = label_styles({1: "a"}, {1: (0, 29)})
    deviations = 60 * np.sin(np.pi * np.arange(30) / 29)
    plain = pixels(areas_png([Curve(style, np.full(30, 600.0))], SLICE_MM))
    picture = pixels(areas_png([Curve(style, np.full(30, 600.0), deviations=deviations)], SLICE_MM))
    below = picture[len(plain) :, round(0.135 * picture.shape[1]) :]
    reddish = below[..., 0] - below[..., 2] > 5
    rows = np.flatnonzero(reddish.sum(axis=1) > 0.9 * reddish.sum(axis=1).max())  # the strip is longer than its legend
    row = rows[len(rows) // 2]
    coloured = np.flatnonzero(reddish[row])
    darkest = coloured[below[row, coloured].sum(axis=-1).argmin()]
    assert darkest == pytest.approx(coloured.mean(), abs=np.ptp(coloured) / 29)
    lines = np.flatnonzero(below[row].sum(axis=-1) < 60)
    places = 30 * (lines - coloured.min()) / np.ptp(coloured) - 0.5
    assert [places.min(), places.max()] == pytest.approx([0, 29], abs=0.3)


def test_names_are_drawn_as_they_are_written():
    curves = [Curve(style, np.arange(5.0)) for style in label_styles(NAMES | {9: "$x^$ \\frac"}, {})]
    assert np.ptp(pixels(areas_png(curves, SLICE_MM))) == 255


def test_the_same_curves_give_the_same_bytes():
    curves = [Curve(style, np.arange(5.0)) for style in label_styles(NAMES, {1: (2,)})]
    assert areas_png(curves, SLICE_MM) == areas_png(curves, SLICE_MM)


def test_labels_have_the_colours_of_the_palette_or_their_own():
    styles = label_styles({code: str(code) for code in range(1, 5)}, {2: (5,)}, {3: (255, 0, 1)})
    assert [style.colour for style in styles] == [*map(hex_colour, PALETTE[:2]), "#FF0001", hex_colour(PALETTE[3])]
    assert [style.reference_slices for style in styles[:2]] == [(), (5,)]
