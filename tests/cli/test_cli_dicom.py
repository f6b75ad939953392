"""`ifss` on the folder of a DICOM series, from reference to segmentation; and on a cine."""

import json
import shutil

import highdicom
import numpy as np
import pydicom
import pytest

from ifss_keras.core.records import sha256_of_all
from ifss_keras.volumes.formats.registry import files_of
from ifss_keras.volumes.io import read_labels, read_volume, write_labels
from tests.volumes.formats.dicom_files import cine, save, slices, write_series

NAMES = {3: "SOL", 7: "GM"}


@pytest.fixture
def leg(tmp_path, two_muscles, oblique_affine):
    """The folder of a series and a segmentation of three slices of it."""
    image, labels = two_muscles
    made = slices(np.ascontiguousarray(image.transpose(2, 1, 0)), oblique_affine)
    folder = write_series(tmp_path / "leg", made)
    volume = read_volume(folder)
    if not np.array_equal(volume.array, image):
        labels = labels[::-1]
    references = np.zeros_like(labels)
    references[[2, 6, 10]] = labels[[2, 6, 10]]
    write_labels(tmp_path / "slices.seg.dcm", references, volume, NAMES)
    return folder, tmp_path / "slices.seg.dcm", volume, labels


def test_from_a_series_to_a_segmentation_and_its_evaluation(tmp_path, leg, ifss):
    folder, reference, volume, labels = leg
    mask, truth = tmp_path / "mask.seg.dcm", tmp_path / "truth.nii.gz"
    arguments = ("predict", folder, "--reference", reference, "-o", mask, "--method", "shape", "--json")
    outcome = ifss(*arguments, "--report", tmp_path / "report")
    assert (outcome.code, outcome.err) == (0, "")
    told = json.loads(outcome.out)
    assert told["provenance"]["inputs"]["image"] == {
        "path": str(folder.resolve()), "sha256": sha256_of_all(files_of(folder)),
    }  # fmt: skip
    held = read_labels(mask)
    assert {label["name"]: label["code"] for label in told["labels"]} == {"SOL": 3, "GM": 7}
    for label in told["labels"]:
        voxels = np.count_nonzero(held.array == label["code"])
        assert label["volume_ml"] == pytest.approx(voxels * 2.5 * 0.8 * 0.5 / 1000, rel=1e-6)
        assert voxels > 0.7 * np.count_nonzero(labels == label["code"])
    by_highdicom = highdicom.seg.segread(mask).get_volume(combine_segments=True)
    for number, code in ((1, 3), (2, 7)):
        assert np.count_nonzero(by_highdicom.array == number) == np.count_nonzero(held.array == code)
    kinds = [item.SegmentedPropertyTypeCodeSequence[0].CodeValue for item in pydicom.dcmread(mask).SegmentSequence]
    assert kinds == ["7:932", "7:928"]
    assert ifss(*arguments).code == 0  # again, on its own output
    write_labels(truth, labels, volume)
    for pair in ((mask, truth), (truth, mask), (mask, reference)):
        outcome = ifss("evaluate", *pair, "--json")
        assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(ifss("evaluate", mask, truth, "--json").out)["labels"][0]["dice"] > 0.8


def test_a_segmentation_of_another_format_is_refused_before_anything_is_done(case, ifss, snapshot):
    before = snapshot(case.folder)
    outcome = ifss("predict", case.image, "--reference", case.reference, "-o", case.folder / "mask.seg.dcm")
    assert (outcome.code, outcome.out) == (2, "")
    assert "refers to the DICOM images it was made from" in outcome.err
    assert outcome.err.count("\n") == 1
    assert snapshot(case.folder) == before


def test_a_series_is_not_overwritten_by_its_mask(leg, ifss, snapshot):
    folder, reference, _, _ = leg
    before = snapshot(folder.parent)
    slice_path = next(folder.iterdir())
    shutil.copy(slice_path, slice_path.with_suffix(".dcm"))
    slice_path.unlink()
    outcome = ifss("predict", folder, "--reference", reference, "-o", slice_path.with_suffix(".dcm"))
    assert outcome.code == 2
    assert "would overwrite the input" in outcome.err
    assert len(snapshot(folder.parent)) == len(before)


def test_a_cine_needs_its_frame_step(tmp_path, two_muscles, ifss, write_stored):
    image, labels = two_muscles
    references = np.zeros_like(labels)
    references[[2, 6, 10]] = labels[[2, 6, 10]]
    path = save(cine(image), tmp_path / "cine")
    volume = read_volume(path, frame_step_mm=0.5)
    write_labels(tmp_path / "slices.nii.gz", references, volume)
    arguments = ("predict", path, "--reference", tmp_path / "slices.nii.gz", "-o", tmp_path / "mask.nii.gz",
                 "--method", "shape", "--json")  # fmt: skip
    outcome = ifss(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "frames are not slices" in outcome.err
    assert outcome.err.endswith("(option --frame-step-mm)\n")
    told = json.loads(ifss(*arguments, "--frame-step-mm", "0.5").out)
    assert told["spacing_mm"] == pytest.approx([0.5, 0.2, 0.3])
    assert not any("other programs" in text for text in told["warnings"])
    mask = tmp_path / "mask.nii.gz"  # which has the step that was given
    ml = json.loads(ifss("evaluate", mask, mask, "--json").out)["labels"]
    assert [label["truth_ml"] for label in ml] == pytest.approx([label["volume_ml"] for label in told["labels"]])


def test_a_data_set_of_series_is_checked(tmp_path, leg, ifss):
    folder, reference, _, _ = leg
    for subject in ("P1", "P2"):
        place = tmp_path / "legs" / subject
        shutil.copytree(folder, place / "image")
        shutil.copy(reference, place / "labels.seg.dcm")
        for file in (place / "image").iterdir():
            held = pydicom.dcmread(file)
            held.SOPInstanceUID = f"{held.SOPInstanceUID[:-1]}{subject[1]}"
            held.save_as(file)
    told = json.loads(ifss("data", "check", tmp_path / "legs", "--json").out)
    assert [volume["subject"] for volume in told["volumes"]] == ["P1", "P2"]
    assert all(set(volume["labels"]) == {"SOL", "GM"} for volume in told["volumes"])
    assert not [finding for finding in told["findings"] if "same file" in finding["text"]]


def test_a_frame_step_goes_before_the_files_slice_distance_and_that_is_said(case, read_mask, ifss):
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape", "--json")
    arguments += ("--ends-annotated", "--frame-step-mm")
    told = {step: ifss(*arguments, step) for step in (2.5, 5)}  # the file says 2.5
    assert [outcome.code for outcome in told.values()] == [0, 0]
    assert told[2.5].err == ""
    same, twice = (json.loads(outcome.out) for outcome in told.values())
    assert not any("given spacing" in said for said in same["warnings"])
    assert twice["spacing_mm"] == pytest.approx([5, 0.8, 0.5])
    note = "Millilitres are by the given spacing; the mask keeps the file's (2.5, 0.8, 0.5 mm), by which other "
    assert note + "programs will count 0.5 times as much." in twice["warnings"]
    for once, doubled in zip(same["labels"], twice["labels"], strict=True):
        assert doubled["curve_volume_ml"] == pytest.approx(2 * once["curve_volume_ml"], rel=1e-6)
    np.testing.assert_allclose(read_mask(case.output)[1], case.affine, atol=1e-6)
