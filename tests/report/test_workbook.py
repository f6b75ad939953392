"""The Excel workbook of a report: the tables of the CSV files, as openpyxl and the raw XML have them."""

import csv
import io
import zipfile
from dataclasses import replace
from datetime import datetime

import pytest
from openpyxl import load_workbook

from ifss_keras.report.html import write_report
from ifss_keras.report.run_info import facts_of
from ifss_keras.report.tables import Table, volumes_table
from ifss_keras.report.workbook import workbook_xlsx
from tests.report.cases import NAMES, RUN, SHAPE, SPACING_MM, SUMMARIES, predicted

DATE = "2026-11-05 14:20"


@pytest.fixture
def opened(reported):
    return load_workbook(reported[0] / "volumes.xlsx")


def cells(sheet):
    return [list(row) for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("name", ["volumes", "slices"])
def test_sheets_hold_what_the_csv_files_hold_and_numbers_are_numbers(reported, opened, name):
    with open(reported[0] / f"{name}.csv", newline="", encoding="utf-8") as file:
        heads, *lines = csv.reader(file)
    first, *rows = cells(opened[name])
    assert first == heads
    assert len(rows) == len(lines)
    numeric = {head for head in heads if head.endswith(("_ml", "_mm", "_cm2", "low", "high", "slice", "label"))}
    assert {"volume_ml", "volume_ml_low", "label"} <= numeric or name == "slices"
    for row, line in zip(rows, lines, strict=True):
        for head, value, text in zip(heads, row, line, strict=True):
            if text == "":
                assert value is None
            elif head in numeric:
                assert type(value) in (int, float)
                assert value == float(text)
            else:
                assert str(value) == text


def test_a_volume_is_where_its_column_says(opened):
    heads, first, second = cells(opened["volumes"])
    held = dict(zip(heads, first, strict=True))
    assert (held["muscle"], held["label"], held["volume_ml"], held["length_mm"]) == ("GM", 1, 2.16, 22.5)
    assert dict(zip(heads, second, strict=True))["volume_ml_low"] is None


def test_the_sheet_of_the_run_tells_what_it_takes_to_repeat_it(tmp_path):
    run = replace(
        RUN, command="ifss predict calf.mha", checksums={"image": "0f" * 32, "weights": "a1" * 32}, subject="P"
    )
    write_report(tmp_path, predicted(*SUMMARIES), run)
    heads, *rows = cells(load_workbook(tmp_path / "volumes.xlsx")["run"])
    assert heads == ["what", "value"]
    held = dict(rows)
    assert held == dict(facts_of(run, shape=SHAPE, spacing_mm=SPACING_MM, axis=2))
    assert held["Command"] == "ifss predict calf.mha"
    assert held["SHA-256 of the weights"] == "a1" * 32
    assert (held["Version of keras"], held["Date"]) == ("3.15.0", DATE)


def test_heads_are_bold_and_stay_and_columns_are_wide_enough(opened):
    assert opened.sheetnames == ["volumes", "slices", "run"]
    for sheet in opened:
        assert sheet.freeze_panes == "A2"
        assert {cell.font.bold for cell in sheet[1]} == {True}
        assert not any(cell.font.bold for cell in sheet[2])
        for column in sheet.iter_cols():
            longest = max(len(str(cell.value)) for cell in column if cell.value is not None)
            assert sheet.column_dimensions[column[0].column_letter].width >= min(longest, 60)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝"])
def test_a_text_is_never_a_formula(start):
    name = f"{start}1+1"
    content = workbook_xlsx({"volumes": volumes_table([replace(SUMMARIES[0], name=name)], name)}, DATE)
    sheet = load_workbook(io.BytesIO(content))["volumes"]
    for cell in sheet[2][:2]:
        assert (cell.value, cell.data_type, cell.quotePrefix) == (name, "s", True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_what_excel_cannot_hold_is_a_question_mark():
    table = Table(("name",), (("S\udcf6leus\x07",), ("#N/A",), (NAMES[7],), (True,)))
    sheet = load_workbook(io.BytesIO(workbook_xlsx({"a": table}, DATE)))["a"]
    assert [(cell.value, cell.data_type) for (cell,) in sheet.iter_rows(min_row=2)] == [
        ("S?leus?", "s"),
        ("#N/A", "s"),
        (NAMES[7], "s"),
        ("yes", "s"),
    ]


def test_the_same_tables_give_the_same_bytes_at_any_time(monkeypatch):
    tables = {"volumes": volumes_table(SUMMARIES)}
    first = workbook_xlsx(tables, DATE)
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 1, 2, 3, 4, 5, 0, 1, 0))
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert workbook_xlsx(tables, DATE) == first
    properties = load_workbook(io.BytesIO(first)).properties
    assert properties.created == properties.modified == datetime(2026, 11, 5, 14, 20)
    undated = load_workbook(io.BytesIO(workbook_xlsx(tables, "today"))).properties
    assert undated.created == datetime(1980, 1, 1)
