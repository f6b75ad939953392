"""Colours and sentences of slices and muscles."""

import pytest

from ifss_keras.inference.suggest import Suggestion
from ifss_keras.napari_plugin.shown import (
    ABSENT,
    DRAWN,
    EMPTY,
    SURE_TO_UNSURE,
    UNKNOWN,
    WORST_DOUBT,
    MuscleRow,
    SliceMark,
    bar_colour,
    interval_text,
    slice_text,
    suggestion_text,
)


@pytest.mark.parametrize(
    ("mark", "colour"),
    [
        (SliceMark(False, None, None), EMPTY),
        (SliceMark(False, 0.0, ABSENT), EMPTY),
        (SliceMark(True, None, None), UNKNOWN),
        (SliceMark(True, 0.0, DRAWN), SURE_TO_UNSURE[0]),
        (SliceMark(True, WORST_DOUBT / 2, None), SURE_TO_UNSURE[1]),
        (SliceMark(True, WORST_DOUBT / 4, None), (120, 193, 90)),
        (SliceMark(True, WORST_DOUBT, None), SURE_TO_UNSURE[2]),
        (SliceMark(False, 5.0, None), SURE_TO_UNSURE[2]),
    ],
)
def test_a_bar_goes_from_sure_to_unsure(mark, colour):
    assert bar_colour(mark) == pytest.approx(colour, abs=1)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (SliceMark(True, 0.0, DRAWN), "Slice 4: annotated"),
        (SliceMark(False, 0.0, ABSENT), "Slice 4: annotated as absent"),
        (SliceMark(True, 0.124, None), "Slice 4: in the mask, ± 12% of the largest area"),
        (SliceMark(False, None, None), "Slice 4: not in the mask"),
    ],
)
def test_a_slice_is_told_in_a_line(mark, text):
    assert slice_text(4, mark) == text


def test_an_interval_is_told_where_there_is_one():
    assert interval_text(MuscleRow(3, "SOL", 170.46, 165.04, 175.96, 8)) == "165.0 to 176.0"
    assert interval_text(MuscleRow(3, "SOL", 170.46, None, None, 2)) == ""


def test_a_suggestion_says_what_is_gained():
    assert (
        suggestion_text(Suggestion(25, 3, 0.187), "SOL")
        == "Annotate SOL on slice 25: 0.19 mL less is then expected to be wrong."
    )
