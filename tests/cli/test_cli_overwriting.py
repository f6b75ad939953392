"""What is there is overwritten if it is an earlier output of the same input, untouched since, or by --force alone."""

import json
import os
import shutil

import numpy as np
import pytest

from ifss_keras.volumes.io import read_labels


@pytest.fixture
def predicted(case, ifss):
    """A case, and a function that predicts it by shape interpolation into a mask and a report."""

    def run(*more, image=None):
        image = image or case.image
        return ifss("predict", image, "--reference", case.reference, "-o", case.output, "--method", "shape",
                    "--report", case.folder / "report", *more)  # fmt: skip

    assert run().code == 0
    return case, run


def refused(outcome, *said):
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    for words in (*said, "(option --force)"):
        assert words in outcome.err


def test_the_same_command_again_after_the_references_were_edited(predicted, write_stored):
    case, run = predicted
    first = case.output.read_bytes()
    references = case.references.copy()
    references[6] = 0
    write_stored(case.reference, np.ascontiguousarray(references.transpose(2, 1, 0)), case.affine)
    assert run().code == 0
    assert case.output.read_bytes() != first
    assert run("--label", "7=SOL").code == 0


def test_a_corrected_mask_is_kept(predicted, snapshot):
    case, run = predicted
    case.output.write_bytes(case.output.read_bytes() + b"\n")
    before = snapshot(case.folder)
    refused(run(), "mask.nii.gz is there already and was changed since ifss wrote it")
    assert snapshot(case.folder) == before
    assert run("--force").code == 0
    assert run().code == 0


def test_a_file_of_someone_else_is_kept_in_the_report_folder_too(predicted, snapshot):
    case, run = predicted
    (case.folder / "report" / "evaluation.json").write_text("mine")
    before = snapshot(case.folder)
    refused(run(), "evaluation.json is there already and is not known to be written by ifss")
    (case.folder / "report" / "evaluation.json").rename(case.folder / "report" / "notes.csv")
    assert run().code == 0
    assert (case.folder / "report" / "notes.csv").read_text() == "mine"
    (case.folder / "report" / "report.html").write_text("with my remarks")
    refused(run(), "report.html is there already and was changed")
    assert set(snapshot(case.folder)) == {path.with_name("notes.csv") if path.name == "evaluation.json" else path
                                          for path in before}  # fmt: skip


def test_the_output_of_another_image_is_kept(predicted, snapshot, write_stored):
    case, run = predicted
    moved = case.folder / "moved.nii.gz"
    shutil.copy(case.image, moved)
    assert run(image=moved).code == 0  # the same image under another name
    other = case.folder / "other.nii.gz"
    write_stored(other, np.ascontiguousarray((case.labels * 9).transpose(2, 1, 0)), case.affine)
    before = snapshot(case.folder)
    refused(run(image=other), "mask.nii.gz is there already and was made from another input")
    assert snapshot(case.folder) == before


def test_a_link_is_written_through(predicted):
    case, run = predicted
    made = case.output.read_bytes()
    real = case.folder.parent / "annex" / "object"
    real.parent.mkdir()
    for left in (case.output, case.folder / "mask.nii.gz.ifss.json"):
        left.unlink()
    real.write_bytes(b"an older mask")
    os.symlink(real, case.output)
    refused(run(), "object is there already")
    assert run("--force").code == 0
    assert case.output.is_symlink()
    assert real.read_bytes() == made
    assert read_labels(case.output).array.any()
    assert sorted(path.name for path in real.parent.iterdir()) == ["object", "object.ifss.json"]
    assert run().code == 0
    real.unlink()  # a link that leads nowhere makes the file
    assert run().code == 0
    assert real.read_bytes() == made


def test_a_link_to_half_a_volume_is_refused(case, ifss):
    os.symlink(case.folder / "real.mhd", case.folder / "mask.mhd")
    outcome = ifss("predict", case.image, "--reference", case.reference, "-o", case.folder / "mask.mhd", "--method",
                   "shape")  # fmt: skip
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "give the file itself" in outcome.err


def test_a_report_of_an_evaluation_is_replaced_by_the_next_one_of_the_same_files_alone(predicted, ifss):
    case, run = predicted
    arguments = ("evaluate", case.output, case.reference, "--report", case.folder / "evaluation")
    assert ifss(*arguments).code == 0
    assert run("--label", "7=SOL").code == 0
    assert ifss(*arguments).code == 0
    refused(ifss(*arguments[:-1], case.folder / "report"), "report.html is there already and was made from another")
    (case.folder / "evaluation" / "evaluation.json").write_text("{}")
    refused(ifss(*arguments), "evaluation.json is there already and was changed")
    assert ifss(*arguments, "--force").code == 0
    assert json.loads((case.folder / "evaluation" / "evaluation.json").read_text()) != {}


def test_a_phantom_replaces_phantoms_and_nothing_else(tmp_path, ifss):
    image, labels = tmp_path / "image.mha", tmp_path / "labels.seg.nrrd"
    arguments = ("phantom", image, "--labels", labels, "--slices", 20, "--size", 32)
    assert ifss(*arguments).code == 0
    assert ifss(*arguments, "--seed", 1).code == 0
    made = image.read_bytes()
    labels.write_bytes(b"mine")
    refused(ifss(*arguments), "labels.seg.nrrd is there already and was changed")
    assert (image.read_bytes(), labels.read_bytes()) == (made, b"mine")
    assert ifss(*arguments, "--force").code == 0
