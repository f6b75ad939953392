"""The demo: which slices it annotates, and what it leaves."""

import json
from functools import partial

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.jobs import demo
from ifss_keras.jobs.demo import annotated_slices, run_demo
from ifss_keras.jobs.predict import Job
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import read_labels


def test_both_ends_of_every_muscle_and_then_the_middle_of_the_widest_gap():
    labels = np.zeros((40, 2, 3), np.uint8)
    labels[3:31, 0, 0] = 100  # slices 3 to 30
    labels[5:24, 1, 1] = 150  # slices 5 to 23
    assert annotated_slices(labels, 4) == [3, 5, 23, 30]
    assert annotated_slices(labels, 5) == [3, 5, 14, 23, 30]
    assert annotated_slices(labels, 7) == [3, 5, 9, 14, 18, 23, 30]


def test_it_leaves_its_files_and_evaluates_the_mask_that_it_wrote(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "calf", partial(calf, slices=40, size=48))
    monkeypatch.setattr(demo, "Job", partial(Job, method="shape"))
    folder = tmp_path / "demo"
    found = run_demo(folder, seed=3)
    volumes = ["image", "mask", "references", "truth"]
    others = ["evaluation.json", "overlay.png", "report.html", "slices.csv", "volumes.csv", "volumes.xlsx"]
    others += ["demo.ifss.json", "mask.nii.gz.ifss.json", "report.ifss.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*(f"{name}.nii.gz" for name in volumes), *others])
    made = calf(3, slices=40, size=48)
    mask, truth = (read_labels(folder / f"{name}.nii.gz").array for name in ("mask", "truth"))
    np.testing.assert_array_equal(truth, made.labels)
    references = read_labels(folder / "references.nii.gz").array
    kept = annotated_slices(made.labels)
    np.testing.assert_array_equal(references[kept], truth[kept])
    assert np.flatnonzero(references.any(axis=(1, 2))).tolist() == kept
    spacing_mm = read_labels(folder / "truth.nii.gz").spacing_mm
    assert found.to_dict() == evaluate(mask, truth, spacing_mm, made.names).to_dict()
    told = json.loads((folder / "evaluation.json").read_text())
    assert told["labels"] == found.to_dict()["labels"]
    assert run_demo(folder, seed=4).to_dict() != found.to_dict()  # its own files it replaces
    (folder / "mask.nii.gz").write_bytes(b"corrected by hand")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=r"mask\.nii\.gz is there already and was changed since") as refusal:
        run_demo(folder, seed=3)
    assert refusal.value.setting == "force"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert run_demo(folder, seed=3, force=True).to_dict() == found.to_dict()
