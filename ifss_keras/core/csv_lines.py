"""Tables that a spreadsheet saved as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from ifss_keras.core.checks import known_names
from ifss_keras.core.errors import InputError


def csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of each line that is not empty, and its cells without the blanks about them; the header is the first.

    Raises:
        InputError: there is no such file, it is not in UTF-8, or a line that is none of a CSV.
    """
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise InputError(f"Line {reader.line_num} of {path} is no line of a CSV: {error}; mend it.") from None


def has_decimal_commas(path: Path) -> bool:
    """Whether numbers may be written as 12,5: where semicolons separate the cells.

    Raises:
        InputError: there is no such file, or it is not in UTF-8.
    """
    return _separator(_text(path)) == ";"


def csv_records(path: Path, known: Collection[str], needed: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The number of each line below the header, and its cells by the names of their columns.

    Args:
        path: of the table.
        known: the columns that there may be.
        needed: those of them that there must be, with a value in every line.

    Raises:
        InputError: see `csv_lines`; an unknown column, one that is missing or there twice, a line of another length.
    """
    lines = csv_lines(path)
    _, header = next(lines, (1, []))
    header = [name.lower().replace("-", "_") for name in header]
    for place, name in enumerate(header, 1):
        if name not in known:
            shown = f"the column {name}" if name else f"a column without a name, number {place}"
            raise InputError(f"The table {path} has {shown}: {known_names(name, sorted(known))}")
        if header.count(name) > 1:
            raise InputError(f"The table {path} has the column {name} twice: expected each once; drop one.")
    if missing := [name for name in needed if name not in header]:
        raise InputError(
            f"The table {path} has no column {missing[0]}: expected {', '.join(needed)}, received "
            f"{', '.join(header) or 'no columns'}; name them in its first line."
        )
    for number, cells in lines:
        if len(cells) != len(header):
            raise InputError(f"Line {number} of {path} has {len(cells)} values: expected {len(header)}; mend the line.")
        record = dict(zip(header, cells, strict=True))
        for name in needed:
            if not record[name]:
                raise InputError(f"Line {number} of {path} has no {name}: expected one in every line; mend the line.")
        yield number, record


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"The table {path} does not exist: expected a CSV; check the path.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"The table {path} is no CSV in UTF-8: expected text; save it again.") from None


def _separator(text: str) -> str:
    """Commas, or semicolons where the first line has these and no comma."""
    first = text.partition("\n")[0]
    return ";" if ";" in first and "," not in first else ","
