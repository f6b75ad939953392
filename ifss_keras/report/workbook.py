"""Tables as an Excel workbook: numbers are numbers, no text is a formula, and the same tables give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ifss_keras.report.figures import encodable
from ifss_keras.report.tables import STARTS_OF_FORMULAS, Table, shown_number

_WIDEST = 60  # of a column, in signs
_DATE = "%Y-%m-%d %H:%M"
_NO_DATE = datetime(1980, 1, 1)  # the first that a zip file can hold


def workbook_xlsx(sheets: Mapping[str, Table], date: str) -> bytes:
    """A workbook with a sheet for each table, its columns named in the first row.

    Args:
        sheets: name of a sheet to its table.
        date: when it was made, as year-month-day hour:minute; any other text is no date.
    """
    from openpyxl import Workbook
    from openpyxl.writer.excel import ExcelWriter

    book = Workbook()
    book.remove(book.active)
    for name, table in sheets.items():
        _fill(book.create_sheet(name), table)
    book.properties.creator = "ifss_keras"
    book.properties.created = book.properties.modified = _as_date(date)
    written, same = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        ExcelWriter(book, archive).save()  # openpyxl's own save puts the time into the properties
        with zipfile.ZipFile(same, "w", zipfile.ZIP_DEFLATED) as copy, zipfile.ZipFile(written) as made:
            for entry in made.namelist():
                copy.writestr(zipfile.ZipInfo(entry, _NO_DATE.timetuple()[:6]), made.read(entry), zipfile.ZIP_DEFLATED)
    return same.getvalue()


def _fill(sheet: Any, table: Table) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    bold = Font(bold=True)
    widths = [0] * len(table.columns)
    for row, values in enumerate((table.columns, *table.rows), 1):
        for column, value in enumerate(values, 1):
            if value is None:
                continue
            cell = sheet.cell(row, column)
            _put(cell, value)
            widths[column - 1] = max(widths[column - 1], len(str(cell.value)))
            if row == 1:
                cell.font = bold
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = min(width, _WIDEST) + 2
    sheet.freeze_panes = "A2"


def _put(cell: Any, value: Any) -> None:
    if isinstance(value, float):
        cell.value = float(shown_number(value))
    elif isinstance(value, str | bool):
        text = ("yes" if value else "no") if isinstance(value, bool) else value
        cell.value = "".join(sign if sign.isprintable() else "?" for sign in encodable(text))
        cell.data_type = "s"
        cell.quotePrefix = text.startswith(STARTS_OF_FORMULAS)  # a text also after somebody edited it
    else:
        cell.value = int(value)


def _as_date(text: str) -> datetime:
    try:
        return datetime.strptime(text, _DATE)
    except ValueError:
        return _NO_DATE
