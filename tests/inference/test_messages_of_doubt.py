"""What is said where a volume deserves less belief: beyond the references, against the curve, outside the contrast."""

import numpy as np
import pytest

from ifss_keras.inference.messages import apart_text, cut_off_text, few_text, warnings_of
from ifss_keras.inference.notes import notes_on, offset_text, unseen_note
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from tests.inference.predictions import SPACING_MM, label_summary

AREAS_MM2 = np.array([0, 40, 20, 30, 30, 20, 60, 0, 0.0])  # 100 of 200 mm2 on the slices 2 to 5


@pytest.mark.parametrize(
    ("curve_ml", "half_ml", "said"),
    [
        (5.0, 0.5, ""),
        (5.5, 0.5, ""),
        (5.6, 0.5, "5.6"),
        (4.4, 0.5, "4.4"),
        (4.6, 0.5, ""),
        (9.0, None, ""),
        (5.04, 0.0, ""),
        (5.06, 0.0, "5.06"),
    ],
)
def test_a_curve_further_off_than_its_interval_is_told_of_on_the_annotated_span_alone(curve_ml, half_ml, said):
    summary = label_summary(
        areas_mm2=AREAS_MM2,
        reference_slices=(2, 4, 5),
        volume_ml=10.0,
        curve_half_ml=half_ml,
        curve_volume_ml=curve_ml,
    )
    text = (
        "Between annotated slices the mask is further from the area curve than that curve should be off. Look at the "
        f"slices between them: SOL has 5 mL, and {said} mL by the curve."
    )
    assert apart_text([summary]) == (text if said else "")
    assert (text in warnings_of([summary])) is bool(said)


def test_all_that_are_further_off_stand_in_one_sentence():
    known = {"areas_mm2": AREAS_MM2, "reference_slices": (2, 3, 5), "volume_ml": 10.0, "curve_half_ml": 0.5}
    off, right = (
        label_summary(curve_volume_ml=curve_ml, name=name, **known) for curve_ml, name in ((9, "A"), (5, "B"))
    )
    other = label_summary(curve_volume_ml=1.0, name="C", **known)
    assert apart_text([off, right, other]).endswith(
        ": A has 5 mL, and 9 mL by the curve; C has 5 mL, and 1 mL by the curve."
    )


def test_slices_annotated_as_empty_are_none_of_the_span_and_two_say_nothing_of_the_curve():
    known = {"areas_mm2": AREAS_MM2, "volume_ml": 10.0, "curve_half_ml": 0.5, "curve_volume_ml": 5.0}
    assert apart_text([label_summary(reference_slices=(0, 2, 5, 8), **known)]) == ""
    unknown = {"curve_volume_ml": 9.0, "curve_half_ml": None}
    assert apart_text([label_summary(reference_slices=(2, 5), **(known | unknown))]) == ""


def test_a_reference_on_a_part_of_the_grid():
    assert offset_text((0, 0, 0)) == ""
    said = "The reference lies on the image's grid, but begins elsewhere, at (slice, row, column) 0, -3, 7."
    assert offset_text((0, -3, 7)) == said


@pytest.mark.parametrize(("grey", "told"), [(0, True), (255, True), (40, False), (np.nan, True)])
def test_a_muscle_drawn_where_nothing_can_be_seen(grey, told):
    image = np.linspace(0, 255, 5 * 20 * 30, dtype=np.float32).reshape(5, 20, 30)
    labels = np.zeros(image.shape, np.uint8)
    labels[[1, 3], 2:6, 3:9], labels[[1, 3], 12:15, 3:9] = 7, 9
    image[labels == 7] = grey
    volume, annotation = Volume.from_array(image, SPACING_MM), Annotation.from_array(labels, {7: "SOL", 9: "GM"})
    said = (
        "The annotated slices of SOL lie where the image is black or white throughout, outside its contrast, so that "
        "nothing can be seen there: check that the reference belongs to this image."
    )
    assert unseen_note(volume, annotation) == said * told
    assert (said in notes_on(volume, annotation)) is told


def test_a_muscle_of_which_a_part_is_black_is_seen():
    image = np.linspace(0, 255, 5 * 20 * 30, dtype=np.float32).reshape(5, 20, 30)
    labels = np.zeros(image.shape, np.uint8)
    labels[[1, 3], 2:12, 3:13] = 7
    image[1, 2:12, 3:12] = 0  # 90 of 200 voxels
    assert unseen_note(Volume.from_array(image, SPACING_MM), Annotation.from_array(labels)) == ""


@pytest.mark.parametrize(
    ("first", "last", "references", "said"),
    [(2, 6, (2, 6), True), (2, 6, (4,), True), (2, 6, (2, 4, 6), False), (2, 3, (2, 3), False), (2, 6, (), False)],
)
def test_too_few_annotated_slices_are_warned_of(first, last, references, said):
    held = label_summary(first_slice=first, last_slice=last, reference_slices=references)
    text = (
        "One or two annotated slices do not tell how thick a muscle becomes, as here with SOL. Annotate another "
        "where it is thickest."
    )
    assert few_text([held]) == text * said
    assert (text in warnings_of([held])) is said


def test_where_the_annotation_stops_too_early_is_said():
    sol, gm = label_summary(cut_off=(2,)), label_summary(name="GM", cut_off=(2, 6))
    assert cut_off_text([sol, gm, label_summary(name="GL")]) == (
        "Where the annotation stops at a thick part of a muscle, the mask stops there or soon after, and neither the "
        "volume nor its interval counts what lies further out: SOL at slice 2; GM at slices 2 and 6. Annotate the "
        "slices where the muscle ends, or say that these are its ends."
    )
    assert cut_off_text([label_summary()]) == ""
