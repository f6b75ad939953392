"""Where a result comes from: in the JSON, in the report and in the record beside the mask; whom it shows."""

import hashlib
import html
import json

import numpy as np
import pytest

from ifss_keras import __version__


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("extension", [".nii.gz", ".mhd"])
def test_json_record_and_report_tell_the_same(extension, make_case, ifss):
    case = make_case(extension)
    report = case.folder / "report"
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape",
                 "--report", report, "--subject", "Leg <7>")  # fmt: skip
    outcome = ifss(*arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    told = json.loads(outcome.out)
    inputs = {"image": case.image, "reference": case.reference}
    if extension == ".mhd":
        inputs |= {f"{name} voxels": path.with_suffix(".raw") for name, path in inputs.items()}
    provenance = told["provenance"]
    assert provenance["inputs"] == {
        name: {"path": str(path.resolve()), "sha256": sha256(path)} for name, path in inputs.items()
    }
    assert told["subject"] == provenance["subject"] == "Leg <7>"
    assert provenance["command"].startswith(f"ifss predict {case.image} --reference ")
    assert provenance["command"].endswith("--subject 'Leg <7>' --json")
    assert provenance["versions"]["ifss_keras"] == __version__
    assert provenance["machine"].endswith(" cores")
    record = json.loads(case.output.with_name(case.output.name + ".ifss.json").read_text())
    assert record["outputs"][case.output.name] == sha256(case.output)
    for fact in ("command", "subject", "date", "machine", "versions", "inputs"):
        assert record[fact] == provenance[fact]
    page = html.unescape((report / "report.html").read_text())
    for words in (provenance["command"], provenance["machine"], *(sha256(path) for path in inputs.values())):
        assert words in page


def test_the_subject_is_on_the_tables_and_in_the_report_of_an_evaluation(case, ifss):
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    assert ifss(*arguments, "--subject", " P07 ").out.splitlines()[0].strip() == "Volumes of P07"
    arguments = ("evaluate", case.output, case.reference, "--subject", "P07")
    out = ifss(*arguments, "--report", case.folder / "report").out
    assert out.splitlines()[0].strip() == "Evaluation of P07"
    assert json.loads(ifss(*arguments, "--json").out)["subject"] == "P07"
    record = json.loads((case.folder / "report" / "report.ifss.json").read_text())
    assert record["subject"] == "P07"
    page = (case.folder / "report" / "report.html").read_text()
    assert sha256(case.output) in page
    assert sha256(case.reference) in page
    refused = ifss(*arguments[:3], "--subject", "two\nlines")
    assert (refused.code, refused.err.count("\n")) == (2, 1)


def test_the_weights_of_a_network_are_named_by_their_fingerprint(case, ifss, tiny_preset, tiny_weights):
    outcome = ifss("predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", tiny_preset,
                   "--json")  # fmt: skip
    weights = json.loads(outcome.out)["provenance"]["inputs"]["weights"]
    assert weights == {"path": str(tiny_weights), "sha256": sha256(tiny_weights)}


def test_a_reference_on_a_part_of_the_grid_is_told_of(case, ifss, write_stored):
    affine = case.affine.copy()
    affine[:3, 3] += case.affine[:3, :3] @ (2, 0, 1)  # columns, rows, slices
    part = case.references[1:, :, 2:]
    write_stored(case.reference, np.ascontiguousarray(part.transpose(2, 1, 0)), affine)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    said = "The reference lies on the image's grid, but begins elsewhere, at (slice, row, column) 1, 0, 2."
    assert said in ifss(*arguments, "--report", case.folder / "r").out.splitlines()
    assert "1, 0, 2" in (case.folder / "r" / "report.html").read_text()
    assert json.loads(ifss(*arguments, "--json").out)["reference_offset"] == [1, 0, 2]
