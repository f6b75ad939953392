"""The numbers as tables: each what was measured, and none lost between JSON, CSV, page and console."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.metrics.evaluation import DEFINITIONS, evaluate
from ifss_keras.propagation.ends import Ends
from ifss_keras.report.figures import label_styles
from ifss_keras.report.tables import console_table, definitions, evaluation_rows, volume_rows, volumes_csv
from tests.report.cases import LABELS, NAMES, SPACING_MM, SUMMARIES, TRUTH, predicted

STYLES = label_styles(NAMES, {})
EMPTY = replace(SUMMARIES[0], volume_ml=0.0, first_slice=None, last_slice=None)
CARRIED = replace(SUMMARIES[1], method="network", ends=Ends((18,), (1, 19)), gaps=((9, 9), (11, 12)), touches_edge=True)


def csv_rows(*summaries):
    return list(csv.DictReader(io.StringIO(volumes_csv(summaries))))


def test_csv_gives_the_same_numbers_back():
    rows = csv_rows(*SUMMARIES)
    assert len(rows) == 2
    for row, item in zip(rows, SUMMARIES, strict=True):
        assert (int(row["code"]), row["name"]) == (item.code, item.name)
        assert float(row["volume_ml"]) == item.volume_ml
        assert (int(row["first_slice"]), int(row["last_slice"])) == (item.first_slice, item.last_slice)
        assert tuple(int(index) for index in row["reference_slices"].split()) == item.reference_slices
        assert int(row["references"]) == len(item.reference_slices)
    millilitres = ("volume_ml_low", "volume_ml_high", "curve_volume_ml")
    assert [float(rows[0][name]) for name in millilitres] == [getattr(SUMMARIES[0], name) for name in millilitres]
    assert [rows[1][name] for name in millilitres] == ["", "", ""]
    assert [row["touches_edge"] for row in rows] == ["no", "no"]
    assert [row["method"] for row in rows] == ["network", "network"]


def test_csv_has_the_columns_of_the_json():
    columns = list(csv_rows(SUMMARIES[0])[0])
    assert columns == list(SUMMARIES[0].to_dict())
    first = ["code", "name", "method", "volume_ml", "volume_ml_low", "volume_ml_high", "curve_volume_ml"]
    assert columns[: len(first)] == first


def test_csv_tells_where_a_mask_ends_and_where_it_is_missing():
    plain, carried = csv_rows(EMPTY, CARRIED)
    told = ("seen_ends", "presumed_ends", "gaps", "touches_edge", "first_slice")
    assert [plain[name] for name in told] == ["", "", "", "no", ""]
    assert [carried[name] for name in told] == ["18", "1 19", "9; 11 to 12", "yes", "6"]


def test_rows_of_volumes():
    first, second = volume_rows(SUMMARIES, STYLES)
    # 9 x 20 x 15 and 12 x 18 x 25 voxels of 0.8 mm3: 2.16 and 4.32 mL.
    assert first == {
        "code": 1,
        "name": "GM",
        "colour": "#E69F00",
        "volume": "2.16",
        "interval": "2.04 to 2.28",
        "first": "3",
        "last": "11",
        "references": 3,
        "curve": {"value": "1.23", "difference": "-42.8 %"},
    }
    assert (second["colour"], second["volume"], second["interval"]) == ("#56B4E9", "4.32", "")
    assert second["curve"] == {"value": "–", "difference": ""}


def test_rows_of_volumes_with_an_empty_mask_and_many_millilitres():
    many = replace(CARRIED, volume_ml=12.345, volume_ml_low=9.876, volume_ml_high=14.814, curve_volume_ml=13.0)
    first, second = volume_rows((EMPTY, many), STYLES)
    assert [first[name] for name in ("volume", "first", "last")] == ["0.00", "–", "–"]
    assert first["curve"] == {"value": "1.23", "difference": ""}
    assert (second["volume"], second["interval"]) == ("12.3", "9.9 to 14.8")
    assert second["curve"] == {"value": "13.0", "difference": "+5.3 %"}


def test_rows_of_the_evaluation():
    evaluation = evaluate(LABELS, TRUTH, SPACING_MM, NAMES)
    row, other = evaluation_rows({label.code: label for label in evaluation.labels}, STYLES)
    # Moved by one row of 20: Dice 19/20; IoU 19/21; ends 0.4 mm off, sides none.
    assert {name: row[name] for name in ("code", "name", "colour")} == {"code": 1, "name": "GM", "colour": "#E69F00"}
    assert [row[name] for name in ("prediction", "truth", "signed", "paper")] == ["2.16", "2.16", "+0.00", "0.00"]
    assert [row[name] for name in ("dice", "iou", "precision", "recall")] == [
        "0.950",
        f"{19 / 21:.3f}",
        "0.950",
        "0.950",
    ]
    assert [row[name] for name in ("hausdorff", "hd95", "prediction_slices", "truth_slices")] == [
        "0.40",
        "0.40",
        "3 to 11",
        "3 to 11",
    ]
    assert (other["name"], other["dice"]) == (NAMES[7], f"{17 / 18:.3f}")
    assert float(row["asd"]) == pytest.approx(evaluation.labels[0].asd_mm, abs=0.005)
    assert float(row["mean_iou"]) == pytest.approx(evaluation.labels[0].mean_iou, abs=0.0005)


def test_what_is_not_defined_is_a_dash_and_labels_without_an_evaluation_have_no_row():
    truth = np.where(TRUTH == 7, 7, 0)
    evaluation = evaluate(np.where(LABELS == 1, 0, LABELS), np.where(TRUTH == 1, 1, 0), SPACING_MM)
    rows = evaluation_rows({label.code: label for label in evaluation.labels}, STYLES)
    missing, found = rows
    assert [missing[name] for name in ("precision", "hausdorff", "prediction_slices")] == ["–", "–", "–"]
    assert [missing[name] for name in ("dice", "recall", "signed")] == ["0.000", "0.000", "-100.00"]
    assert [found[name] for name in ("truth_slices", "recall", "signed")] == ["–", "–", "–"]
    evaluation = evaluate(np.where(LABELS == 7, 7, 0), truth, SPACING_MM)
    assert [row["code"] for row in evaluation_rows({7: evaluation.labels[0]}, STYLES)] == [7]


def test_console_table():
    many = replace(CARRIED, volume_ml=147.3, volume_ml_low=143.2, volume_ml_high=151.04, first_slice=17)
    heads, rows = console_table(predicted(EMPTY, many))
    assert heads == ["label", "mL", "95 % interval", "slices", "references", "mL by area curve"]
    assert rows == [
        ["GM", "0.00", "2.04 to 2.28", "-", "3", "1.23"],
        [NAMES[7], "147.30", "143.2 to 151.0", "17", "2", "-"],
    ]
    _, rows = console_table(predicted(*SUMMARIES))
    assert [row[2:4] for row in rows] == [["2.04 to 2.28", "3 to 11"], ["-", "6 to 17"]]


def test_every_metric_is_defined_once_on_the_page():
    assert sorted(definitions().values()) == sorted(DEFINITIONS.values())
    assert definitions()["Dice"] == DEFINITIONS["dice"]
