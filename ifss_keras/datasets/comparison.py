"""What is wrong with a data set as a whole: a subject in two splits, doubled volumes, other labels or spacings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.datasets.inspection import CaseFacts, Finding
from ifss_keras.datasets.labels import LEAST_SLICES
from ifss_keras.datasets.listing import Dataset, splits, subjects_in_two_splits

LARGEST_RATIO = 2.0  # of a spacing to the median of all volumes


def compare_cases(dataset: Dataset, known: Sequence[CaseFacts]) -> list[Finding]:
    """What is wrong with a data set, of whose volumes that could be read this is known."""
    annotated = [facts for facts in known if facts.labels]
    return [*_of_splits(dataset), *_of_doubles(known), *_of_spacings(known), *_of_labels(dataset, annotated)]


def _of_splits(dataset: Dataset) -> Iterable[Finding]:
    twice = subjects_in_two_splits(dataset.cases)
    for subject, held in twice.items():
        yield Finding("error", f"The subject {subject} is in the splits {' and '.join(held)}: expected one; mend that.")
    if not twice:
        try:
            splits(dataset, 0.5, 0)
        except InputError as error:
            yield Finding("error", str(error))


def _of_doubles(known: Sequence[CaseFacts]) -> Iterable[Finding]:
    first: dict[str, CaseFacts] = {}
    for facts in known:
        other = first.setdefault(facts.sha256, facts)
        if other is facts:
            continue
        same = other.case.subject == facts.case.subject
        whom = f"the subject {facts.case.subject}" if same else f"{other.case.subject} and {facts.case.subject}"
        yield Finding(
            "warning" if same else "error",
            f"{facts.case.image} is the same file as {other.case.image}, both of {whom}: expected different volumes; "
            "remove one.",
        )


def _of_spacings(known: Sequence[CaseFacts]) -> Iterable[Finding]:
    if len(known) < 2:
        return
    usual = np.median([facts.spacing_mm for facts in known], axis=0)
    for facts in known:
        ratios = facts.spacing_mm / usual
        if max(ratios.max(), 1 / ratios.min()) > LARGEST_RATIO:
            yield Finding(
                "warning",
                f"{facts.case.image} has voxels of {_mm(facts.spacing_mm)} mm, most volumes {_mm(usual)} mm (slice, "
                "row, column): expected about the same; check its header.",
            )


def _of_labels(dataset: Dataset, annotated: Sequence[CaseFacts]) -> Iterable[Finding]:
    trained = [facts for facts in annotated if facts.case.split != "test"]
    if not any(label.slices >= LEAST_SLICES for facts in trained for label in facts.labels):
        yield Finding(
            "error",
            f"The data set {dataset.path} has nothing to train on: expected a label in {LEAST_SLICES} slices or more "
            "of a volume, received none; annotate more slices.",
        )
    names: dict[str, list[CaseFacts]] = {}
    of_code: dict[int, set[str]] = {}
    for facts in annotated:
        for label in facts.labels:
            names.setdefault(label.name, []).append(facts)
            of_code.setdefault(label.code, set()).add(label.name)
    for name, held in names.items():
        if len(held) < len(annotated):
            others = [facts.case.subject for facts in annotated if facts not in held]
            told = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
            yield Finding(
                "warning",
                f"The label {name} is in {len(held)} of {len(annotated)} volumes, not of {told}: check these.",
            )
    for code, called in of_code.items():
        if len(called) > 1:
            yield Finding(
                "warning",
                f"The code {code} is {' and '.join(sorted(called))} in different files: a recipe's labels are found by "
                "name first.",
            )


def _mm(spacing_mm: Sequence[float]) -> str:
    return " x ".join(f"{size:.4g}" for size in spacing_mm)
