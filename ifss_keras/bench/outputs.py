"""The files that are left of some tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ifss_keras.bench.cohort import Cohort
from ifss_keras.bench.picture import picture_png
from ifss_keras.bench.plan import Table
from ifss_keras.bench.rows import Setting
from ifss_keras.bench.tables import Results, csv_text, markdown
from ifss_keras.core.files import write_whole


def save_tables(
    folder: Path, tables: Iterable[Table], results: Results, cohort: Cohort, setting: Setting, command: str
) -> list[Path]:
    """Writes tables.md, tables.csv and tables.png, see `tables` and `picture`; their paths."""
    tables = list(tables)
    return [
        write_whole(folder / "tables.md", markdown(tables, results, cohort, setting, command)),
        write_whole(folder / "tables.csv", csv_text(tables, results, cohort)),
        write_whole(folder / "tables.png", picture_png(tables, results, cohort)),
    ]
