"""The tables and the verdicts as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from ifss_keras.bench.claims import CLAIMS, NOT_RUN, Verdict, judge
from ifss_keras.bench.cohort import Cohort
from ifss_keras.bench.means import OF_ROWS, lost, mean_of, scores_in
from ifss_keras.bench.paper import DEVIATIONS, FIGURES, MEASURES
from ifss_keras.bench.plan import TABLES, Table
from ifss_keras.bench.references import FIRST, NONE, SPACED, Spacing
from ifss_keras.bench.rows import Setting
from ifss_keras.bench.run import Result

_DIGITS = {
    "iou": 3,
    "dice": 3,
    "precision": 3,
    "recall": 3,
    "hausdorff_mm": 2,
    "asd_mm": 2,
    "volume_error_percent": 1,
    "seconds_per_1400": 1,
}
Results = dict[str, Result]


def given_in_words(references: str, cohort: Cohort) -> str:
    """What a row is given, for a reader."""
    return {NONE: "none", FIRST: "the first three slices", SPACED: str(Spacing.scaled(100, cohort.slices))}[references]


def number(value: float | None, measure: str) -> str:
    """A number as a table shows it."""
    if value is None:
        return "-"
    return f"{value:,}" if measure in OF_ROWS else f"{value:.{_DIGITS[measure]}f}"


def markdown(tables: Iterable[Table], results: Results, cohort: Cohort, setting: Setting, command: str) -> str:
    """The whole document: how it was made, how to read it, which claims hold, then every table.

    Args:
        tables: that were asked for.
        results: row name to result.
        cohort, setting: of all rows.
        command: that makes the document.
    """
    tables = list(tables)
    parts = [_head(cohort, setting, command), _reading(tables, results, cohort)]
    parts += [_table(table, results, cohort) for table in tables]
    return "\n\n".join(part for part in parts if part) + "\n"


def verdicts(tables: Iterable[Table], results: Results, cohort: Cohort) -> list[Verdict]:
    """Those on the claims about these tables, without what was not run."""
    names = {table.name for table in tables}
    judged = (judge(claim, results, cohort) for claim in CLAIMS if claim.table in names)
    return [verdict for verdict in judged if verdict.word != NOT_RUN]


def table_rows(table: Table, results: Results, cohort: Cohort) -> Iterator[tuple[str, str, Result, dict]]:
    """What a row is called, what it was given, its result, and measure to mean; rows without scores are left out."""
    for label, name in table.rows:
        result = results.get(name)
        if result is None or not result.scores:
            continue
        for given in result.row.references:
            if scores_in(result, table, given, cohort):
                means = {measure: mean_of(result, table, given, measure, cohort) for measure in table.measures}
                yield label, given, result, means


def csv_text(tables: Iterable[Table], results: Results, cohort: Cohort) -> str:
    """A line per number: table, row, references, whose it is ("ours", "paper"), measure, value."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("table", "row", "references", "source", "measure", "value"))
    for table in tables:
        for label, given, result, means in table_rows(table, results, cohort):
            for measure, value in (means | {"training_seconds": result.training_seconds}).items():
                if value is not None:
                    writer.writerow((table.name, label, given, "ours", measure, f"{value:.6g}" if value % 1 else value))
        for label, figures in FIGURES[table.name].items():
            for measure, value in figures.items():
                writer.writerow((table.name, label, "", "paper", measure, value))
    return written.getvalue()


def _head(cohort: Cohort, setting: Setting, command: str) -> str:
    small = (
        "This is the small setting: networks of a few widths at 64x64 pixels, trained for a few minutes each on "
        "2 cores. It shows what can be seen at that cost, and not what the networks can do: compare rows with each "
        "other, and not our numbers with the papers', whose data, sizes and hours of training are others."
        if setting.shrunk
        else "This is the full setting: networks and training as large as the papers'."
    )
    return f"""# The papers' tables

`{command}`

Every row is trained from nothing by `ifss train` and scored on volumes that no training saw: {cohort.description}.
{small}

How to read them: below each row of ours stands the paper's own, where it has one. References are what a row was given
when it was scored: `none`, `the first three slices` (adjacent, from where the muscle first has a tenth of its largest
area), or `{given_in_words(SPACED, cohort)}` from there on, which is the paper's 3 slices every 100 of 1400 at this
number of slices. Each muscle is scored over its whole volume, by itself. Numbers are means over volumes of the means
over their muscles; mIoU is of the muscle alone; surface distances are of the muscles that were found, and a note says
where some were not; VolErr is of the mean of both volumes. Seconds are as if a volume had 1400 slices, of one muscle
where references are given and of all where not. `ifss bench` also writes the recipe of every row alone, in the
small setting or in the papers' size, see its help."""


def _reading(tables: list[Table], results: Results, cohort: Cohort) -> str:
    found = verdicts(tables, results, cohort)
    if not found:
        return ""
    counts = ", ".join(
        f"{sum(verdict.word == word for verdict in found)} {text}"
        for word, text in (
            ("holds", "hold"),
            ("does not hold", "do not"),
            ("cannot be told", "cannot be told"),
        )
    )
    lines = [
        f"## Which claims hold here\n\nOf {len(found)} claims {counts}. A claim holds where the 95 % interval of the "
        "paired differences between volumes (Student's t) lies above 0, and does not where it lies below; one training "
        "of each row is compared, so what another seed would give is not in it. Claims marked * are ours.\n",
        "| claim | table | by | better one | other one | met by | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for verdict in found:
        claim = verdict.claim
        half = "-" if verdict.half_width is None else number(verdict.half_width, claim.measure)
        cells = (
            f"{claim.text}{' *' if claim.ours else ''}",
            claim.table,
            f"{MEASURES[claim.measure]}{'' if claim.references == FIRST else ', spaced references'}",
            number(verdict.better, claim.measure),
            number(verdict.worse, claim.measure),
            f"{number(verdict.margin, claim.measure)} ± {half}",
            f"**{verdict.word}**",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _table(table: Table, results: Results, cohort: Cohort) -> str:
    whose = "all muscles" if table.muscle is None else cohort.names[cohort.muscle(table.muscle)]
    volumes = sum(len(cohort.cases(split)) for split in table.splits)
    head = ["", "references", *(MEASURES[measure] for measure in table.measures), "s of training"]
    lines = [
        f"## {table.heading}\n\n{whose}, {volumes} volumes ({' and '.join(table.splits)}). {table.remark}".rstrip()
        + "\n",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
    ]
    notes, shown = [], set()
    for label, given, result, means in table_rows(table, results, cohort):
        numbers = [number(means[measure], measure) for measure in table.measures]
        seconds = "-" if result.training_seconds is None else f"{result.training_seconds:.0f}"
        lines.append(f"| {label} | {' | '.join([given_in_words(given, cohort), *numbers, seconds])} |")
        if missing := lost(scores_in(result, table, given, cohort)):
            notes.append(f"{label} ({given_in_words(given, cohort)}): nothing found of {missing}.")
        if given == result.row.references[-1] and label in FIGURES[table.name]:
            lines.append(_paper_line(table, label))
            shown.add(label)
    for label, name in table.rows:
        result = results.get(name)
        if label in FIGURES[table.name] and label not in shown:
            lines.append(_paper_line(table, label))
        if result is not None and result.left_out:
            notes.append(f"{label} is left out: {result.left_out}")
    return "\n".join(lines) + ("\n\n" + " ".join(notes) if notes else "")


def _paper_line(table: Table, label: str) -> str:
    figures = FIGURES[table.name][label]
    cells = []
    for measure in table.measures:
        deviation = DEVIATIONS.get((table.name, label, measure))
        value = f"{figures[measure]:,}" if measure in figures else "-"
        cells.append(f"*{value} ± {deviation}*" if deviation else f"*{value}*" if value != "-" else value)
    return f"| *{label}, the paper* | | {' | '.join(cells)} | |"


def tables_named(tables: Iterable[str], miccai: Iterable[str] = (), all_of_them: bool = False) -> list[Table]:
    """The tables of these names, in the papers' order; `miccai` are "1" and "2"."""
    wanted = {name.lower() for name in tables} | {f"miccai{number}" for number in miccai}
    return [table for table in TABLES.values() if all_of_them or table.name.lower() in wanted]
