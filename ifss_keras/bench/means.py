"""From the scores of a row to the numbers of a table."""

from __future__ import annotations

from collections.abc import Iterable

from ifss_keras.bench.cohort import Cohort
from ifss_keras.bench.plan import Table
from ifss_keras.bench.run import Result
from ifss_keras.bench.scoring import Score

OF_ROWS = ("parameters", "annotated")  # whole numbers that a row has, and not its volumes


def scores_in(result: Result, table: Table, references: str, cohort: Cohort) -> list[Score]:
    """The scores of a row that a table is about."""
    names = {cohort.names[code] for code in table.muscles(cohort)}
    return [
        score
        for score in result.scores
        if score.split in table.splits and score.muscle in names and score.references == references
    ]


def by_volume(scores: Iterable[Score], measure: str) -> dict[str, float]:
    """Subject to the mean of a measure over its muscles; without those where it is undefined."""
    held: dict[str, list[float]] = {}
    for score in scores:
        value = getattr(score, measure)
        if value is not None:
            held.setdefault(score.subject, []).append(value)
    return {subject: sum(values) / len(values) for subject, values in held.items()}


def mean_of(result: Result, table: Table, references: str, measure: str, cohort: Cohort) -> float | None:
    """The number of a table: the mean over volumes of the mean over their muscles; None where there is none."""
    if measure in OF_ROWS:
        return getattr(result, measure)
    values = by_volume(scores_in(result, table, references, cohort), measure).values()
    return sum(values) / len(values) if values else None


def lost(scores: Iterable[Score]) -> int:
    """Muscles of which nothing was found, so that they have no surface distance."""
    return sum(score.asd_mm is None for score in scores)
