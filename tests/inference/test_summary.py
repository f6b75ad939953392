"""What a mask measures, in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.data.references import References
from ifss_keras.inference.adaptive import Choice
from ifss_keras.inference.summary import check_text, content_order, ends_text, gaps_text, summarize

SPACING_MM = (2.5, 0.8, 0.5)
VOXEL_ML = 2.5 * 0.8 * 0.5 / 1000


@pytest.fixture
def box():
    """Labels (9, 10, 11): 5 is a box of 4 x 6 pixels on slices 2 to 6."""
    labels = np.zeros((9, 10, 11), np.uint8)
    labels[2:7, 3:7, 2:8] = 5
    return labels


def test_a_box(box):
    references = References.from_array(box, {5: "SOL"}, keep_slices=np.array([2, 4, 6]))
    (summary,) = summarize(box, SPACING_MM, references, "shape")
    assert (summary.code, summary.name) == (5, "SOL")
    for volume_ml in (summary.volume_ml, summary.shape_volume_ml, summary.spline_volume_ml):
        assert volume_ml == pytest.approx(5 * 24 * VOXEL_ML)
    assert (summary.first_slice, summary.last_slice) == (2, 6)
    assert summary.reference_slices == (2, 4, 6)
    assert summary.touches_edge is False
    np.testing.assert_allclose(summary.areas_mm2, [0, 0] + 5 * [24 * 0.4] + [0, 0])


def test_shape_and_spline_see_the_references_and_not_the_mask(box):
    references = References.from_array(box, keep_slices=np.array([3, 5]))
    (summary,) = summarize(np.zeros_like(box), SPACING_MM, references, "shape")
    assert summary.volume_ml == 0
    assert (summary.first_slice, summary.last_slice) == (None, None)
    assert summary.shape_volume_ml == pytest.approx(3 * 24 * VOXEL_ML)
    assert summary.spline_volume_ml == pytest.approx(3 * 24 * VOXEL_ML)


def test_slices_annotated_as_empty_do_not_bend_the_spline():
    labels = np.zeros((21, 10, 11), np.uint8)
    labels[[3, 6, 9, 12], 3:7, 2:8] = 5
    labels[[0, 3, 15, 18], 0, 0] = 9  # complete: 5 is not there
    references = References.from_array(labels, complete=True)
    summary = summarize(labels, SPACING_MM, references, "shape")[0]
    assert summary.reference_slices == (0, 3, 6, 9, 12, 15, 18)
    assert summary.spline_volume_ml == pytest.approx(10 * 24 * VOXEL_ML)


def test_one_reference_gives_no_volume_by_shape_or_spline(box):
    references = References.from_array(box, keep_slices=np.array([3]))
    (summary,) = summarize(box, SPACING_MM, references, "shape")
    assert (summary.shape_volume_ml, summary.spline_volume_ml) == (None, None)
    assert summary.volume_ml == pytest.approx(5 * 24 * VOXEL_ML)


def test_runs_without_the_mask_between_references_that_hold_it_are_gaps(box):
    references = References.from_array(box, {5: "SOL"}, keep_slices=np.array([2, 6]))
    (summary,) = summarize(box, SPACING_MM, references, "shape")
    assert (summary.gaps, gaps_text(summary)) == ((), "")
    box[[3, 5]] = 0
    (summary,) = summarize(box, SPACING_MM, references, "shape")
    assert summary.gaps == ((3, 3), (5, 5))
    box[4:6] = 0
    (summary,) = summarize(box, SPACING_MM, references, "shape")
    assert summary.gaps == ((3, 5),)
    assert gaps_text(summary).startswith("The mask of SOL is empty on slices 3 to 5 between annotated ones that hold")


def test_beyond_references_and_beside_one_without_the_label_nothing_is_a_gap(box):
    box[4, 0, 0] = 9
    references = References.from_array(box, keep_slices=np.array([2, 4, 6]), complete=True)
    found = {summary.code: summary.gaps for summary in summarize(np.zeros_like(box), SPACING_MM, references, "shape")}
    assert found == {5: ((3, 3), (5, 5)), 9: ()}
    labels = np.where(np.arange(9)[:, None, None] == 4, 0, box)
    references = References.from_array(np.where(labels == 5, 5, box), keep_slices=np.array([2, 4, 6]), complete=True)
    (gaps, _) = (summary.gaps for summary in summarize(labels, SPACING_MM, references, "shape"))
    assert gaps == ()


SEEN = "taken to be gone on {}, where the image changes more than at any step inside"
PRESUMED = "presumed to have ended before {}, where the annotated series would go on"


@pytest.mark.parametrize(
    ("gone", "presumed", "said"),
    [
        ((), (1, 21), PRESUMED.format("slices 1 and 21")),
        ((17,), (1,), SEEN.format("slice 17") + "; " + PRESUMED.format("slice 1")),
        ((5, 17), (), SEEN.format("slices 5 and 17")),
    ],
)
def test_an_end_that_was_seen_is_not_presumed_further_out(gone, presumed, said):
    labels = np.zeros((24, 10, 11), np.uint8)
    labels[6:17, 3:7, 2:8] = 5
    references = References.from_array(labels, keep_slices=np.array([6, 11, 16]))
    (summary,) = summarize(labels, SPACING_MM, references, "network", {5: Choice("network", None)}, {5: gone})
    assert (summary.seen_ends, summary.presumed_ends) == (gone, presumed)
    assert ends_text(summary) == said
    (summary,) = summarize(labels, SPACING_MM, references, "shape")
    assert ends_text(summary) == ""


@pytest.mark.parametrize("place", [(0, 5, 5), (8, 5, 5), (4, 0, 5), (4, 9, 5), (4, 5, 0), (4, 5, 10)])
def test_each_face_is_an_edge(place, box):
    references = References.from_array(box, keep_slices=np.array([4]))
    box[place] = 5
    (summary,) = summarize(box, SPACING_MM, references, "shape")
    assert summary.touches_edge is True


def test_another_label_at_the_edge_is_none_of_its_business(box):
    box[0, 0, 0] = 6
    first, second = summarize(box, SPACING_MM, References.from_array(box), "shape")
    assert (first.code, first.touches_edge) == (5, False)
    assert (second.code, second.touches_edge) == (6, True)


def test_content_order_follows_places_not_codes():
    labels = np.zeros((4, 3, 3), np.uint8)
    labels[1, 2, 2], labels[1, 0, 1], labels[2, 0, 0], labels[3, 0, 0] = 9, 200, 1, 1
    assert content_order(References.from_array(labels)) == [200, 9, 1]
    permuted = np.select([labels == 9, labels == 200, labels == 1], [1, 9, 200]).astype(np.uint8)
    assert content_order(References.from_array(permuted)) == [9, 1, 200]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("adapted network", ""),
        ("network", "; the adapted network is not taken, as so few slices can mislead"),
    ],
)
def test_what_was_decided_on_is_said_and_why_the_best_was_not_taken(box, method, said):
    references = References.from_array(box, keep_slices=np.array([2, 4, 6]))
    (summary,) = summarize(box, SPACING_MM, references, method)
    assert check_text(summary) == ""
    summary = replace(summary, check={"shape": 0.5, "network": 0.9, "adapted network": 0.905}, check_slices=(4, 12))
    found = "Dice on slices 4, 12, held back and found over twice the usual distance: "
    found += "shape 0.500, network 0.900, adapted network 0.905"
    assert check_text(summary) == found + said
