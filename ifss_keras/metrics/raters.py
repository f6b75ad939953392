"""From the volumes that raters measured to comparisons: between raters, and between the sessions of one rater."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.metrics.agreement import LimitsOfAgreement, Reliability
from ifss_keras.metrics.evaluation import json_safe

FEWEST_SUBJECTS = 2


@dataclass(frozen=True)
class Measurement:
    """One volume of one muscle.

    Attributes:
        subject: whose.
        rater: who measured it.
        session: when; the empty text where there is one alone.
        muscle: its name.
        volume_ml: finite, 0 or more.
    """

    subject: str
    rater: str
    session: str
    muscle: str
    volume_ml: float


@dataclass(frozen=True)
class Overlap:
    """How far two raters' masks of one muscle of one subject are the same; definitions as of `evaluate`."""

    subject: str
    muscle: str
    first: str
    second: str
    dice: float
    asd_mm: float
    hd95_mm: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """The volumes of one muscle side by side.

    Attributes:
        muscle: its name.
        rater: whose sessions are compared; None where raters are.
        session: of which the raters' volumes are; None where sessions are compared, empty where there is one alone.
        subjects: names, one for each row.
        columns: the raters or the sessions, one for each column.
        volumes_ml: (subject, column).
    """

    muscle: str
    rater: str | None
    session: str | None
    subjects: tuple[str, ...]
    columns: tuple[str, ...]
    volumes_ml: np.ndarray

    @property
    def title(self) -> str:
        """What is compared."""
        if self.rater is not None:
            return f"between sessions of {self.rater}"
        return f"between raters, session {self.session}" if self.session else "between raters"

    @property
    def reliability(self) -> Reliability:
        """Of all columns."""
        return Reliability.of(self.volumes_ml)

    @property
    def titles(self) -> tuple[str, ...]:
        """What the columns are called beside others."""
        return self.columns if self.rater is None else tuple(f"session {name}" for name in self.columns)

    def pairs(self) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
        """The titles of every two columns, and their volumes in mL, each (subject,)."""
        for (first, one), (second, other) in combinations(zip(self.titles, self.volumes_ml.T, strict=True), 2):
            yield first, second, one, other

    def limits(self) -> Iterator[tuple[str, str, LimitsOfAgreement]]:
        """The titles of every two columns, and the limits of agreement of the first minus the second."""
        for first, second, one, other in self.pairs():
            yield first, second, LimitsOfAgreement.between(one, other)


@dataclass(frozen=True, eq=False)
class RaterAgreement:
    """What `compare_raters` found.

    Attributes:
        measurements: all of them.
        comparisons: muscle by muscle, first between raters, then between the sessions of each.
        left_out: a sentence for whatever could not be compared.
        overlaps: of masks, where there are some.
        warnings: a sentence for each subject whose masks could not be used.
    """

    measurements: tuple[Measurement, ...]
    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...]
    overlaps: tuple[Overlap, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; what is not known is None."""
        return json_safe(
            {
                "comparisons": [_told(held) for held in self.comparisons],
                "overlaps": [asdict(held) for held in self.overlaps],
                "measurements": [asdict(held) for held in self.measurements],
                "left_out": self.left_out,
                "warnings": self.warnings,
            }
        )


def compare_raters(
    measurements: Sequence[Measurement], overlaps: Sequence[Overlap] = (), warnings: Sequence[str] = ()
) -> RaterAgreement:
    """Every comparison that the measurements allow.

    Raters are compared by the session that comes first, as one measurement of each is what an ICC(2,1) is about;
    subjects without a volume by each rater, or in each session, are left out of the comparison concerned.

    Raises:
        InputError: a volume that is no number or below 0, one that is there twice, or nothing to compare.
    """
    _check(measurements)
    comparisons, left_out = [], []
    for muscle in _in_order(held.muscle for held in measurements):
        of_muscle = [held for held in measurements if held.muscle == muscle]
        for rater, session, table in _tables(of_muscle):
            comparison, told = _compared(muscle, rater, session, table)
            comparisons += [comparison] if comparison else []
            left_out += told
    if not comparisons:
        why = " ".join((*warnings, *left_out)) or "received one measurement of each."
        raise InputError(
            "There is nothing to compare: expected two subjects or more whose volume was measured by each of two "
            f"raters or in each of two sessions; {why}"
        )
    return RaterAgreement(tuple(measurements), tuple(comparisons), tuple(left_out), tuple(overlaps), tuple(warnings))


def _tables(measurements: Sequence[Measurement]) -> Iterator[tuple[str | None, str | None, dict]]:
    """Rater, session and the volumes by column and subject, of what can be compared of one muscle."""
    raters = _in_order(held.rater for held in measurements)
    if len(raters) > 1:
        first = measurements[0].session
        of_first = [held for held in measurements if held.session == first]
        table = {rater: {held.subject: held.volume_ml for held in of_first if held.rater == rater} for rater in raters}
        yield None, first, table
    for rater in raters:
        own = [held for held in measurements if held.rater == rater]
        sessions = _in_order(held.session for held in own)
        if len(sessions) > 1:
            yield (
                rater,
                None,
                {
                    session: {held.subject: held.volume_ml for held in own if held.session == session}
                    for session in sessions
                },
            )


def _compared(
    muscle: str, rater: str | None, session: str | None, table: dict[str, dict[str, float]]
) -> tuple[Comparison | None, list[str]]:
    """The comparison of a table's columns by the subjects that all of them have, and what is left out of it."""
    subjects = _in_order(subject for column in table.values() for subject in column)
    whole = [subject for subject in subjects if all(subject in column for column in table.values())]
    volumes_ml = np.array([[column[subject] for column in table.values()] for subject in whole])
    comparison = Comparison(muscle, rater, session, tuple(whole), tuple(table), volumes_ml)
    told = [
        f"{muscle}, {comparison.title}: {subject} is left out, as there is no volume of "
        f"{', '.join(_missing(comparison, table, subject))}."
        for subject in subjects
        if subject not in whole
    ]
    if len(whole) < FEWEST_SUBJECTS:
        told.append(f"{muscle}, {comparison.title}: nothing is compared, as {len(whole)} of {len(subjects)} subjects "
                    f"can be and {FEWEST_SUBJECTS} or more are needed.")  # fmt: skip
        return None, told
    return comparison, told


def _missing(comparison: Comparison, table: dict[str, dict[str, float]], subject: str) -> list[str]:
    """The columns that have no volume of a subject."""
    columns = zip(comparison.titles, table.values(), strict=True)
    return [title for title, column in columns if subject not in column]


def _told(comparison: Comparison) -> dict[str, Any]:
    limits = [{"first": first, "second": second, **asdict(limits)} for first, second, limits in comparison.limits()]
    title = {"comparison": comparison.title}
    return vars(comparison) | title | {"reliability": asdict(comparison.reliability), "limits_of_agreement": limits}


def _check(measurements: Sequence[Measurement]) -> None:
    seen = set()
    for held in measurements:
        what = f"the {held.muscle} of {held.subject} by {held.rater}" + (
            f", session {held.session}" * bool(held.session)
        )
        if not np.isfinite(held.volume_ml) or held.volume_ml < 0:
            raise InputError(
                f"The volume of {what} is {held.volume_ml}: expected a number of mL, 0 or more; mend or drop it."
            )
        key = (held.subject, held.rater, held.session, held.muscle)
        if key in seen:
            raise InputError(
                f"There are two volumes of {what}: expected one; drop one, or tell them apart in a column session."
            )
        seen.add(key)


def _in_order(names: Iterable[str]) -> list[str]:
    """Each once, in the order in which they come first."""
    return list(dict.fromkeys(names))
