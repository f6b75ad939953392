"""Markdown, CSV and picture on made-up scores."""

import csv
import io
from dataclasses import replace

import pytest

from ifss_keras.bench.outputs import save_tables
from ifss_keras.bench.picture import asd_bars, dice_lines, picture_png
from ifss_keras.bench.plan import TABLES
from ifss_keras.bench.references import FIRST, NONE, SPACED
from ifss_keras.bench.rows import FULL, ROWS, SMALL
from ifss_keras.bench.run import Result
from ifss_keras.bench.tables import csv_text, markdown, tables_named


@pytest.fixture
def results(made_up):
    """Of Tables II, IX and X, with a method that is not installed."""
    weak = made_up("IFSS-Net-WS", FIRST, (0.9, 0.8), training_seconds=131.2, parameters=888_386, annotated=1_680)
    spaced = made_up("IFSS-Net-WS", SPACED, (0.95, 0.93), asd=None)
    return {
        "Seg-Net-FS": made_up("Seg-Net-FS", NONE, (0.5, 0.6), parameters=502_452, training_seconds=92.0),
        "IFSS-Net-WS": replace(weak, scores=weak.scores + spaced.scores),
        "window 10": made_up("window 10", FIRST, (0.7, 0.65)),
        "FBS": Result(ROWS["FBS"], left_out="morphological needs the extra itk."),
    }


def test_a_row_stands_above_the_papers(results, tiny_cohort):
    text = markdown([TABLES["II"]], results, tiny_cohort, SMALL, "ifss bench --table II -o bench")
    lines = text.splitlines()
    place = lines.index("| Seg-Net-FS | none | 0.275 | 0.550 | 4.00 | 1.00 | 0.800 | 0.900 | 12.5 | 92 |")
    assert lines[place + 1] == (
        "| *Seg-Net-FS, the paper* | | *0.833* | *0.894* | *5.759* | *2.014* | *0.883* | *0.919* | *5.647* | |"
    )
    assert any(line.startswith("| *V-Net, the paper* | | *0.562*") for line in lines)
    assert "`ifss bench --table II -o bench`" in lines
    assert "2 volumes to train on" in text
    assert "small setting" in text
    assert "full setting" in markdown([TABLES["II"]], results, tiny_cohort, FULL, "")


def test_every_way_of_giving_references_has_a_line(results, tiny_cohort):
    text = markdown([TABLES["IX"]], results, tiny_cohort, SMALL, "")
    assert "| w = 3 | the first three slices | 1.00 | 0.425 | 0.850 | 14.0 | 131 |" in text
    assert "| w = 3 | 1 slice every 33 | - | 0.470 | 0.940 | 14.0 | 131 |" in text
    assert "| *w = 3, the paper* | | *0.171* | *0.9827* | - | *130* | |" in text
    assert "w = 3 (1 slice every 33): nothing found of 2." in text


def test_what_is_left_out_is_told(results, tiny_cohort):
    text = markdown([TABLES["X"]], results, tiny_cohort, SMALL, "")
    assert "FBS is left out: morphological needs the extra itk." in text
    assert "| *FBS, the paper* | | *0.918* | *0.849* | *16.6* | *1.057* | *10.78* | |" in text


def test_deviations_of_the_paper_are_shown(results, tiny_cohort):
    text = markdown([TABLES["IV"]], results, tiny_cohort, SMALL, "")
    assert "| *IFSS-Net-WS, the paper* | | *6,217,186* | *130* | *1.6 ± 0.58* | *0.985 ± 0.004* |" in text
    assert (
        "| IFSS-Net-WS | the first three slices | 888,386 | 14.0 | 12.5 | 0.850 | 0.425 | 4.00 | 1.00 | 1,680 | 131 |"
    ) in text


def test_claims_are_read_from_the_scores(made_up, tiny_cohort):
    results = {
        "IFSS-Net-FS": made_up("IFSS-Net-FS", FIRST, (0.90, 0.90)),
        "PG-Net": made_up("PG-Net", FIRST, (0.70, 0.71)),
    }
    text = markdown([TABLES["IV"]], results, tiny_cohort, SMALL, "")
    assert "Of 1 claims 1 hold, 0 do not, 0 cannot be told." in text
    assert "| IFSS-Net is better than PG-Net | IV | Dice | 0.900 | 0.705 | 0.195 ± 0.064 | **holds** |" in text
    assert "Which claims" not in markdown([TABLES["II"]], results, tiny_cohort, SMALL, "")


def test_the_csv_has_a_line_per_number(results, tiny_cohort):
    held = list(csv.DictReader(io.StringIO(csv_text([TABLES["II"], TABLES["IX"]], results, tiny_cohort))))
    ours = {(line["table"], line["row"], line["references"], line["measure"]): line["value"] for line in held
            if line["source"] == "ours"}  # fmt: skip
    assert float(ours["II", "Seg-Net-FS", "none", "dice"]) == pytest.approx(0.55)
    assert float(ours["IX", "w = 3", "spaced", "dice"]) == pytest.approx(0.94)
    assert float(ours["IX", "w = 3", "first three", "training_seconds"]) == 131.2
    assert ("IX", "w = 3", "spaced", "asd_mm") not in ours
    paper = {(line["table"], line["row"], line["measure"]): line["value"] for line in held if line["source"] == "paper"}
    assert float(paper["II", "DAF3D", "asd_mm"]) == 3.028
    assert len(paper) == 28 + 6


def test_the_picture_shows_dice_of_all_rows_and_the_surface_distances_of_ablation_5(results, tiny_cohort):
    assert dice_lines([TABLES["II"], TABLES["III"], TABLES["IX"]], results, tiny_cohort) == [
        ("II: Seg-Net-FS", {"none": pytest.approx(0.55), "paper": 0.894}),
        ("IX: w = 3", {"first three": pytest.approx(0.85), "spaced": pytest.approx(0.94)}),
        ("IX: w = 10", {"first three": pytest.approx(0.675)}),
    ]
    assert asd_bars(results, tiny_cohort) == [("decremental", {"first three": 1.0, "paper": 0.171})]
    assert picture_png([TABLES["II"]], results, tiny_cohort)[1:4] == b"PNG"
    assert picture_png([], {}, tiny_cohort)[1:4] == b"PNG"


def test_three_files_are_written(tmp_path, results, tiny_cohort):
    written = save_tables(tmp_path, [TABLES["II"]], results, tiny_cohort, SMALL, "ifss bench")
    assert [path.name for path in written] == ["tables.md", "tables.csv", "tables.png"]
    assert all(path.stat().st_size > 500 for path in written)


def test_tables_are_found_by_name_in_the_papers_order():
    assert [table.name for table in tables_named(["x", "IV"], ["2"])] == ["IV", "X", "miccai2"]
    assert len(tables_named([], [], True)) == 13
    assert tables_named([]) == []
