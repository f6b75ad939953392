"""An evaluation from files, as Python sees it."""

import json

import numpy as np
import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.jobs.evaluate import evaluate_files
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.volumes.io import write_labels
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture
def files(tmp_path, two_muscles):
    """A mask that lacks two slices, and the truth, with names."""
    image, truth = two_muscles
    prediction, volume = truth.copy(), Volume.from_array(image, SPACING_MM)
    prediction[[1, 11]] = 0
    paths = tmp_path / "prediction.seg.nrrd", tmp_path / "truth.seg.nrrd"
    for path, labels in zip(paths, (prediction, truth), strict=True):
        write_labels(path, labels, volume, {3: "GM", 7: "SOL", 9: "GL"})
    return paths, prediction, truth


def test_the_figures_are_those_of_the_arrays_under_the_names_of_the_files(files):
    paths, prediction, truth = files
    found = evaluate_files(*paths)
    assert [label.name for label in found.labels] == ["GM", "SOL"]  # and none of GL, which neither file holds
    assert found.to_dict() == evaluate(prediction, truth, SPACING_MM, {3: "GM", 7: "SOL"}).to_dict()


def test_given_names_come_first_and_a_report_is_left(files, tmp_path):
    paths, _, _ = files
    found = evaluate_files(*paths, names={7: "Soleus"}, report=tmp_path / "report")
    assert [label.name for label in found.labels] == ["GM", "Soleus"]
    told = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert told["labels"] == found.to_dict()["labels"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert all(str(path) in page for path in paths)
    assert "Soleus" in page


def test_labels_of_one_name_are_one_label_whatever_their_codes(files, tmp_path):
    (mask, truth_path), _, truth = files
    recoded = np.select([truth == 3, truth == 7], [7, 1]).astype(np.uint8)  # GM has SOL's code of the other file
    like = Volume.from_array(truth, SPACING_MM)
    write_labels(tmp_path / "recoded.seg.nrrd", recoded, like, {7: "gm", 1: "SOL", 9: "GL"})
    found = evaluate_files(mask, tmp_path / "recoded.seg.nrrd")
    assert [label.dice for label in found.labels] == [label.dice for label in evaluate_files(mask, truth_path).labels]
    write_labels(tmp_path / "others.seg.nrrd", truth, like, {3: "TA", 7: "SOL", 9: "GL"})
    names = {label.name: label.dice for label in evaluate_files(mask, tmp_path / "others.seg.nrrd").labels}
    assert names["SOL"] > 0.8
    assert (names["GM"], names["TA"]) == (0, 0)  # other names are other labels


def test_the_axis_is_that_of_both_files(files):
    paths, prediction, truth = files
    along = evaluate_files(*paths, axis=0)
    turned = [labels.transpose(2, 0, 1) for labels in (prediction, truth)]
    assert along.to_dict() == evaluate(*turned, SPACING_MM[2:] + SPACING_MM[:2], {3: "GM", 7: "SOL"}).to_dict()


def test_another_grid_and_a_report_that_is_a_file_are_refused(files, tmp_path):
    (path, other), prediction, _ = files
    with pytest.raises(InputError, match=r"The folder .*prediction\.seg\.nrrd is a file"):
        evaluate_files(path, other, report=path)
    write_labels(path, prediction, Volume.from_array(prediction, (2.5, 0.8, 0.6)))
    with pytest.raises(GeometryError, match="another grid"):
        evaluate_files(path, other)
