"""From MATLAB's arrays and folders of frames to a mask and a report, and back."""

import json

import numpy as np
import pytest
import scipy.io
from PIL import Image

from ifss_keras.core.records import sha256_of
from ifss_keras.volumes.io import read_labels
from tests.cli.sentences import one_sentence

SPACING_MM = (2.5, 0.8, 0.5)
ANNOTATED = [2, 6, 10]


@pytest.fixture
def arrays(two_muscles):
    image, labels = two_muscles
    references = np.zeros_like(labels)
    references[ANNOTATED] = labels[ANNOTATED]
    return image, labels, references


def predict(ifss, image, reference, output, *more):
    return ifss("predict", image, "--reference", reference, "-o", output, "--method", "shape", "--json", *more)


def test_arrays_of_one_mat_file(tmp_path, ifss, arrays):
    image, _, references = (array.transpose(1, 2, 0) for array in arrays)
    path, mask, report = tmp_path / "calf.mat", tmp_path / "mask.mat", tmp_path / "report"
    spacing = np.array(SPACING_MM)[[1, 2, 0]]
    scipy.io.savemat(path, {"scan": {"image": image, "drawn": references, "spacing_mm": spacing}}, do_compression=True)
    outcome = predict(ifss, path, path, mask)
    assert "has 2 arrays of three dimensions, scan.image (20 x 24 x 13 uint8)" in one_sentence(outcome)
    given = (f"{path}:scan.image", f"{path}:scan.drawn", mask)
    outcome = predict(ifss, *given, "--label", "7=SOL", "--report", report)
    assert (outcome.code, outcome.err) == (0, "")
    told = json.loads(outcome.out)
    held = scipy.io.loadmat(mask)
    np.testing.assert_array_equal(held["labels"][:, :, ANNOTATED], references[:, :, ANNOTATED])
    np.testing.assert_allclose(held["spacing_mm"], [spacing])
    for label in told["labels"]:
        assert label["volume_ml"] == pytest.approx((held["labels"] == label["code"]).sum() * 0.001)
    assert read_labels(mask).source.names == {3: "3", 7: "SOL"}
    assert told["provenance"]["inputs"]["image"]["sha256"] == sha256_of(path)
    assert "calf.mat:scan.image" in (report / "report.html").read_text()

    assert ifss("evaluate", f"{mask}:labels", f"{path}:scan.drawn", "--json").code == 0
    outcome = predict(ifss, given[0], given[1], path)
    assert f"would overwrite the input {path}" in one_sentence(outcome)
    assert "unknown extension" in one_sentence(predict(ifss, given[0], given[1], f"{mask}:labels"))


def test_folders_of_frames(tmp_path, ifss, arrays):
    image, _, references = arrays
    for name, frames in (("scan", image), ("drawn", references)):
        (tmp_path / name).mkdir()
        for number, frame in enumerate(frames, 1):
            Image.fromarray(frame).save(tmp_path / name / f"frame{number}.png")
    given = (tmp_path / "scan", tmp_path / "drawn", tmp_path / "mask.nii.gz")
    outcome = predict(ifss, *given)
    assert "does not say how far its voxels lie apart" in one_sentence(outcome)
    assert outcome.err.endswith("(option --spacing-mm)\n")
    outcome = predict(ifss, *given, "--spacing-mm", "2.5,0.8,0.5", "--report", tmp_path / "report")
    assert (outcome.code, outcome.err) == (0, "")
    mask = read_labels(given[2])
    np.testing.assert_array_equal(mask.array[ANNOTATED], references[ANNOTATED])
    assert mask.spacing_mm == pytest.approx(SPACING_MM)

    first = json.loads(outcome.out)["provenance"]["inputs"]["image"]
    assert (first["path"], len(first["sha256"])) == (str(tmp_path / "scan"), 64)
    Image.fromarray(image[4] // 2).save(tmp_path / "scan" / "frame5.png")
    again = predict(ifss, *given, "--spacing-mm", "2.5,0.8,0.5")  # in the same place, so it may replace its mask
    assert (again.code, again.err) == (0, "")
    assert json.loads(again.out)["provenance"]["inputs"]["image"]["sha256"] != first["sha256"]

    made = given[2].read_bytes()
    for number in range(1, 14):
        if number - 1 not in ANNOTATED:
            (tmp_path / "drawn" / f"frame{number}.png").unlink()
    assert predict(ifss, *given, "--spacing-mm", "2.5,0.8,0.5").code == 0
    assert given[2].read_bytes() == made
