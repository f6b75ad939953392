"""A prediction: its names, volumes and warnings, as JSON, and as a file."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.colours import PALETTE
from ifss_keras.core.errors import InputError
from ifss_keras.inference.messages import remarks_on, warnings_of
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import Origin
from ifss_keras.propagation.cut import Certainty
from ifss_keras.propagation.ends import Ends
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.io import read_labels
from ifss_keras.volumes.volume import Volume
from tests.inference.predictions import SPACING_MM, VOXEL_ML, in_memory, two_boxes

NAMES = {9: "GM", 5: "SOL"}
MEASURED = ("volume_ml", "curve_volume_ml", "straight_volume_ml", "largest_area_mm2")
FIVE, NINE = 5 * 24 * VOXEL_ML, 5 * 6 * VOXEL_ML


def test_names_and_volumes_are_in_the_order_of_the_codes():
    prediction = in_memory(two_boxes(), [3, 5], NAMES)
    assert list(prediction.names.items()) == [(5, "SOL"), (9, "GM")]
    assert list(prediction.volumes_ml) == ["SOL", "GM"]
    assert prediction.volumes_ml == pytest.approx({"SOL": FIVE, "GM": NINE})


def test_each_label_has_its_own_origin_or_all_have_one():
    origins = {5: Origin("network"), 9: Origin("shape", Ends((8,)))}
    five, nine = in_memory(two_boxes(), [3, 5], NAMES, origins=origins).summaries
    assert (five.method, five.ends) == ("network", Ends())
    assert (nine.method, nine.ends) == ("shape", Ends((8,)))
    assert [summary.method for summary in in_memory(two_boxes(), [3, 5]).summaries] == ["shape", "shape"]


def test_found_labels_are_all_that_were_looked_for():
    volume = Volume.from_array(np.zeros((9, 10, 11), np.uint8), SPACING_MM)
    prediction = Prediction.of_found_labels(two_boxes(), volume, {9: "GM", 5: "SOL", 7: "GL"}, "network")
    assert list(prediction.names.items()) == [(5, "SOL"), (7, "GL"), (9, "GM")]
    assert prediction.volumes_ml == pytest.approx({"SOL": FIVE, "GL": 0, "GM": NINE})
    assert {summary.method for summary in prediction.summaries} == {"network"}
    assert {summary.reference_slices for summary in prediction.summaries} == {()}
    assert prediction.warnings == ("The mask of GL is empty: no voxel was found.",)


def test_warnings_are_the_notes_and_then_those_of_each_kind():
    assert in_memory(two_boxes(), [2, 3, 4, 6, 7], NAMES, origins="network").warnings == ()
    labels = two_boxes()
    image = np.zeros(labels.shape)
    image[0, 0, :2] = np.nan
    annotated = in_memory(labels, [2, 3, 4, 6, 7], NAMES | {4: "GL"}, image=image, origins="network")
    notes = (
        "2 of 990 voxels of the image are NaN or infinite and count as black.",
        "The reference names GL (label 4), but no voxel is annotated as such, so nothing of it was looked for.",
    )
    assert annotated.notes == annotated.warnings == notes
    five, nine = annotated.summaries
    empty = replace(five, first_slice=None, last_slice=None)
    at_edge = replace(nine, touches_edge=True, gaps=((5, 5),))
    assert replace(annotated, summaries=(empty, at_edge)).warnings == (
        *notes,
        "The mask of GM is empty on slice 5 between annotated ones that hold it. Annotate a slice there.",
        "The mask of SOL is empty: no voxel was found.",
        "The mask of GM touches the edge of the volume. The muscle may go on outside the image, and its volume may "
        "then be too small.",
    )


def test_as_json():
    labels = two_boxes()
    labels[5][labels[5] == 5] = 0
    certainty = Certainty({3: 2.0}, 2.5)
    origins = {5: Origin("network", Ends((7,), (1,)), certainty), 9: Origin("shape")}
    prediction = in_memory(labels, [2, 4, 6], NAMES, origins=origins)
    told = prediction.to_dict()
    assert len(told["remarks"]) == 5  # no interval twice, slices outside, an end that was seen, one that is presumed
    assert json.loads(json.dumps(told)) == told
    volumes = {name: [label.pop(name) for label in told["labels"]] for name in MEASURED}
    assert volumes["volume_ml"] == pytest.approx([FIVE * 4 / 5, NINE])
    intervals = [[label.pop(f"volume_ml_{end}") for end in ("low", "high")] for label in told["labels"]]
    assert intervals == [[None, None], [None, None]]  # a gap, and two annotated slices
    assert volumes["curve_volume_ml"] == pytest.approx([FIVE, NINE * 3 / 5])
    assert volumes["straight_volume_ml"] == pytest.approx([FIVE, NINE * 3 / 5])
    assert volumes["largest_area_mm2"] == pytest.approx([24 * 0.4, 6 * 0.4])
    assert told == {
        "shape": [9, 10, 11],
        "spacing_mm": [2.5, 0.8, 0.5],
        "warnings": list(warnings_of(prediction.summaries)),
        "remarks": list(remarks_on(prediction.summaries)),
        "labels": [
            {
                "code": 5,
                "name": "SOL",
                "method": "network",
                "length_mm": 12.5,
                "first_slice": 2,
                "last_slice": 6,
                "references": 3,
                "reference_slices": [2, 4, 6],
                "presumed_ends": [1],
                "seen_ends": [7],
                "cut_off": [2],
                "gaps": [[5, 5]],
                "touches_edge": False,
            },
            {
                "code": 9,
                "name": "GM",
                "method": "shape",
                "length_mm": 12.5,
                "first_slice": 3,
                "last_slice": 7,
                "references": 2,
                "reference_slices": [4, 6],
                "presumed_ends": [],
                "seen_ends": [],
                "cut_off": [4, 6],
                "gaps": [],
                "touches_edge": False,
            },
        ],
    }


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".seg.nrrd"])
def test_saved_masks_come_back_on_the_same_grid(suffix, tmp_path):
    prediction = in_memory(two_boxes(), [3, 5], NAMES)
    path = tmp_path / f"mask{suffix}"
    prediction.save(path)
    again = read_labels(path)
    np.testing.assert_array_equal(again.array, two_boxes())
    np.testing.assert_allclose(again.affine, prediction.volume.affine, atol=1e-6)
    np.testing.assert_allclose(again.spacing_mm, SPACING_MM, rtol=1e-6)
    assert again.source.names == (prediction.names if suffix == ".seg.nrrd" else {})
    assert [held.name for held in tmp_path.iterdir()] == [path.name]


def test_a_label_that_was_not_found_keeps_its_name_in_the_file(tmp_path):
    labels = two_boxes()
    volume = Volume.from_array(np.zeros(labels.shape, np.uint8), SPACING_MM)
    Prediction.of_found_labels(labels, volume, {5: "SOL", 7: "GL", 9: "GM"}, "network").save(f"{tmp_path}/m.seg.nrrd")
    assert read_labels(tmp_path / "m.seg.nrrd").source.names == {5: "SOL", 7: "GL", 9: "GM"}


def test_a_mask_that_cannot_be_saved_is_refused(tmp_path):
    prediction = in_memory(two_boxes(), [3, 5])
    with pytest.raises(InputError, match="unknown extension"):
        prediction.save(tmp_path / "mask.jpg")
    with pytest.raises(InputError, match="expected an existing folder"):
        prediction.save(tmp_path / "missing" / "mask.mha")


def test_the_colours_of_the_annotation_are_those_of_the_saved_mask(tmp_path):
    prediction = replace(in_memory(two_boxes(), [3, 5], NAMES), colours={9: (1, 2, 3)})
    prediction.save(tmp_path / "mask.seg.nrrd")
    volume = Volume.from_array(np.zeros((9, 10, 11), np.uint8), SPACING_MM)
    again = read_annotation(tmp_path / "mask.seg.nrrd", volume)
    assert again.colours == {5: PALETTE[0], 9: (1, 2, 3)}
    assert in_memory(two_boxes(), again).colours == again.colours
