"""What the commands print: tables, progress, numbers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import click


@contextlib.contextmanager
def slice_progress() -> Iterator:
    """A function (name, done, total) that shows a bar per task on a terminal's stderr, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def show(name, done, total):
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield show


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """One table on stdout, every text as it is; the first column whole and to the left, the others to the right.

    Texts break between words only, so that whatever is in the first column, and every number, can be copied. Where the
    terminal is too narrow for that, each row is a list of its own.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 120)
    widths = _column_widths([columns, *rows], console.width)
    if widths is None:
        lists = [
            "\n".join([row[0], *(f"  {head}: {text}" for head, text in zip(columns[1:], row[1:], strict=True))])
            for row in rows
        ]
        click.echo("\n".join([title, *lists]))
        return
    table = Table(title=title, title_justify="left", pad_edge=False)
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        table.add_column(column, justify="left" if index == 0 else "right", width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _column_widths(rows: list[list[str]], width: int) -> list[int] | None:
    """How wide each column is, in signs, for the table to fit; None if no word may be broken and it cannot."""
    from rich.cells import cell_len

    columns = list(zip(*rows, strict=True))
    whole = [max(map(cell_len, column)) for column in columns]
    least = [
        whole[0],
        *(max(cell_len(word) for text in column for word in text.split() or [""]) for column in columns[1:]),
    ]
    spare = width - sum(least) - 3 * len(columns) + 1  # a line and two blanks between columns, lines at the edges
    if spare < 0:
        return None
    widths = list(least)
    for place in sorted(range(len(columns)), key=lambda place: whole[place] - least[place]):
        widths[place] += min(whole[place] - least[place], spare)
        spare -= widths[place] - least[place]
    return widths


def number(value: float | None, digits: int, unit: str = "") -> str:
    """A number with its unit, "-" where there is none."""
    if value is None or value != value:
        return "-"
    return f"{value:.{digits}f}{unit}"
