"""What is said of the volume and the annotated slices."""

from dataclasses import replace

import numpy as np

from ifss_keras.inference.notes import non_finite_note, notes_on, nothing_to_fill_note, spacing_note, unannotated_note
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from tests.inference.predictions import SPACING_MM, two_boxes


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
        "Every label is annotated on every slice from its first to its last (2 to 10), so there was nothing to fill "
        "between them; if that is not what you drew, the slices lie along another axis."
    )
    assert nothing_to_fill_note(Annotation.from_array(labels)) == said
    assert nothing_to_fill_note(Annotation.from_array(labels, keep_slices=np.arange(4, 11))) == ""
    assert nothing_to_fill_note(Annotation.from_array(labels, keep_slices=np.r_[2:5, 6:11])) == ""
    labels[3:11, 8, 8] = 9
    assert nothing_to_fill_note(Annotation.from_array(labels)) == said.replace("2 to 10", "2 to 10 and 3 to 10")
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
