"""What the commands print: tables, progress, and no chatter from TensorFlow."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ifss_keras.core.quiet import quiet_stderr


def start_tensorflow() -> None:
    """Imports TensorFlow and Keras and makes a first tensor, without their greetings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import tensorflow as tf

        # This pass of TensorFlow's fails on some networks with a line on stderr, and speeds up none of ours.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        tf.get_logger().setLevel("ERROR")  # it counts the graphs of several networks as one that is traced again
        tf.constant(0.0) + 1.0


@contextlib.contextmanager
def slice_progress() -> Iterator:
    """A function (name, done, total) that shows a bar per task on a terminal's stderr, and nothing elsewhere."""
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
    """One table on stdout, every text as it is; the first column whole and to the left, numbers to the right."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def number(value: float | None, digits: int, unit: str = "") -> str:
    """A number with its unit, "-" where there is none."""
    if value is None or value != value:
        return "-"
    return f"{value:.{digits}f}{unit}"
