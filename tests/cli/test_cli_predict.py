"""`ifss predict` from files to files."""

import csv
import json
import re
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.propagation.shape import interpolate_shapes
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

SPACING_MM = (2.5, 0.8, 0.5)
VOXEL_ML = 2.5 * 0.8 * 0.5 / 1000


@pytest.fixture(scope="module")
def expected(tiny_preset, two_muscles):
    """The tiny network's mask of the two muscles, from the Python surface and arrays in memory."""
    from ifss_keras.inference.predictor import Predictor

    image, labels = two_muscles
    annotation = Annotation.from_array(labels, keep_slices=np.array([2, 6, 10]))
    return Predictor.from_preset(tiny_preset).predict(Volume.from_array(image, SPACING_MM), annotation).labels


def test_the_tiny_network_decides_between_the_references(expected):
    # guards the tests below against a network that says nothing
    between = np.delete(expected, [2, 6, 10], axis=0)
    assert 0 < np.count_nonzero(between == 3) < between.size / 2
    assert 0 < np.count_nonzero(between == 7) < between.size / 2


@pytest.mark.parametrize("extension", [".nii.gz", ".mha", ".nrrd", ".seg.nrrd"])
def test_every_format_gives_the_same_mask_on_the_images_grid(extension, make_case, predict, read_mask, expected):
    case = make_case(extension)
    found = predict(case)
    labels, affine = read_mask(case.output)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(labels[[2, 6, 10]], case.references[[2, 6, 10]])
    np.testing.assert_allclose(affine, case.affine, atol=1e-5)
    np.testing.assert_allclose(found["spacing_mm"], SPACING_MM, rtol=1e-6)
    for label in found["labels"]:
        assert label["volume_ml"] == pytest.approx((expected == label["code"]).sum() * VOXEL_ML, rel=1e-6)


def test_same_input_same_bytes_and_a_report(case, predict, snapshot, expected):
    predict(case)
    first = case.output.read_bytes()
    report = case.folder / "report"
    found = predict(case, "--report", report, "--label", "7=SOL")
    assert case.output.read_bytes() == first
    reported = {"overlay.png", "report.html", "report.ifss.json", "slices.csv", "volumes.csv", "volumes.xlsx"}
    assert {path.name for path in report.iterdir()} == reported
    assert (report / "overlay.png").read_bytes().startswith(b"\x89PNG")
    assert "SOL" in (report / "report.html").read_text()
    with open(report / "volumes.csv", newline="") as file:
        rows = {row["muscle"]: row for row in csv.DictReader(file)}
    assert {name: int(row["label"]) for name, row in rows.items()} == {"3": 3, "SOL": 7}
    for label in found["labels"]:
        assert float(rows[label["name"]]["volume_ml"]) == pytest.approx(label["volume_ml"], rel=1e-4)
    held = {path.name for path in snapshot(case.folder)}
    expected_names = {"image.nii.gz", "reference.nii.gz", "mask.nii.gz", "mask.nii.gz.ifss.json", "report"}
    assert held == expected_names | reported


def test_json_counts_what_the_mask_holds(case, predict, read_mask):
    found = predict(case, "--method", "shape")
    labels, _ = read_mask(case.output)
    for label in found["labels"]:
        mask = labels == label["code"]
        held = np.flatnonzero(mask.any(axis=(1, 2)))
        assert label["volume_ml"] == pytest.approx(mask.sum() * VOXEL_ML, rel=1e-6)
        assert (label["first_slice"], label["last_slice"]) == (held[0], held[-1])
        assert (label["references"], label["reference_slices"]) == (3, [2, 6, 10])
        assert label["touches_edge"] is False
    assert [label["code"] for label in found["labels"]] == [3, 7]
    assert (found["shape"], found["method"]) == ([13, 20, 24], "shape")
    assert found["weights"] == "none (shape interpolation)"


def test_method_shape_is_the_interpolation_of_the_references(case, predict, read_mask):
    predict(case, "--method", "shape")
    labels, _ = read_mask(case.output)
    for code in (3, 7):
        masks = {index: case.references[index] == code for index in (2, 6, 10)}
        for index, mask in interpolate_shapes(masks, SPACING_MM[1:]):
            np.testing.assert_array_equal(labels[index] == code, mask)
    assert not labels[[0, 1, 11, 12]].any()


def untrained(case, method, *more):
    return ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", method, *more)


def test_every_volume_of_a_network_comes_with_an_interval(case, predict):
    report = case.folder / "report"
    for label in predict(case, "--report", report)["labels"]:
        assert 0 <= label["volume_ml_low"] < label["volume_ml"] < label["volume_ml_high"]
    assert "No interval" not in (report / "report.html").read_text()


def test_one_annotated_slice_gives_no_interval_and_says_why(make_case, ifss, tiny):
    case = make_case(annotated=(6,))
    report = case.folder / "report"
    outcome = ifss("predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", tiny,
                   "--report", report)  # fmt: skip
    said = "No interval for labels 3 and 7: it takes three annotated slices to tell how far off the volume may be."
    assert said in outcome.out.splitlines()
    assert said in (report / "report.html").read_text()
    assert "is known to" not in outcome.err


def test_json_console_and_report_name_the_method(case, ifss, read_mask):
    outcome = ifss(*untrained(case, "watershed", "--json", "--report", case.folder / "report"))
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert (found["method"], found["weights"]) == ("watershed", "none (watershed)")
    assert [label["method"] for label in found["labels"]] == ["watershed", "watershed"]
    assert {label["volume_ml_low"] for label in found["labels"]} == {None}
    page = (case.folder / "report" / "report.html").read_text()
    said = "No interval for labels 3 and 7: the method watershed does not say how sure it is."
    assert said in page
    assert said not in page.replace(said, "", 1)
    labels, _ = read_mask(case.output)
    np.testing.assert_array_equal(labels[[2, 6, 10]], case.references[[2, 6, 10]])
    assert not labels[[0, 1, 11, 12]].any()
    assert said in ifss(*untrained(case, "watershed")).out.splitlines()


@pytest.mark.parametrize("method", ["morphological", "growcut"])
def test_a_method_that_is_not_installed_is_one_sentence(method, case, ifss, monkeypatch):
    monkeypatch.setitem(sys.modules, "itk", None)  # import itk raises
    outcome = ifss(*untrained(case, method))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(f"Error: The method {method} needs ITK's ")
    assert outcome.err.endswith("-m pip install itk-growcut itk-morphologicalcontourinterpolation.\n")
    assert not case.output.exists()


def test_a_method_without_network_does_not_wait_for_tensorflow(case):
    script = f"""
import contextlib, sys
from ifss_keras.cli.main import main
with contextlib.suppress(SystemExit):
    main({[str(argument) for argument in untrained(case, "random-walker", "--ends-annotated")]})
print(sorted({{'tensorflow', 'keras'}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
    assert case.output.is_file()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axis_is_the_stored_axis_of_the_slices(axis, tmp_path, two_muscles, oblique_affine, write_stored, ifss):
    _, labels = two_muscles
    references = np.where(np.isin(np.arange(13), [2, 6, 10])[:, None, None], labels, 0)
    order = {0: (0, 2, 1), 1: (2, 0, 1), 2: (2, 1, 0)}[axis]  # (slice, row, column) to i, j, k
    files = {"image": labels * 20, "reference": references}
    paths = {name: tmp_path / f"{name}.nrrd" for name in (*files, "mask")}
    for name, array in files.items():
        write_stored(paths[name], np.ascontiguousarray(array.transpose(order)), oblique_affine)
    arguments = ["predict", paths["image"], "--reference", paths["reference"], "-o", paths["mask"]]
    assert ifss(*arguments, "--axis", axis, "--method", "shape").code == 0
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(paths["mask"]))).transpose(2, 1, 0)
    found = stored.transpose(np.argsort(order))
    spacing_mm = np.linalg.norm(oblique_affine[:3, :3], axis=0)[np.argsort(order)]
    np.testing.assert_array_equal(found[[2, 6, 10]], labels[[2, 6, 10]])
    for code in (3, 7):
        masks = {index: labels[index] == code for index in (2, 6, 10)}
        for index, mask in interpolate_shapes(masks, tuple(spacing_mm[1:])):
            np.testing.assert_array_equal(found[index] == code, mask)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_forgotten_axis_is_noticed(axis, tmp_path, two_muscles, oblique_affine, write_stored, ifss):
    _, labels = two_muscles
    references = np.where(np.isin(np.arange(13), [2, 10])[:, None, None], labels, 0)
    order = {0: (0, 2, 1), 1: (2, 0, 1)}[axis]
    paths = {name: tmp_path / f"{name}.mha" for name in ("image", "reference")}
    for path, array in zip(paths.values(), (labels * 20, references), strict=True):
        write_stored(path, np.ascontiguousarray(array.transpose(order)), oblique_affine)
    arguments = ("predict", paths["image"], "--reference", paths["reference"], "-o", tmp_path / "m.mha")
    arguments += ("--method", "shape")
    refused = ifss(*arguments)
    assert refused.code == 2
    assert f"; give the axis {axis}, or 2 if it is right. (option --axis)\n" in refused.err
    assert not (tmp_path / "m.mha").exists()
    assert ifss(*arguments, "--axis", axis).code == 0
    assert ifss(*arguments, "--axis", 2).code == 0


def test_spacing_changes_millilitres_and_not_the_grid(case, predict, read_mask, ifss):
    before = predict(case, "--method", "shape")
    _, affine = read_mask(case.output)
    after = predict(case, "--method", "shape", "--spacing-mm", "5,2.4,1.5")
    np.testing.assert_array_equal(read_mask(case.output)[1], affine)
    assert after["spacing_mm"] == [5, 2.4, 1.5]
    said = ifss("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape",
                "--spacing-mm", "5,2.4,1.5", "--report", case.folder / "r").err  # fmt: skip
    note = "by which other programs will count 0.05556 times as much."
    assert said.startswith("Warning: Millilitres are by the given spacing; the mask keeps the file's")
    assert note in said
    assert note in (case.folder / "r" / "report.html").read_text()
    for old, new in zip(before["labels"], after["labels"], strict=True):
        assert new["curve_volume_ml"] == pytest.approx(18 * old["curve_volume_ml"], rel=1e-6)
        for name in ("volume_ml", "volume_ml_low", "volume_ml_high"):  # pixels as far from the border may count or not
            assert new[name] == pytest.approx(18 * old[name], rel=0.01)


def test_label_names_reach_table_and_segmentation(make_case, ifss):
    case = make_case(".seg.nrrd")
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    outcome = ifss(*arguments, "--label", "7=SOL", "--label", "3=GM medial")
    assert outcome.code == 0
    assert "SOL" in outcome.out
    assert "GM medial" in outcome.out
    image = sitk.ReadImage(str(case.output))
    names = {
        image.GetMetaData(f"Segment{index}_LabelValue"): image.GetMetaData(f"Segment{index}_Name") for index in (0, 1)
    }
    assert names == {"7": "SOL", "3": "GM medial"}


def test_complete_says_that_a_missing_label_has_ended(case, predict, read_mask):
    image = nibabel.load(case.reference)
    references = np.asanyarray(image.dataobj).copy()
    references[:, :, 10][references[:, :, 10] == 3] = 0
    nibabel.Nifti1Image(references, image.affine).to_filename(case.reference)
    spans = {}
    for more in ((), ("--complete",)):
        found = predict(case, "--method", "shape", *more)
        spans[more] = {label["code"]: label["last_slice"] for label in found["labels"]}
    assert spans[()] == {3: 6, 7: 10}
    # between slice 6, which holds it, and slice 10, which does not, it shrinks and is gone half-way
    assert spans[("--complete",)] == {3: 7, 7: 10}


@pytest.mark.parametrize("more", [(), ("--complete",)])
def test_nothing_is_drawn_beyond_ends_that_are_annotated(more, make_case, predict, read_mask):
    case = make_case(annotated=(3, 5, 7))
    image = nibabel.load(case.reference)
    references = np.asanyarray(image.dataobj).copy()
    references[:, :, 9] = np.where(case.labels[9].T == 7, 7, 0)  # label 3 ends on slice 7
    nibabel.Nifti1Image(references, image.affine).to_filename(case.reference)
    predict(case)
    free, _ = read_mask(case.output)
    # that label 3 is absent on slice 9, as `--complete` says, is beyond its end and tells nothing of its areas, either
    found = predict(case, "--ends-annotated", *more)
    ended, _ = read_mask(case.output)
    slices = np.arange(13)[:, None, None]
    assert ((free > 0) & ((slices < 3) | (slices > 9))).any()  # the network goes on, unless it is told
    np.testing.assert_array_equal(ended == 7, (free == 7) & (slices >= 3) & (slices <= 9))
    np.testing.assert_array_equal(ended == 3, (free == 3) & (slices >= 3) & (slices <= 7))
    assert [label["presumed_ends"] for label in found["labels"]] == [[], []]


def test_without_a_network_ends_that_are_annotated_are_ends_as_well(case, predict):
    image = nibabel.load(case.reference)
    references = np.asanyarray(image.dataobj).copy()
    references[:, :, 10][references[:, :, 10] == 3] = 0
    nibabel.Nifti1Image(references, image.affine).to_filename(case.reference)
    found = predict(case, "--method", "shape", "--complete", "--ends-annotated")
    assert {label["code"]: label["last_slice"] for label in found["labels"]} == {3: 6, 7: 10}


def test_as_a_command_of_its_own(case, tiny_preset):
    arguments = ["predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", tiny_preset]
    command = [sys.executable, "-m", "ifss_keras.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    known = r"Warning: The(se volumes are known only| volume of label [37] is known| masks? of labels? [37])"
    for line in done.stderr.splitlines():
        assert re.match(known, line)
    assert "Volumes" in done.stdout
    assert f"Wrote {case.output}" in done.stdout.replace("\n", "")
    assert case.output.is_file()


def test_the_default_preset_carries_two_muscles(case, ifss, read_mask):
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--json")
    outcome = ifss(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["weights"] == DEFAULT_PRESET
    labels, _ = read_mask(case.output)
    inside = slice(2, 11)
    for code in (3, 7):
        found, true = labels[inside] == code, case.labels[inside] == code
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.85
