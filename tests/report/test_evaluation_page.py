"""The report of an evaluation, alone and with a prediction."""

import json
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.report.html import EvaluationRunInfo, write_evaluation_report
from ifss_keras.volumes.volume import Source, Volume
from tests.report.cases import LABELS, NAMES, SPACING_MM, SUMMARIES, TRUTH, Page, predicted


def test_evaluation_table_and_file_hold_the_evaluation(evaluated):
    folder, evaluation, _ = evaluated
    assert json.loads((folder / "evaluation.json").read_text()) == evaluation.to_dict()
    rows = Page(folder / "report.html").rows["evaluation"]
    # Moved by one row of 20: Dice 19/20; IoU 19/21; ends 0.4 mm off, sides none.
    assert rows[1][:5] == ["GM label 1", "0.950", "2.16", "2.16", "+0.00"]
    assert rows[1][-1] == "0.40"
    assert rows[4][1] == f"{19 / 21:.3f}"
    assert rows[4][3:6] == ["0.950", "0.950", "0.00"]
    assert rows[4][6:] == ["3 to 11", "3 to 11"]


def test_evaluation_report_needs_neither_image_nor_references(tmp_path):
    evaluation = evaluate(LABELS, TRUTH, SPACING_MM, NAMES)
    run = EvaluationRunInfo(prediction_path="a.nii.gz", truth_path="b.nii.gz", axis=2, seconds=1.0, date="today")
    paths = write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation, run)
    assert [path.name for path in paths] == ["report.html", "overlay.png", "evaluation.json"]
    page = Page(tmp_path / "report.html")
    grid = {"Voxels (slice, row, column)": "20, 60, 40", "Spacing in mm (slice, row, column)": "2.5, 0.4, 0.8"}
    assert "a.nii.gz against b.nii.gz · today" in page.text
    assert dict(page.rows["run"]) == grid | {
        "Mask": "a.nii.gz",
        "Truth": "b.nii.gz",
        "Slices along stored axis": "2",
        "Time taken (s)": "1.0",
        "Date": "today",
    }
    assert "volumes" not in page.rows
    write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation)
    assert dict(Page(tmp_path / "report.html").rows["run"]) == grid


def test_a_label_of_the_truth_alone_is_shown(page_of):
    truth = np.where(TRUTH == 7, 9, TRUTH)
    evaluation = evaluate(np.where(LABELS == 7, 0, LABELS), truth, SPACING_MM, {9: "GL"})
    rows = page_of(predicted(SUMMARIES[0]), evaluation, truth).rows["evaluation"]
    assert [rows[1][0], rows[2][:3], rows[2][-1]] == ["GM label 1", ["GL label 9", "0.000", "0.00"], "–"]


def test_a_muscle_has_the_colour_of_its_segment(tmp_path, page_of):
    labels = np.where(LABELS == 1, 4, LABELS)
    truth = np.where(TRUTH == 1, 2, TRUTH)  # a label more, which comes before the others
    prediction = predicted(replace(SUMMARIES[0], code=4), SUMMARIES[1], labels=labels)
    page = page_of(prediction, evaluate(labels, truth, SPACING_MM), truth)
    prediction.save(tmp_path / "mask.seg.nrrd")
    saved = sitk.ReadImage(str(tmp_path / "mask.seg.nrrd"))
    stored = {int(saved.GetMetaData(f"Segment{i}_LabelValue")): saved.GetMetaData(f"Segment{i}_Color") for i in (0, 1)}
    hex_colours = {
        code: "#" + "".join(f"{round(255 * float(channel)):02X}" for channel in text.split())
        for code, text in stored.items()
    }
    assert hex_colours == {4: "#E69F00", 7: "#56B4E9"}
    of_volumes, of_evaluation = page.colours[:2], page.colours[2:5]
    assert of_volumes == [hex_colours[4], hex_colours[7]]
    assert of_evaluation == [*of_volumes, "#CC79A7"]


def test_the_mask_tells_colours_and_how_the_body_lies(tmp_path):
    """The columns of the mask run to the right, its rows to the back: what is shown is turned."""
    affine = np.diag([2.5, -0.4, 0.8, 1.0])[[2, 1, 0, 3]]
    like = Volume(LABELS, affine, SPACING_MM, Source(colours={7: (1, 2, 3)}, oriented=True))
    evaluation = evaluate(LABELS, TRUTH, SPACING_MM, NAMES)
    write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation, like=like)
    page = Page(tmp_path / "report.html")
    assert page.colours[:2] == ["#E69F00", "#010203"]
    assert "Letters: R right, L left" in page.text
    assert '"letters":["A","L","P","R"]' in page.source
    assert '"ends":["I","S"]' in page.source
    write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation)
    assert '"letters":["?","?","?","?"]' in (tmp_path / "report.html").read_text()
