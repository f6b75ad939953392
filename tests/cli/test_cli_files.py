"""Files that are not what they seem, as the commands meet them."""

import json
import os

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.volumes.io import read_labels
from tests.cli.test_cli_refusals import one_sentence

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture
def silent(tmp_path, two_muscles):
    """An image, its labels on every third slice, and all of its labels, as MetaImage files that say no spacing."""
    image, labels = two_muscles
    references = np.where(np.arange(len(labels))[:, None, None] % 3 == 1, labels, 0).astype(np.uint8)
    paths = [tmp_path / f"{name}.mha" for name in ("image", "references", "truth")]
    for path, array in zip(paths, (image, references, labels), strict=True):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
        content = path.read_bytes()
        assert content.count(b"ElementSpacing = 1 1 1\n") == 1
        path.write_bytes(content.replace(b"ElementSpacing = 1 1 1\n", b""))
    return paths


def test_without_a_spacing_predict_asks_for_it_and_measures_with_it(silent, ifss, tmp_path):
    image, references, truth = silent
    mask = tmp_path / "mask.mha"
    command = ("predict", image, "--reference", references, "-o", mask, "--method", "shape", "--json")
    outcome = ifss(*command)
    assert "does not say how far its voxels lie apart in mm" in one_sentence(outcome)
    assert outcome.err.endswith("(option --spacing-mm)\n")
    assert not mask.exists()

    outcome = ifss(*command, "--spacing-mm", "2.5,0.8,0.5")
    assert (outcome.code, outcome.err) == (0, "")
    array = read_labels(mask).array
    for label in json.loads(outcome.out)["labels"]:
        assert label["volume_ml"] == pytest.approx((array == label["code"]).sum() * 0.001, rel=1e-6)

    outcome = ifss("evaluate", mask, truth, "--json")
    assert outcome.err.endswith("(option --spacing-mm)\n")
    outcome = ifss("evaluate", mask, truth, "--json", "--spacing-mm", "2.5,0.8,0.5")
    assert (outcome.code, outcome.err) == (0, "")
    true_ml = [label["truth_ml"] for label in json.loads(outcome.out)["labels"]]
    labels = read_labels(truth, spacing_mm=SPACING_MM).array
    assert true_ml == pytest.approx([(labels == code).sum() * 0.001 for code in (3, 7)])


def test_predict_refuses_a_spacing_that_no_body_has(silent, ifss, tmp_path):
    image, references, _ = silent
    command = ("predict", image, "--reference", references, "-o", tmp_path / "mask.mha", "--method", "shape")
    for spacing in ("51,1,1", "1,1e6,1", "49,49,126"):
        outcome = ifss(*command, "--spacing-mm", spacing)
        one_sentence(outcome)
        assert outcome.err.endswith("(option --spacing-mm)\n")


def test_evaluate_refuses_an_image_as_predict_does(case, ifss, tmp_path):
    for command in (
        ("evaluate", case.image, case.reference),
        ("evaluate", case.reference, case.image),
        ("predict", case.image, "--reference", case.image, "-o", tmp_path / "mask.nii", "--method", "shape"),
    ):
        message = one_sentence(ifss(*command))
        assert "looks like an image" in message
        assert "pass the segmentation" in message


def test_evaluate_takes_labels_by_the_hundred(ifss, tmp_path):
    labels = np.kron(np.arange(1, 161).reshape(4, 5, 8), np.ones((3, 4, 4), np.int64)).astype(np.uint8)
    nibabel.Nifti1Image(labels, np.eye(4)).to_filename(tmp_path / "a.nii")
    outcome = ifss("evaluate", tmp_path / "a.nii", tmp_path / "a.nii", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert {label["dice"] for label in json.loads(outcome.out)["labels"]} == {1.0}


@pytest.mark.parametrize("limit", ["0.000001", "-1", "nan"])
def test_a_file_beyond_the_memory_that_is_allowed_is_refused(case, ifss, limit):
    predict = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    for command in (predict, ("evaluate", case.reference, case.reference)):
        outcome = ifss(*command, "--max-gb", limit)
        one_sentence(outcome)
        assert outcome.err.endswith("(option --max-gb)\n")
    assert not case.output.exists()
    assert ifss(*predict, "--max-gb", "0.001").code == 0


@pytest.mark.parametrize("option", ["predict --memory-gb", "serve --max-memory-gb"])
@pytest.mark.parametrize("gigabytes", ["0", "-1", "nan"])
def test_memory_is_a_number_above_nothing(case, ifss, option, gigabytes):
    command, name = option.split()
    inputs = (case.image, "--reference", case.reference, "-o", case.output) if command == "predict" else ()
    message = one_sentence(ifss(command, *inputs, name, gigabytes))
    assert name in message
    assert gigabytes in message


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".mhd", ".seg.nrrd", ".nhdr"])
def test_names_that_are_not_utf8_are_read_and_written(case, ifss, extension):
    folder = case.folder / os.fsdecode(b"f\xfclder")
    folder.mkdir()
    image, reference = (folder / f"{os.fsdecode(bytes([0xE9]))}{path.name}" for path in (case.image, case.reference))
    case.image.rename(image)
    case.reference.rename(reference)
    mask = folder / f"mask{extension}"
    outcome = ifss("predict", image, "--reference", reference, "-o", mask, "--method", "shape", "--json")
    assert outcome.code == 0
    found = read_labels(mask).array
    np.testing.assert_array_equal(found[[2, 6, 10]], case.references[[2, 6, 10]])

    other = folder / os.fsdecode(b"m\xe4sk" + extension.encode())
    outcome = ifss("predict", image, "--reference", reference, "-o", other, "--method", "shape", "--json")
    if extension in (".mhd", ".nhdr"):  # whose header names a second file
        assert "expected a name in UTF-8" in one_sentence(outcome)
        return
    assert outcome.code == 0
    np.testing.assert_array_equal(read_labels(other).array, found)


def test_a_segment_of_a_negative_value_is_refused(ifss, tmp_path):
    path = tmp_path / "a.seg.nrrd"
    layers = np.zeros((4, 5, 6, 2), np.uint8)
    layers[1:3, 1:3, 1:3, 0] = 1
    image = sitk.GetImageFromArray(layers, isVector=True)
    for key, text in (("0_ID", "A"), ("0_LabelValue", "-1"), ("0_Layer", "0"), ("1_ID", "B"), ("1_Layer", "1")):
        image.SetMetaData(f"Segment{key}", text)
    sitk.WriteImage(image, str(path))
    assert "value -1 in layer 0: expected whole numbers from 0 up" in one_sentence(ifss("evaluate", path, path))
