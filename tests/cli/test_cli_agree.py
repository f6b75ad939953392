"""`ifss agree` from a table of volumes and from folders of masks."""

import csv
import html
import json
import re

import numpy as np
import openpyxl
import pytest

from ifss_keras.volumes.io import write_labels
from ifss_keras.volumes.volume import Volume

# Bland and Altman 1986, table 1: peak expiratory flow in l/min, first and second measurement by each meter
WRIGHT = (
    (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427),
    (490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421),
)
MINI_WRIGHT = (
    (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451),
    (525, 415, 508, 444, 500, 625, 460, 390, 642, 432, 420, 605, 227, 467, 268, 370, 443),
)
SPACING_MM = (2.0, 1.0, 0.5)


@pytest.fixture
def table(tmp_path):
    """The two meters as raters, who measured twice."""
    path = tmp_path / "raters.csv"
    lines = [
        f"{subject},{rater},{session},{volume}"
        for rater, sessions in (("Wright", WRIGHT), ("mini", MINI_WRIGHT))
        for session, volumes in enumerate(sessions, 1)
        for subject, volume in enumerate(volumes, 1)
    ]
    path.write_text("subject,rater,session,volume_ml\n" + "\n".join(lines) + "\n")
    return path


def told(ifss, *arguments):
    outcome = ifss("agree", *arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(outcome.out)


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_figures_are_those_of_bland_and_altman(table, ifss):
    between, of_wright, of_mini = told(ifss, table)["comparisons"]
    assert [held["comparison"] for held in (between, of_wright, of_mini)] == [
        "between raters, session 1",
        "between sessions of Wright",
        "between sessions of mini",
    ]
    (limits,) = between["limits_of_agreement"]
    assert (limits["first"], limits["second"]) == ("Wright", "mini")
    assert (round(limits["bias"]["value"], 1), round(limits["deviation"], 1)) == (-2.1, 38.8)
    differences = np.subtract(*WRIGHT)
    error = of_wright["reliability"]["standard_error_consistency"]
    assert error == pytest.approx(differences.std(ddof=1) / np.sqrt(2))


def test_the_report_holds_what_is_printed(table, ifss, tmp_path):
    folder = tmp_path / "report"
    outcome = ifss("agree", table, "--report", folder)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"Wrote {folder / 'report.html'}." in outcome.out
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "bland_altman.png", "reliability.csv", "limits.csv", "measurements.csv", "agreement.xlsx",
        "report.ifss.json",
    }  # fmt: skip
    comparisons = told(ifss, table)["comparisons"]
    for row, comparison in zip(rows(folder / "reliability.csv"), comparisons, strict=True):
        found = comparison["reliability"]
        assert row["compared"] == comparison["comparison"]
        assert float(row["icc_2_1"]) == pytest.approx(found["icc_agreement"]["value"], rel=1e-4)
        assert float(row["icc_3_1_low"]) == pytest.approx(found["icc_consistency"]["low"], rel=1e-4)
        assert float(row["sem_ml"]) == pytest.approx(found["standard_error_agreement"], rel=1e-4)
        assert float(row["mdc95_consistency_ml"]) == pytest.approx(found["detectable_consistency"], rel=1e-4)
        assert f"{found['icc_agreement']['value']:.3f} (" in outcome.out
        assert f"{found['icc_agreement']['value']:.3f} (" in (folder / "report.html").read_text()
    limits = rows(folder / "limits.csv")
    assert [float(row["bias_ml"]) for row in limits] == pytest.approx(
        [held["limits_of_agreement"][0]["bias"]["value"] for held in comparisons], rel=1e-4
    )
    assert len(rows(folder / "measurements.csv")) == 68
    book = openpyxl.load_workbook(folder / "agreement.xlsx")
    assert book.sheetnames == ["reliability", "limits", "measurements", "run"]
    assert book["limits"]["F2"].value == pytest.approx(float(limits[0]["bias_ml"]))


def test_a_report_is_made_again_but_not_over_what_was_changed(table, ifss, tmp_path):
    folder = tmp_path / "report"
    assert [ifss("agree", table, "--report", folder).code for _ in range(2)] == [0, 0]
    with open(folder / "limits.csv", "a") as file:
        file.write("mine\n")
    outcome = ifss("agree", table, "--report", folder)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "limits.csv is there already and was changed since ifss wrote it" in outcome.err
    assert "(option --force)" in outcome.err
    assert (folder / "limits.csv").read_text().endswith("mine\n")
    assert ifss("agree", table, "--report", folder, "--force").code == 0


def test_subjects_that_lack_a_volume_are_told_of(table, ifss, tmp_path):
    table.write_text(table.read_text().replace("3,mini,1,520\n", ""))
    outcome = ifss("agree", table, "--report", tmp_path / "report")
    said = [
        "muscle, between raters, session 1: 3 is left out, as there is no volume of mini.",
        "muscle, between sessions of mini: 3 is left out, as there is no volume of session 1.",
    ]
    assert outcome.code == 0
    assert outcome.out.splitlines()[-3:-1] == said
    assert said[0] in (tmp_path / "report" / "report.html").read_text()


def test_decimal_commas_of_a_spreadsheet(ifss, tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("subject;rater;volume_ml\nP1;A;10,5\nP1;B;11\nP2;A;20,25\nP2;B;20\n")
    (comparison,) = told(ifss, path)["comparisons"]
    assert comparison["volumes_ml"] == [[10.5, 11], [20.25, 20]]


def boxes(path, rows_of, names=None):
    """Labels of boxes 4 slices and 10 columns large: code to the first and the last row but one."""
    labels = np.zeros((6, 20, 12), np.uint8)
    for code, (first, end) in rows_of.items():
        labels[1:5, first:end, 1:11] = code
    path.parent.mkdir(exist_ok=True)
    write_labels(path, labels, Volume.from_array(labels, SPACING_MM), names or {})


@pytest.fixture
def masks(tmp_path):
    """Folders of two raters: SOL by both with different codes, GM not by Ben of P2, and one subject by Anna alone."""
    anna, ben = tmp_path / "anna", tmp_path / "ben"
    boxes(anna / "P1.seg.nrrd", {1: (2, 8), 2: (12, 16)}, {1: "SOL", 2: "GM"})
    boxes(ben / "P1.seg.nrrd", {2: (2, 10), 1: (12, 16)}, {2: "SOL", 1: "GM"})
    boxes(anna / "P2.seg.nrrd", {1: (2, 6), 2: (12, 16)}, {1: "SOL", 2: "GM"})
    boxes(ben / "P2.seg.nrrd", {1: (2, 5)}, {1: "SOL"})
    boxes(anna / "P3.seg.nrrd", {1: (2, 6)}, {1: "SOL"})
    (anna / "notes.txt").write_text("no mask\n")
    return anna, ben


def test_masks_give_volumes_and_overlap(masks, ifss, tmp_path):
    found = told(ifss, *masks, "--report", tmp_path / "report")
    (comparison,) = found["comparisons"]
    row_ml = 4 * 10 * 2.0 * 1.0 * 0.5 / 1000  # of a box, by each of its rows
    assert (comparison["muscle"], comparison["columns"]) == ("SOL", ["anna", "ben"])
    np.testing.assert_allclose(comparison["volumes_ml"], np.array([[6, 8], [4, 3]]) * row_ml)
    assert found["left_out"] == [
        "P3 is left out, as anna alone has a mask of it.",
        "GM, between raters: P2 is left out, as there is no volume of ben.",
        "GM, between raters: nothing is compared, as 1 of 2 subjects can be and 2 or more are needed.",
    ]
    overlaps = {(held["subject"], held["muscle"]): held for held in found["overlaps"]}
    assert set(overlaps) == {("P1", "SOL"), ("P1", "GM"), ("P2", "SOL")}
    assert overlaps["P1", "SOL"]["dice"] == pytest.approx(12 / 14)
    assert overlaps["P2", "SOL"]["dice"] == pytest.approx(6 / 7)
    assert (overlaps["P1", "GM"]["dice"], overlaps["P1", "GM"]["hd95_mm"], overlaps["P1", "GM"]["asd_mm"]) == (1, 0, 0)
    assert overlaps["P1", "SOL"]["hd95_mm"] == pytest.approx(2)  # two rows of 1 mm
    assert float(rows(tmp_path / "report" / "overlap.csv")[0]["dice"]) == pytest.approx(12 / 14, rel=1e-4)
    assert "overlap" in openpyxl.load_workbook(tmp_path / "report" / "agreement.xlsx").sheetnames


def test_labels_without_names_have_those_that_are_given(ifss, tmp_path):
    for rater, end in (("a", 8), ("b", 9)):
        for subject in ("P1", "P2"):
            boxes(tmp_path / rater / f"{subject}.nii.gz", {4: (2, end), 5: (12, 13)})
    found = told(ifss, tmp_path / "a", tmp_path / "b", "--label", "4=SOL", "--spacing-mm", "2,1,1")
    assert [held["muscle"] for held in found["comparisons"]] == ["SOL", "label 5"]
    assert found["comparisons"][0]["volumes_ml"][0] == pytest.approx([0.48, 0.56])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject,rater,volume_ml\nP1,A,ten\n", "Line 2 of .*has the volume 'ten'"),
        ('subject,rater,volume_ml\nP1,A,"1,234"\n', "Line 2 of .*has the volume '1,234'"),
        ("subject,rater,volume_ml,site\nP1,A,1,here\n", "the column site"),
        ("subject,rater,volume_ml\nP1,A,1\nP1,A,2\n", "two volumes of the muscle of P1 by A"),
        ("subject,rater,volume_ml\nP1,A,1\nP2,A,2\n", "nothing to compare"),
        ("subject,rater,volume_ml\n", "The table .*raters.csv has no line below its header: expected one of each"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(text, said, ifss, tmp_path, snapshot):
    path = tmp_path / "raters.csv"
    path.write_text(text)
    before = snapshot(tmp_path)
    outcome = ifss("agree", path, "--report", tmp_path / "report")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith("Error: ")
    assert re.search(said, outcome.err)
    assert snapshot(tmp_path) == before


def test_places_that_cannot_be_used_are_one_sentence(masks, table, ifss, tmp_path):
    anna, ben = masks
    other = tmp_path / "other"
    boxes(other / "P9.seg.nrrd", {1: (2, 6)})
    for places, said in (
        ((anna,), "There is one folder"),
        ((anna, tmp_path / "none"), "none is no folder"),
        ((anna, anna), f"{anna} is given twice: expected each place once"),
        ((anna, ben, ben.parent / "anna" / ".." / "ben"), f"{ben} is given twice: expected each place once"),
        ((table, table), f"{table} is given twice: expected each place once"),
        ((anna, other), "have no mask of the same name"),
        ((tmp_path / "none.csv",), "does not exist"),
    ):
        outcome = ifss("agree", *places)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1), said
        assert said in outcome.err
    boxes(ben / "P1.mha", {1: (2, 6)})
    assert "holds P1.mha and P1.seg.nrrd, both of P1" in ifss("agree", anna, ben).err


def on_another_grid(path):
    labels = np.ones((6, 20, 11), np.uint8)
    write_labels(path, labels, Volume.from_array(labels, SPACING_MM))


def test_a_subject_whose_masks_cannot_be_used_is_left_out_with_the_reason(masks, ifss, tmp_path):
    anna, ben = masks
    for subject in ("P4", "P5"):
        boxes(anna / f"{subject}.seg.nrrd", {1: (2, 6)}, {1: "SOL"})
    on_another_grid(ben / "P4.seg.nrrd")
    (ben / "P5.seg.nrrd").write_bytes(b"none")
    report = tmp_path / "report"
    outcome = ifss("agree", anna, ben, "--report", report)
    assert outcome.code == 0
    of_grid, of_file = outcome.err.splitlines()
    assert of_grid.startswith(
        f"Warning: P4 is left out: {anna / 'P4.seg.nrrd'} lies on another grid: expected shape (6, 20, 11)"
    )
    assert of_file.startswith(f"Warning: P5 is left out: {ben / 'P5.seg.nrrd'}")
    page = html.unescape((report / "report.html").read_text())
    assert all(line.removeprefix("Warning: ") in page for line in (of_grid, of_file))
    found = json.loads(ifss("agree", anna, ben, "--json").out)
    assert [f"Warning: {text}" for text in found["warnings"]] == [of_grid, of_file]
    assert [held["subjects"] for held in found["comparisons"]] == [["P1", "P2"]]
    assert {held["subject"] for held in found["measurements"]} == {"P1", "P2"}


def test_too_few_subjects_left_are_refused_with_the_reasons(masks, ifss, tmp_path):
    anna, ben = masks
    report = tmp_path / "report"
    on_another_grid(ben / "P2.seg.nrrd")
    outcome = ifss("agree", anna, ben, "--report", report)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert re.search("nothing to compare: .* P2 is left out: .* another grid.* 1 of 1 subjects", outcome.err)
    on_another_grid(ben / "P1.seg.nrrd")
    outcome = ifss("agree", anna, ben, "--report", report)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "The masks of no subject can be compared, as here those of P1: " in outcome.err
    assert "another grid" in outcome.err
    assert not report.exists()


def test_folders_of_the_same_name_are_told_apart(ifss, tmp_path):
    places = []
    for rater, end in (("a", 8), ("b", 9)):
        (tmp_path / rater).mkdir()
        places.append(tmp_path / rater / "masks")
        for subject in ("P1", "P2"):
            boxes(places[-1] / f"{subject}.nii.gz", {4: (2, end)})
    assert told(ifss, *places)["comparisons"][0]["columns"] == ["a/masks", "b/masks"]
