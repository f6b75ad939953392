"""`ifss reconstruct`, and `ifss predict` on the frames of a sweep."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from tests.volumes.sequences import frame_fields, frames_of, text_of, write_mha

PIXEL_MM = (0.8, 0.5)
CALIBRATION = np.diag([PIXEL_MM[1], PIXEL_MM[0], 1.0, 1.0])


@pytest.fixture
def sweep(tmp_path, two_muscles):
    """The two muscles in frames 2 mm apart along z, the 5th of which was not tracked; and the labels on the frames."""
    image, labels = two_muscles
    fields = {"ImageToProbeTransform": text_of(CALIBRATION)}
    for k in range(len(image)):
        pose = np.eye(4)
        pose[:3, 3] = -30, 11, 2 * k
        fields[f"Seq_Frame{k:04d}_ProbeToTrackerTransform"] = text_of(pose)
        fields[f"Seq_Frame{k:04d}_ProbeToTrackerTransformStatus"] = "INVALID" if k == 4 else "OK"
    path = write_mha(tmp_path / "sweep.igs.mha", image, fields)
    marked = sitk.GetImageFromArray(labels)
    marked.SetSpacing((0.1, 0.2, 0.3))
    sitk.WriteImage(marked, str(tmp_path / "labels.nii.gz"))
    return path


def test_a_sweep_and_its_labels_become_volumes(sweep, ifss, two_muscles):
    folder = sweep.parent
    outcome = ifss("reconstruct", sweep, "-o", folder / "v.mha", "--labels", folder / "labels.nii.gz",
                   "-o2", folder / "l.seg.nrrd", "--spacing-mm", 0.4)  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("1 of 13 frames were not tracked and are left out.\nWrote ")
    assert "(61x39x30 voxels of 0.4 mm in Tracker)" in outcome.out
    written = sitk.ReadImage(str(folder / "v.mha"))
    assert written.GetSize() == (30, 39, 61)
    assert (written.GetOrigin(), written.GetSpacing()) == ((-30, 11, 0), (0.4, 0.4, 0.4))
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "l.seg.nrrd")))
    true_ml = {code: np.count_nonzero(two_muscles[1] == code) * 0.8 * 0.5 * 2 for code in (3, 7)}
    found_ml = {code: np.count_nonzero(voxels == code) * 0.4**3 for code in true_ml}
    assert found_ml == pytest.approx(true_ml, rel=0.1)  # of muscles 2 mm thin
    record = json.loads((folder / "v.mha.ifss.json").read_text())
    assert set(record["inputs"]) == {"sweep", "labels"}


def test_the_json_tells_the_run(sweep, ifss):
    output = sweep.parent / "v.nrrd"
    outcome = ifss("reconstruct", sweep, "-o", output, "--fill-mm", 0, "--weighting", "nearest", "--json")
    told = json.loads(outcome.out)
    assert (told["frames"], told["tracked"], told["space"], told["fill_mm"]) == (13, 12, "Tracker", 0)
    assert (told["shape"], told["spacing_mm"], told["filled"]) == ([49, 32, 24], [0.5] * 3, 0)
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(output)))
    assert np.flatnonzero(values.any(axis=(1, 2))).tolist() == [4 * k for k in range(13) if k != 4]


def test_what_cannot_be_done_is_refused_and_leaves_nothing(sweep, ifss, snapshot, write_stored):
    folder = sweep.parent
    uncalibrated = write_mha(folder / "u.mha", frames_of((7, 5, 3)), frame_fields(7))
    write_stored(folder / "plain.nii", frames_of((3, 5, 7)), np.eye(4))
    (folder / "bad.csv").write_text("0,1\n")
    write_mha(folder / "other.mha", frames_of((7, 5, 3)) % 2, {})
    output, labels = ("-o", folder / "v.mha"), folder / "labels.nii.gz"
    before = snapshot(folder)
    for arguments, said in {
        (uncalibrated, *output): "(option --calibration)",
        (folder / "plain.nii", *output): "give the poses. (option --poses)",
        (folder / "plain.nii", *output, "--poses", folder / "bad.csv"): "line 1, holds no pose",
        (sweep, *output, "--space", "Room"): "(option --space)",
        (sweep, *output, "--spacing-mm", 0): "(option --spacing-mm)",
        (sweep, *output, "--fill-mm", -1): "(option --fill-mm)",
        (sweep, *output, "--spacing-mm", 0.05, "--max-gb", 0.01): "(option --max-gb)",
        (sweep, *output, "--labels", labels): "(option --labels-output)",
        (sweep, *output, "--labels", labels, "-o2", folder / "v.mha"): "cannot both be",
        (sweep, *output, "--labels", folder / "other.mha", "-o2", folder / "l.mha"): "The labels have shape (7, 5, 3)",
        (sweep, "-o", sweep, "--force"): "would overwrite the input",
        (sweep, "-o", labels, "--labels", labels, "-o2", folder / "l.mha"): "would overwrite the input",
    }.items():  # fmt: skip
        outcome = ifss("reconstruct", *arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), arguments
        assert said in outcome.err
        assert snapshot(folder) == before


def test_files_of_others_stay_unless_forced(sweep, ifss):
    output = sweep.parent / "v.mha"
    output.write_text("mine")
    outcome = ifss("reconstruct", sweep, "-o", output)
    assert (outcome.code, output.read_text()) == (2, "mine")
    assert ifss("reconstruct", sweep, "-o", output, "--force").code == 0
    assert ifss("reconstruct", sweep, "-o", output).code == 0  # its own


def test_a_prediction_on_frames_lies_on_the_frames(sweep, ifss, two_muscles):
    folder = sweep.parent
    references = np.zeros_like(two_muscles[1])
    references[[2, 6, 10]] = two_muscles[1][[2, 6, 10]]
    marked = sitk.GetImageFromArray(references)
    marked.SetSpacing((0.1, 0.2, 0.3))
    sitk.WriteImage(marked, str(folder / "references.nii.gz"))
    outcome = ifss("predict", sweep, "--reference", folder / "references.nii.gz", "-o", folder / "mask.mha",
                   "--method", "shape")  # fmt: skip
    assert outcome.code == 0
    assert outcome.err.startswith("Warning: Millilitres are by the poses of the frames: ")
    assert "it was put on the frames one by one" in outcome.out
    mask = sitk.ReadImage(str(folder / "mask.mha"))
    assert (mask.GetSize(), mask.GetSpacing()) == ((24, 20, 13), (1, 1, 1))
    values = sitk.GetArrayFromImage(mask)
    np.testing.assert_array_equal(values[[2, 6, 10]], references[[2, 6, 10]])
    assert (values[4] > 0).any()  # a frame without a place has labels, too
    refused = ifss("export", folder / "mask.mha", "-o", folder / "muscles.ply")
    assert refused.code == 2
    assert "lies on the frames of a tracked sweep, which are no voxels" in refused.err
    measured = ifss("evaluate", folder / "mask.mha", folder / "mask.mha")
    assert measured.err.startswith("Warning: The masks lie on the frames of a tracked sweep")
    record = json.loads((folder / "mask.mha.ifss.json").read_text())
    assert set(record["inputs"]) == {"image", "reference"}


def test_a_prediction_takes_a_calibration_and_records_it(sweep, ifss, two_muscles):
    folder = sweep.parent
    plain = write_mha(folder / "plain.igs.mha", two_muscles[0], frame_fields(13))
    (folder / "c.txt").write_text(text_of(CALIBRATION))
    arguments = ("predict", plain, "--reference", folder / "labels.nii.gz", "-o", folder / "m.mha", "--method", "shape")
    refused = ifss(*arguments)
    assert refused.code == 2
    assert refused.err.endswith("give the calibration of the probe. (option --calibration)\n")
    told = ifss(*arguments, "--calibration", folder / "c.txt", "--json", "--axis", 2)
    assert told.code == 0
    told = json.loads(told.out)
    assert told["reference_by_shape"] is True
    assert set(told["provenance"]["inputs"]) == {"image", "reference", "calibration"}
    assert told["spacing_mm"][1:] == pytest.approx(PIXEL_MM)
