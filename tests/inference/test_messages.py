"""What users are told, word by word."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.inference.messages import (
    edge_text,
    empty_text,
    ends_text,
    gaps_text,
    interval_texts,
    non_finite_note,
    notes_on,
    nothing_to_fill_note,
    outside_text,
    spacing_note,
    span_text,
    unannotated_note,
    warnings_of,
    wide_text,
)
from ifss_keras.propagation.ends import Ends, presumed_ends
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from tests.inference.predictions import SPACING_MM, label_summary, two_boxes


def test_nothing_is_said_of_a_mask_that_is_as_it_should_be():
    summary = label_summary()
    for text in (gaps_text, empty_text, edge_text, wide_text, ends_text, outside_text):
        assert text(summary) == ""
    assert interval_texts([summary]) == ()
    assert warnings_of(summary) == ()


def test_gaps():
    said = "The mask of SOL is empty on slices {} between annotated ones that hold it. Annotate a slice there."
    assert gaps_text(label_summary(gaps=((3, 5),))) == said.format("3 to 5")
    assert gaps_text(label_summary(gaps=((3, 3), (5, 5)))) == said.format("3, 5")


def test_an_empty_mask():
    summary = label_summary(first_slice=None, last_slice=None)
    assert empty_text(summary) == "The mask of SOL is empty: no voxel was found."


def test_the_edge():
    assert edge_text(label_summary(touches_edge=True)) == (
        "The mask of SOL touches the edge of the volume. The muscle may go on outside the image, and its volume may "
        "then be too small."
    )


def test_warnings_of_a_label_are_all_of_these():
    summary = label_summary(first_slice=None, last_slice=None, touches_edge=True, gaps=((3, 5),), volume_ml_high=0.2)
    rules = (gaps_text, empty_text, edge_text, wide_text)
    assert warnings_of(summary) == tuple(rule(summary) for rule in rules)
    assert all(warnings_of(summary))


WIDE = "The volume of SOL is known to about +-{} % only: annotate another slice, best near slice {}."


@pytest.mark.parametrize(("half_ml", "percent"), [(9.9, None), (10.0, None), (10.3, 10), (17.6, 18), (250.0, 250)])
def test_a_volume_that_is_known_to_a_tenth_only_asks_for_another_slice(half_ml, percent):
    summary = label_summary(volume_ml=100.0, volume_ml_low=max(100 - half_ml, 0), volume_ml_high=100 + half_ml)
    assert wide_text(summary) == ("" if percent is None else WIDE.format(percent, 5))


@pytest.mark.parametrize(
    ("doubtful", "references", "near"), [(5, (2, 4, 6), 5), (3, (2, 4, 6), 3), (5, (2, 4), 6), (3, (4, 6), 2)]
)
def test_another_slice_is_best_where_the_area_is_known_worst_and_beyond_the_references_at_the_end(
    doubtful, references, near
):
    deviations = np.where(np.arange(9) == doubtful, 2.0, 1.0) * ~np.isin(np.arange(9), references)
    known = {"reference_slices": references, "area_deviations_mm2": deviations, "volume_ml_high": 0.15}
    assert wide_text(label_summary(**known)) == WIDE.format(25, near)


def test_nothing_is_wide_without_an_interval_and_without_a_mask():
    assert wide_text(label_summary(volume_ml_low=None, volume_ml_high=None, area_deviations_mm2=None)) == ""
    assert wide_text(label_summary(volume_ml=0.0, volume_ml_low=0.0, volume_ml_high=0.1)) == ""


def test_why_there_is_no_interval_is_said_once_for_all_labels_that_it_is_true_of():
    unknown = {"volume_ml_low": None, "volume_ml_high": None, "area_deviations_mm2": None}
    alone = [label_summary(name=name, reference_slices=(3,), **unknown) for name in ("SOL", "GM")]
    known = label_summary(name="GL")
    said = "No interval for {}: with one annotated slice nothing is known of how far off the volume may be."
    assert interval_texts([alone[0], known, alone[1]]) == (said.format("SOL, GM"),)
    found = label_summary(reference_slices=(), **unknown)
    said = "No interval for SOL: without annotated slices nothing is known of how far off the volume may be."
    assert interval_texts([found]) == (said,)
    grown = label_summary(method="watershed", **unknown)
    assert interval_texts([grown]) == ("No interval for SOL: the method watershed does not say how sure it is.",)


SEEN = "taken to be gone on {}, where the image changes more than at any step inside"
PRESUMED = "presumed to have ended before {}, where the annotated series would go on"


@pytest.mark.parametrize(
    ("seen", "presumed", "said"),
    [
        ((), (1, 21), PRESUMED.format("slices 1 and 21")),
        ((17,), (1,), SEEN.format("slice 17") + "; " + PRESUMED.format("slice 1")),
        ((5, 17), (), SEEN.format("slices 5 and 17")),
    ],
)
def test_an_end_that_was_seen_is_not_presumed_further_out(seen, presumed, said):
    held = (6, 11, 16)
    ends = Ends(seen, tuple(presumed_ends(held, [*held, *seen], 24)))
    assert ends == (seen, presumed)
    assert ends_text(label_summary(ends=ends)) == said


@pytest.mark.parametrize(
    ("first", "last", "references", "said"),
    [
        (2, 6, (2, 6), ""),
        (3, 5, (2, 6), ""),
        (0, 6, (2, 6), "0 to 1"),
        (1, 9, (2, 6), "1 and 7 to 9"),
        (2, 3, (5, 8), "2 to 3"),
        (8, 8, (2, 6), "8"),
        (2, 6, (), ""),
        (None, None, (2, 6), ""),
    ],
)
def test_slices_outside_the_references(first, last, references, said):
    summary = label_summary(first_slice=first, last_slice=last, reference_slices=references)
    assert outside_text(summary) == said


def test_a_run_of_slices():
    assert (span_text((3, 5)), span_text([4, 4])) == ("3 to 5", "4")


def test_a_spacing_that_is_not_the_files():
    volume = Volume.from_array(two_boxes(), SPACING_MM)
    assert spacing_note(volume) == ""
    assert spacing_note(replace(volume, spacing_mm=(5.0, 0.8, 1.0))) == (
        "Millilitres are by the given spacing; the mask keeps the file's (2.5, 0.8, 0.5 mm), by which other programs "
        "will count 0.25 times as much."
    )


def test_voxels_that_are_no_numbers():
    image = np.zeros((3, 4, 5), np.float32)
    assert non_finite_note(Volume.from_array(image, SPACING_MM)) == ""
    assert non_finite_note(Volume.from_array(image.astype(np.int16), SPACING_MM)) == ""
    image[1, 2, 3], image[2] = np.nan, np.inf
    said = "21 of 60 voxels of the image are NaN or infinite and count as black."
    assert non_finite_note(Volume.from_array(image, SPACING_MM)) == said


def test_labels_that_are_named_and_not_annotated():
    labels = two_boxes()
    assert unannotated_note(Annotation.from_array(labels, {5: "SOL", 9: "GM"})) == ""
    assert unannotated_note(Annotation.from_array(labels, {5: "SOL", 9: "GM", 6: "GL", 2: "TP"})) == (
        "The reference names TP (label 2), GL (label 6), but no voxel is annotated as such, so nothing of it was "
        "looked for."
    )


def test_nothing_to_fill():
    labels = np.zeros((14, 10, 11), np.uint8)
    labels[2:11, 3:7, 2:8] = 5
    said = (
        "Every slice from 2 to 10 is annotated, so there was nothing to fill between them; if that is not what you "
        "drew, the slices lie along another axis."
    )
    assert nothing_to_fill_note(Annotation.from_array(labels)) == said
    assert nothing_to_fill_note(Annotation.from_array(labels, keep_slices=np.arange(4, 11))) == ""
    assert nothing_to_fill_note(Annotation.from_array(labels, keep_slices=np.r_[2:5, 6:11])) == ""
    labels[3:11, 8, 8] = 9
    assert nothing_to_fill_note(Annotation.from_array(labels)) == said
    labels[10, 8, 8] = 0
    assert nothing_to_fill_note(Annotation.from_array(labels)) == ""


def test_notes_are_all_of_these_and_without_an_annotation_those_on_the_volume():
    labels = np.zeros((14, 10, 11), np.uint8)
    labels[2:11, 3:7, 2:8] = 5
    image = np.zeros(labels.shape)
    annotation = Annotation.from_array(labels, {6: "GL"})
    assert notes_on(Volume.from_array(image, SPACING_MM), None) == ()
    image[0, 0, 0] = np.nan
    volume = replace(Volume.from_array(image, SPACING_MM), spacing_mm=(5.0, 0.8, 1.0))
    on_volume = (spacing_note(volume), non_finite_note(volume))
    on_annotation = (unannotated_note(annotation), nothing_to_fill_note(annotation))
    assert all((*on_volume, *on_annotation))
    assert notes_on(volume, None) == on_volume
    assert notes_on(volume, annotation) == on_volume + on_annotation
