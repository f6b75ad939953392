"""What a mask measures, in closed form."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.inference.summary import WITHIN_95, Origin, content_order, summarize
from ifss_keras.propagation.area import AreaCurve
from ifss_keras.propagation.cut import Certainty
from ifss_keras.propagation.ends import Ends
from ifss_keras.volumes.annotation import Annotation, LabelAnnotation
from tests.inference.predictions import SPACING_MM, VOXEL_ML, label_summary


@pytest.fixture
def box():
    """Labels (9, 10, 11): 5 is a box of 4 x 6 pixels on slices 2 to 6."""
    labels = np.zeros((9, 10, 11), np.uint8)
    labels[2:7, 3:7, 2:8] = 5
    return labels


def annotated(labels, slices=None, **options):
    return Annotation.from_array(labels, {5: "SOL"}, keep_slices=slices and np.array(slices), **options)


def measured(labels, annotation, code=5, certainty=None):
    return summarize(labels, SPACING_MM, annotation.for_label(code), Origin("shape", certainty=certainty))


def test_a_box(box):
    summary = measured(box, annotated(box, [2, 4, 6]))
    assert (summary.code, summary.name) == (5, "SOL")
    for volume_ml in (summary.volume_ml, summary.curve_volume_ml):
        assert volume_ml == pytest.approx(5 * 24 * VOXEL_ML)
    assert (summary.first_slice, summary.last_slice) == (2, 6)
    assert summary.reference_slices == (2, 4, 6)
    assert summary.touches_edge is False
    np.testing.assert_allclose(summary.areas_mm2, [0, 0] + 5 * [24 * 0.4] + [0, 0])


def test_an_interval_is_1_96_deviations_of_the_sum_of_areas_to_each_side(box):
    summary = measured(box, annotated(box, [2, 4, 6]), certainty=Certainty({3: 2.0, 5: 3.5}, 4.0))
    assert WITHIN_95 == 1.96
    assert summary.volume_ml_low == pytest.approx((5 * 24 - 1.96 * 4) * VOXEL_ML)
    assert summary.volume_ml_high == pytest.approx((5 * 24 + 1.96 * 4) * VOXEL_ML)


def test_deviations_of_areas_are_in_mm2_and_0_where_nothing_is_in_doubt(box):
    summary = measured(box, annotated(box, [2, 4, 6]), certainty=Certainty({3: 2.0, 5: 3.5, 7: 1.0}, 4.0))
    np.testing.assert_allclose(summary.area_deviations_mm2, np.array([0, 0, 0, 2, 0, 3.5, 0, 1, 0]) * 0.4)


def test_no_volume_is_negative(box):
    summary = measured(box, annotated(box, [2, 6]), certainty=Certainty({3: 100.0}, 100.0))
    assert (summary.volume_ml_low, summary.volume_ml_high) == (0, pytest.approx((5 * 24 + 196) * VOXEL_ML))


def test_where_every_slice_is_annotated_nothing_is_in_doubt(box):
    summary = measured(box, annotated(box), certainty=Certainty({}, 0.0))
    assert summary.volume_ml_low == summary.volume_ml == summary.volume_ml_high
    np.testing.assert_array_equal(summary.area_deviations_mm2, np.zeros(9))


def test_where_nothing_is_known_of_the_certainty_there_is_no_interval(box):
    summary = measured(box, annotated(box, [2, 4, 6]))
    assert (summary.volume_ml_low, summary.volume_ml_high, summary.area_deviations_mm2) == (None, None, None)


def test_the_curve_sees_the_references_and_not_the_mask(box):
    summary = measured(np.zeros_like(box), annotated(box, [3, 5]))
    assert summary.volume_ml == 0
    assert (summary.first_slice, summary.last_slice) == (None, None)
    assert summary.curve_volume_ml == pytest.approx(3 * 24 * VOXEL_ML)


def test_the_curve_goes_from_the_first_reference_with_the_label_to_the_last():
    labels = np.zeros((21, 10, 11), np.uint8)
    labels[[3, 6, 9, 12], 3:7, 2:8] = 5
    labels[[0, 3, 15, 18], 0, 0] = 9  # complete: 5 is not there
    summary = measured(labels, annotated(labels, complete=True))
    assert summary.reference_slices == (0, 3, 6, 9, 12, 15, 18)
    areas = AreaCurve({0: 0, 3: 24, 6: 24, 9: 24, 12: 24, 15: 0}).at(range(4, 12))  # the next ones without it count
    assert summary.curve_volume_ml == pytest.approx((24 + areas.sum() + 24) * VOXEL_ML)


def test_one_reference_gives_no_volume_by_the_curve(box):
    summary = measured(box, annotated(box, [3]))
    assert summary.curve_volume_ml is None
    assert summary.volume_ml == pytest.approx(5 * 24 * VOXEL_ML)


def test_a_label_that_needed_no_references_is_measured_all_the_same(box):
    summary = summarize(box, SPACING_MM, LabelAnnotation(5, "SOL", {}, {}), Origin("network"))
    assert (summary.method, summary.reference_slices, summary.gaps) == ("network", (), ())
    assert (summary.curve_volume_ml, summary.volume_ml_high) == (None, None)
    assert summary.volume_ml == pytest.approx(5 * 24 * VOXEL_ML)


def test_runs_without_the_mask_between_references_that_hold_it_are_gaps(box):
    annotation = annotated(box, [2, 6])
    assert measured(box, annotation).gaps == ()
    box[[3, 5]] = 0
    assert measured(box, annotation).gaps == ((3, 3), (5, 5))
    box[4:6] = 0
    assert measured(box, annotation).gaps == ((3, 5),)


def test_a_slice_that_is_missing_beside_a_tip_of_few_pixels_is_no_gap():
    labels = np.zeros((40, 60, 60), np.uint8)
    labels[5:30] = 5  # 90,000 pixels
    labels[2, 0, :40], labels[4, 0, :] = 5, 5
    annotation = annotated(labels, [2, 15, 29])
    assert measured(labels, annotation).gaps == ()
    labels[5] = 0
    assert measured(labels, annotation).gaps == ((5, 5),)  # 3600 pixels may be lost there
    labels[4] = 0
    assert measured(labels, annotation).gaps == ((3, 5),)


def test_beyond_references_and_beside_one_without_the_label_nothing_is_a_gap(box):
    box[4, 0, 0] = 9
    annotation = annotated(box, [2, 4, 6], complete=True)
    found = {code: measured(np.zeros_like(box), annotation, code).gaps for code in annotation.codes}
    assert found == {5: ((3, 3), (5, 5)), 9: ()}
    without = np.where(np.arange(9)[:, None, None] == 4, 0, box)
    assert measured(without, annotation).gaps == ()  # the annotated slice itself is between none
    box[4] = 9  # complete: 5 is not there
    assert measured(np.zeros_like(box), annotated(box, [2, 4, 6], complete=True)).gaps == ()


@pytest.mark.parametrize("place", [(0, 5, 5), (8, 5, 5), (4, 0, 5), (4, 9, 5), (4, 5, 0), (4, 5, 10)])
def test_each_face_is_an_edge(place, box):
    annotation = annotated(box, [4])
    box[place] = 5
    assert measured(box, annotation).touches_edge is True


def test_another_label_at_the_edge_is_none_of_its_business(box):
    box[0, 0, 0] = 6
    annotation = annotated(box)
    assert measured(box, annotation, 5).touches_edge is False
    assert measured(box, annotation, 6).touches_edge is True


def test_how_it_came_about_is_kept(box):
    origin = Origin("network", Ends((7,), (1,)))
    summary = summarize(box, SPACING_MM, annotated(box, [2, 4, 6]).for_label(5), origin)
    assert (summary.method, summary.ends) == (origin.method, origin.ends)


def test_as_json():
    summary = label_summary(method="network", ends=Ends((7,), (0, 8)), gaps=((3, 3), (5, 5)))
    told = summary.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "code": 5,
        "name": "SOL",
        "method": "network",
        "volume_ml": 0.12,
        "volume_ml_low": 0.115,
        "volume_ml_high": 0.125,
        "curve_volume_ml": 0.122,
        "straight_volume_ml": 0.12,
        "length_mm": 12.5,
        "largest_area_mm2": 9.6,
        "first_slice": 2,
        "last_slice": 6,
        "references": 3,
        "reference_slices": [2, 4, 6],
        "presumed_ends": [0, 8],
        "seen_ends": [7],
        "cut_off": [],
        "gaps": [[3, 3], [5, 5]],
        "touches_edge": False,
    }


def test_length_and_largest_area_are_those_of_the_mask():
    summary = label_summary(first_slice=3, last_slice=5, areas_mm2=np.array([0, 0, 0, 4.0, 9.5, 7.0, 0, 0, 0]))
    assert (summary.held, summary.length_mm, summary.largest_area_mm2) == ((3, 5), 7.5, 9.5)
    empty = label_summary(first_slice=None, last_slice=None, areas_mm2=np.zeros(9))
    assert (empty.held, empty.length_mm, empty.largest_area_mm2) == (None, 0, 0)


def test_doubts_are_half_the_interval_of_the_area_over_the_largest():
    summary = label_summary(areas_mm2=np.array([0, 5.0, 20.0]), area_deviations_mm2=np.array([0, 1.0, 4.0]))
    np.testing.assert_allclose(summary.doubts, [0, 1.96 / 20, 7.84 / 20])
    assert label_summary(area_deviations_mm2=None).doubts is None
    assert label_summary(areas_mm2=np.zeros(2), area_deviations_mm2=np.zeros(2)).doubts.tolist() == [0, 0]


def test_straight_lines_join_the_areas_of_the_annotated_slices():
    labels = np.zeros((9, 10, 11), np.uint8)
    labels[2, 0, 1:3], labels[6, 0, 1:11], labels[7, 5, 5] = 5, 5, 5
    summary = measured(labels, annotated(labels, [2, 6]))
    assert summary.straight_volume_ml == pytest.approx((2 + 4 + 6 + 8 + 10) * VOXEL_ML)
    assert measured(labels, annotated(labels, [2])).straight_volume_ml is None


def test_content_order_follows_places_not_codes():
    labels = np.zeros((4, 3, 3), np.uint8)
    labels[1, 2, 2], labels[1, 0, 1], labels[2, 0, 0], labels[3, 0, 0] = 9, 200, 1, 1
    assert content_order(Annotation.from_array(labels)) == [200, 9, 1]
    permuted = np.select([labels == 9, labels == 200, labels == 1], [1, 9, 200]).astype(np.uint8)
    assert content_order(Annotation.from_array(permuted)) == [9, 1, 200]


def test_a_gap_leaves_no_interval(box):
    box[4] = 0
    whole = Annotation.from_array(np.where(np.arange(9)[:, None, None] == 4, 0, box), {5: "SOL"})
    summary = measured(box, whole, certainty=Certainty({4: 2.0}, 4.0))
    assert summary.gaps == ((4, 4),)
    assert (summary.volume_ml_low, summary.volume_ml_high, summary.area_deviations_mm2) == (None, None, None)


@pytest.mark.parametrize(
    ("options", "origin", "cut_off"),
    [
        ({}, Origin("shape"), (2, 6)),
        ({"slices": [3]}, Origin("watershed"), (3,)),
        ({}, Origin("network"), ()),
        ({}, Origin("network", Ends((), (8,))), (6,)),
        ({}, Origin("network", Ends((0,), ())), ()),
    ],
)
def test_where_the_mask_stops_though_the_muscle_is_thick(box, options, origin, cut_off):
    annotation = annotated(box, options.get("slices", [2, 4, 6]))
    assert summarize(box, SPACING_MM, annotation.for_label(5), origin).cut_off == cut_off
    ends = replace(annotation, ends_annotated=True)
    assert summarize(box, SPACING_MM, ends.for_label(5), origin).cut_off == ()


@pytest.mark.parametrize(("presumed", "cut_off"), [(11, ()), (12, (4,)), (3, ())])
def test_a_mask_that_went_past_a_quarter_of_the_way_to_a_presumed_end_was_not_cut_off(box, presumed, cut_off):
    annotation = annotated(box, [2, 3, 4])  # and it goes on to slice 6
    origin = Origin("network", Ends((), (presumed,)))
    assert summarize(box, SPACING_MM, annotation.for_label(5), origin).cut_off == cut_off


def test_a_thin_end_and_the_volumes_edge_are_no_stop(box):
    box[2] = 0
    box[2, 3, 2:8] = 5  # 6 of 24 pixels: a quarter
    assert measured(box, annotated(box, [2, 4, 6])).cut_off == (2, 6)
    box[2, 3, 7] = 0
    assert measured(box, annotated(box, [2, 4, 6])).cut_off == (6,)
    box[7:9] = box[6]
    assert measured(box, annotated(box, [2, 4, 8])).cut_off == ()
