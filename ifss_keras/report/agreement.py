"""The report on the agreement of raters: a page that needs nothing else, beside CSV, Excel and PNG."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ifss_keras.metrics.agreement import Estimate, LimitsOfAgreement
from ifss_keras.metrics.raters import Comparison, RaterAgreement
from ifss_keras.report.bland_altman import MOST_PANELS, bland_altman_png, panels_of
from ifss_keras.report.figures import encodable
from ifss_keras.report.run_info import AgreementRunInfo, facts_of
from ifss_keras.report.tables import Table, csv_text
from ifss_keras.report.workbook import workbook_xlsx

AGREEMENT_FILES = (
    "report.html",
    "bland_altman.png",
    "reliability.csv",
    "limits.csv",
    "overlap.csv",
    "measurements.csv",
    "agreement.xlsx",
)
RELIABILITY_HEADS = (
    "muscle", "compared", "subjects", "mean mL", "ICC(2,1)", "ICC(3,1)", "CV", "SEM mL", "MDC95 mL",
)  # fmt: skip
LIMITS_HEADS = ("muscle", "compared", "difference", "bias mL", "lower limit mL", "upper limit mL")
OVERLAP_HEADS = ("muscle", "raters", "subjects", "Dice", "ASD mm", "HD95 mm")
MEANINGS = {
    "ICC(2,1)": "the share of the variance that is between subjects; differences between raters count as error. With "
    "its 95 % interval.",
    "ICC(3,1)": "the same, where a difference that is the same for all subjects is no error.",
    "CV": "coefficient of variation within subjects, root mean square.",
    "SEM": "standard error of measurement of one volume by one rater, differences between raters among it.",
    "MDC95": "minimal detectable change: what two volumes of one subject differ by, 19 times of 20, where nothing "
    "changed; 1.96 √2 SEM.",
    "Bias": "mean difference, the first minus the second, with its 95 % interval.",
    "Limits": "limits of agreement, bias ± 1.96 standard deviations of the differences, each with its 95 % interval.",
}


def reliability_table(comparisons: Sequence[Comparison]) -> Table:
    """A row per comparison: ICCs, CV, SEM and MDC95, with and without what raters differ by for all subjects."""
    columns = (
        "muscle", "compared", "subjects", "raters_or_sessions", "mean_ml",
        "icc_2_1", "icc_2_1_low", "icc_2_1_high", "icc_3_1", "icc_3_1_low", "icc_3_1_high", "cv_percent",
        "sem_ml", "mdc95_ml", "sem_consistency_ml", "mdc95_consistency_ml",
    )  # fmt: skip
    rows = []
    for held in comparisons:
        found = held.reliability
        numbers = (
            found.mean,
            *vars(found.icc_agreement).values(),
            *vars(found.icc_consistency).values(),
            found.cv_percent,
            found.standard_error_agreement,
            found.detectable_agreement,
            found.standard_error_consistency,
            found.detectable_consistency,
        )
        rows.append((held.muscle, held.title, found.n_subjects, found.n_raters, *map(_known, numbers)))
    return Table(columns, tuple(rows))


def limits_table(comparisons: Sequence[Comparison]) -> Table:
    """A row per comparison and pair: bias, deviation and limits of agreement of the first minus the second."""
    columns = (
        "muscle", "compared", "first", "second", "subjects", "bias_ml", "bias_ml_low", "bias_ml_high", "deviation_ml",
        "lower_limit_ml", "lower_limit_ml_low", "lower_limit_ml_high",
        "upper_limit_ml", "upper_limit_ml_low", "upper_limit_ml_high",
    )  # fmt: skip
    rows = []
    for held, first, second, limits in _pairs(comparisons):
        numbers = (
            *vars(limits.bias).values(),
            limits.deviation,
            *vars(limits.lower).values(),
            *vars(limits.upper).values(),
        )
        rows.append((held.muscle, held.title, first, second, limits.n_subjects, *map(_known, numbers)))
    return Table(columns, tuple(rows))


def overlap_table(agreement: RaterAgreement) -> Table:
    """A row per subject, muscle and pair of raters whose masks were compared."""
    columns = ("subject", "muscle", "first", "second", "dice", "asd_mm", "hd95_mm")
    return Table(columns, tuple(tuple(vars(held).values()) for held in agreement.overlaps))


def measurements_table(agreement: RaterAgreement) -> Table:
    """A row per volume."""
    columns = ("subject", "rater", "session", "muscle", "volume_ml")
    return Table(columns, tuple(tuple(vars(held).values()) for held in agreement.measurements))


def reliability_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """A row of texts per comparison, below `RELIABILITY_HEADS`."""
    rows = []
    for held in comparisons:
        found = held.reliability
        rows.append(
            [
                held.muscle,
                held.title,
                str(found.n_subjects),
                _number(found.mean, 2),
                _estimate(found.icc_agreement, 3),
                _estimate(found.icc_consistency, 3),
                f"{_number(found.cv_percent, 2)} %",
                _number(found.standard_error_agreement, 2),
                _number(found.detectable_agreement, 2),
            ]
        )
    return rows


def limits_rows(comparisons: Sequence[Comparison]) -> list[list[str]]:
    """A row of texts per comparison and pair, below `LIMITS_HEADS`."""
    return [
        [
            held.muscle,
            held.title,
            f"{first} − {second}",
            *(_estimate(bound, 2) for bound in (limits.bias, limits.lower, limits.upper)),
        ]
        for held, first, second, limits in _pairs(comparisons)
    ]


def overlap_rows(agreement: RaterAgreement) -> list[list[str]]:
    """A row of texts per muscle and pair of raters, means over the subjects, below `OVERLAP_HEADS`."""
    grouped: dict[tuple[str, str, str], list] = {}
    for held in agreement.overlaps:
        grouped.setdefault((held.muscle, held.first, held.second), []).append(held)
    return [
        [
            muscle,
            f"{first}, {second}",
            str(len(group)),
            *(
                _number(sum(getattr(held, name) for held in group) / len(group), digits)
                for name, digits in (("dice", 3), ("asd_mm", 2), ("hd95_mm", 2))
            ),
        ]
        for (muscle, first, second), group in grouped.items()
    ]


def write_agreement_report(folder: Path, agreement: RaterAgreement, run: AgreementRunInfo) -> None:
    """Writes the files of `AGREEMENT_FILES` into a folder that is there; overlap.csv only where masks were compared."""
    panels = panels_of(agreement.comparisons)
    picture = bland_altman_png(panels)
    tables = {
        "reliability": reliability_table(agreement.comparisons),
        "limits": limits_table(agreement.comparisons),
        **({"overlap": overlap_table(agreement)} if agreement.overlaps else {}),
        "measurements": measurements_table(agreement),
    }
    facts = facts_of(run)
    page = _page(agreement, picture, max(len(panels) - MOST_PANELS, 0), facts)
    (folder / "bland_altman.png").write_bytes(picture)
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(encodable(csv_text(table)), encoding="utf-8")
    book = workbook_xlsx({**tables, "run": Table(("what", "value"), tuple(facts))}, run.date)
    (folder / "agreement.xlsx").write_bytes(book)
    (folder / "report.html").write_text(encodable(page), encoding="utf-8")


def _page(agreement: RaterAgreement, picture: bytes, hidden: int, facts: Sequence[tuple[str, str]]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ifss_keras.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    tables = [
        ("Reliability", RELIABILITY_HEADS, reliability_rows(agreement.comparisons)),
        ("Bias and limits of agreement", LIMITS_HEADS, limits_rows(agreement.comparisons)),
    ]
    if agreement.overlaps:
        tables.append(("Masks, means over the subjects", OVERLAP_HEADS, overlap_rows(agreement)))
    return environment.get_template("agreement.html").render(
        tables=tables,
        left_out=(*agreement.warnings, *agreement.left_out),
        meanings=MEANINGS,
        picture=base64.b64encode(picture).decode("ascii"),
        hidden=hidden,
        facts=facts,
    )


def _pairs(comparisons: Sequence[Comparison]) -> Iterator[tuple[Comparison, str, str, LimitsOfAgreement]]:
    for held in comparisons:
        for first, second, limits in held.limits():
            yield held, first, second, limits


def _known(value: float) -> Any:
    return float(value) if math.isfinite(value) else None


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _estimate(estimate: Estimate, digits: int) -> str:
    value = _number(estimate.value, digits)
    if not math.isfinite(estimate.low):
        return value
    return f"{value} ({_number(estimate.low, digits)} to {_number(estimate.high, digits)})"
