"""`ifss evaluate` against SimpleITK's own figures."""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

AFFINE = np.diag([0.5, 0.8, 2.5, 1.0])


@pytest.fixture
def files(tmp_path, two_muscles):
    """A truth with labels 3 and 7, and a prediction that is moved by one column and lacks a slice."""
    _, truth = two_muscles
    prediction = np.roll(truth, 1, axis=2)
    prediction[11] = 0
    paths = tmp_path / "prediction.nii.gz", tmp_path / "truth.nii.gz"
    for path, labels in zip(paths, (prediction, truth), strict=True):
        nibabel.Nifti1Image(labels.transpose(2, 1, 0), AFFINE).to_filename(path)
    return paths


def test_figures_are_simpleitks(files, ifss):
    outcome = ifss("evaluate", *files, "--json", "--label", "7=SOL")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    prediction, truth = (sitk.ReadImage(str(path)) for path in files)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(prediction, truth)
    shapes = [sitk.LabelShapeStatisticsImageFilter(), sitk.LabelShapeStatisticsImageFilter()]
    for shape, image in zip(shapes, (prediction, truth), strict=True):
        shape.Execute(image)
    assert [(label["code"], label["name"]) for label in found["labels"]] == [(3, "label 3"), (7, "SOL")]
    for label in found["labels"]:
        code = label["code"]
        assert label["dice"] == pytest.approx(overlap.GetDiceCoefficient(code))
        assert label["iou"] == pytest.approx(overlap.GetJaccardCoefficient(code))
        assert label["recall"] == pytest.approx(1 - overlap.GetFalseNegativeError(code))
        assert label["precision"] == pytest.approx(1 - overlap.GetFalseDiscoveryRate(code))
        predicted_ml, truth_ml = (shape.GetPhysicalSize(code) / 1000 for shape in shapes)
        assert label["prediction_ml"] == pytest.approx(predicted_ml, rel=1e-6)
        assert label["truth_ml"] == pytest.approx(truth_ml, rel=1e-6)
        expected = 100 * (predicted_ml - truth_ml) / truth_ml
        assert label["signed_volume_error_percent"] == pytest.approx(expected, rel=1e-4)
        distance = sitk.HausdorffDistanceImageFilter()
        distance.Execute(prediction == code, truth == code)
        assert label["hausdorff_mm"] == pytest.approx(distance.GetHausdorffDistance(), rel=1e-5)


def test_table_and_report(files, ifss, tmp_path):
    outcome = ifss("evaluate", *files, "--report", tmp_path / "report")
    assert outcome.code == 0
    assert "Dice" in outcome.out
    held = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert held == ["evaluation.json", "overlay.png", "report.html", "report.ifss.json"]
    told = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert told["labels"] == json.loads(ifss("evaluate", *files, "--json").out)["labels"]


def test_a_mask_is_itself(files, ifss):
    for label in json.loads(ifss("evaluate", files[1], files[1], "--json").out)["labels"]:
        assert (label["dice"], label["iou"], label["hausdorff_mm"], label["asd_mm"]) == (1, 1, 0, 0)
        assert label["signed_volume_error_percent"] == 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda a, m: (a[:, :, 1:], m), ["another grid", "shape"]),
        (lambda a, m: (a, m @ np.diag([1, 1, 2, 1])), ["another grid", "spacing"]),
        (lambda a, m: (a + np.float32(0.5), m), ["not whole numbers"]),
    ],
    ids=["shape", "spacing", "not labels"],
)
def test_another_grid_is_refused(spoil, said, files, ifss, snapshot, tmp_path):
    image = nibabel.load(files[0])
    array, affine = spoil(np.asanyarray(image.dataobj), image.affine)
    nibabel.Nifti1Image(array, affine).to_filename(files[0])
    before = snapshot(tmp_path)
    outcome = ifss("evaluate", *files, "--report", tmp_path / "report")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith("Error: ")
    for words in said:
        assert words in outcome.err
    assert snapshot(tmp_path) == before


def test_no_label_and_absent_label_are_refused(files, ifss):
    outcome = ifss("evaluate", *files, "--label", "9=GL")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "label 9" in outcome.err
    for path in files:
        nibabel.Nifti1Image(np.zeros((24, 20, 13), np.uint8), AFFINE).to_filename(path)
    outcome = ifss("evaluate", *files)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
