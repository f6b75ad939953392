"""The numbers as tables: each what was measured, with as many digits as are known of it, and no cell a formula."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.metrics.evaluation import DEFINITIONS, evaluate
from ifss_keras.propagation.ends import Ends
from ifss_keras.report.figures import label_styles
from ifss_keras.report.tables import (
    console_table,
    csv_text,
    definitions,
    evaluation_rows,
    slices_table,
    volume_rows,
    volumes_table,
)
from tests.report.cases import LABELS, NAMES, SPACING_MM, SUMMARIES, TRUTH, predicted

STYLES = label_styles(NAMES, {})
EMPTY = replace(SUMMARIES[0], volume_ml=0.0, first_slice=None, last_slice=None)
CARRIED = replace(SUMMARIES[1], method="network", ends=Ends((18,), (1, 19)), gaps=((9, 9), (11, 12)), touches_edge=True)


def rows_of(table):
    return list(csv.DictReader(io.StringIO(csv_text(table))))


def test_volumes_in_a_file():
    first, second = rows_of(volumes_table(SUMMARIES, "P-07"))
    assert first == {
        "subject": "P-07",
        "muscle": "GM",
        "label": "1",
        "volume_ml": "2.16",
        "volume_ml_low": "2.0365",
        "volume_ml_high": "2.2835",
        "length_mm": "22.5",
        "largest_area_cm2": "0.96",
        "curve_volume_ml": "2.2346",
        "straight_volume_ml": "2.2346",
        "first_slice": "3",
        "last_slice": "11",
        "annotated_slices": "3",
        "annotated": "3 7 11",
        "ended_at_changes": "",
        "presumed_ends": "",
        "empty_slices_between": "",
        "touches_edge": "no",
        "method": "network",
    }
    unknown = ("volume_ml_low", "volume_ml_high", "curve_volume_ml", "straight_volume_ml")
    assert [second[name] for name in unknown] == [""] * 4
    assert (second["muscle"], second["label"]) == (NAMES[7], "7")


def test_the_file_tells_where_a_mask_ends_and_where_it_is_missing():
    plain, carried = rows_of(volumes_table([EMPTY, CARRIED]))
    told = ("subject", "ended_at_changes", "presumed_ends", "empty_slices_between", "touches_edge", "first_slice")
    assert [plain[name] for name in told] == ["", "", "", "", "no", ""]
    assert [carried[name] for name in told] == ["", "18", "1 19", "9; 11 to 12", "yes", "6"]


def test_areas_of_slices_in_a_file():
    rows = rows_of(slices_table(SUMMARIES, "P-07"))
    # GM on slices 3 to 11, 20 x 15 pixels of 0.32 mm2; the other one on slices 6 to 17
    assert [(row["muscle"], int(row["slice"])) for row in rows] == [
        *(("GM", index) for index in range(3, 12)),
        *((NAMES[7], index) for index in range(6, 18)),
    ]
    assert rows[1] == {
        "subject": "P-07",
        "muscle": "GM",
        "label": "1",
        "slice": "4",
        "position_mm": "10",
        "area_cm2": "0.96",
        "area_deviation_cm2": "0.05",
        "annotated": "no",
    }
    assert [row["slice"] for row in rows if row["annotated"] == "yes"] == ["3", "7", "11", "8", "12", "15"]
    assert {row["area_deviation_cm2"] for row in rows[9:]} == {""}
    assert sum(float(row["area_cm2"]) for row in rows[:9]) * 0.25 == pytest.approx(SUMMARIES[0].volume_ml)


def test_slices_without_the_mask_are_there_only_between_others():
    areas = np.array([0, 4.0, 0, 8.0, 0, 0, 0, 0])
    known = replace(SUMMARIES[0], areas_mm2=areas, reference_slices=(5,), area_deviations_mm2=np.zeros(8))
    held = rows_of(slices_table([known]))
    assert [(row["slice"], row["area_cm2"]) for row in held] == [
        ("1", "0.04"),
        ("2", "0"),
        ("3", "0.08"),
        ("4", "0"),
        ("5", "0"),
    ]
    nowhere = replace(EMPTY, areas_mm2=np.zeros(8), reference_slices=(), area_deviations_mm2=None)
    assert rows_of(slices_table([nowhere])) == []


@pytest.mark.parametrize(("value", "shown"), [(1234567.8, "1234600"), (170.4561, "170.46"), (0.00123456, "0.0012346")])
def test_numbers_have_five_digits_and_no_exponent(value, shown):
    assert rows_of(volumes_table([replace(SUMMARIES[0], volume_ml=value)]))[0]["volume_ml"] == shown


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_name_is_never_a_formula(start):
    name = f'{start}HYPERLINK("x";"y")'
    for table_of in (volumes_table, slices_table):
        (row, *_) = rows_of(table_of([replace(SUMMARIES[0], name=name)], name))
        assert row["muscle"] == row["subject"] == f"'{name}"


def test_negative_numbers_stay_numbers():
    assert rows_of(volumes_table([replace(SUMMARIES[0], volume_ml_low=-1.5)]))[0]["volume_ml_low"] == "-1.5"


def test_rows_of_volumes():
    first, second = volume_rows(SUMMARIES, STYLES)
    # 9 x 20 x 15 and 12 x 18 x 25 voxels of 0.8 mm3: 2.16 and 4.32 mL.
    assert first == {
        "name": "GM",
        "code": 1,
        "colour": "#E69F00",
        "volume": "2.16",
        "interval": "2.04 to 2.28",
        "length": "22",
        "area": "0.96",
        "annotated": 3,
        "slices": "3 to 11",
        "curve": {"value": "2.23", "difference": "+3.5 %"},
        "straight": {"value": "2.23", "difference": "+3.5 %"},
    }
    assert (second["colour"], second["volume"], second["interval"]) == ("#56B4E9", "4.32", "")
    assert second["curve"] == second["straight"] == {"value": "–", "difference": ""}


def test_rows_of_volumes_with_an_empty_mask_and_many_millilitres():
    volumes = {"volume_ml": 12.345, "volume_ml_low": 9.876, "volume_ml_high": 14.814, "curve_volume_ml": 13.0}
    many = replace(CARRIED, areas_mm2=np.array([0, 1234.0]), slice_mm=0.25, **volumes)
    whole = replace(many, reference_slices=many.held)
    first, second = volume_rows((EMPTY, whole), STYLES)
    assert [first[name] for name in ("volume", "length", "slices")] == ["0.00", "0.0", "–"]
    assert first["curve"] == {"value": "2.23", "difference": ""}
    assert (second["volume"], second["interval"]) == ("12.3", "9.9 to 14.8")
    assert (second["length"], second["area"]) == ("3.0", "12.3")
    assert second["curve"] == {"value": "13.0", "difference": "+5.3 %"}
    (further,) = volume_rows((many,), STYLES)  # its mask goes beyond its annotated slices, the curve does not
    assert further["curve"] == {"value": "13.0", "difference": "slices 8 to 15"}


def test_a_label_without_a_name_is_called_label():
    (row,) = volume_rows([replace(SUMMARIES[0], name="1")], label_styles({1: "1"}, {}))
    assert row["name"] == "label 1"


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
    assert heads == ["muscle", "mL", "95 % interval", "slices", "annotated", "mL by area curve"]
    assert rows == [
        ["GM", "0.00", "2.04 to 2.28", "-", "3", "2.23"],
        [NAMES[7], "147.3", "143.2 to 151.0", "17", "3", "-"],
    ]
    _, rows = console_table(predicted(*SUMMARIES))
    assert [row[2:4] for row in rows] == [["2.04 to 2.28", "3 to 11"], ["-", "6 to 17"]]


def test_every_metric_is_defined_once_on_the_page():
    assert sorted(definitions().values()) == sorted(DEFINITIONS.values())
    assert definitions()["Dice"] == DEFINITIONS["dice"]
