"""The table of a batch: a row for each case and label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ifss_keras.report.tables import VOLUME_COLUMNS, Table

BATCH_COLUMNS = ("subject", "image", "output", "state", *VOLUME_COLUMNS, "warnings", "error")


def batch_table(outcomes: Sequence[Mapping[str, Any]]) -> Table:
    """The columns of `BATCH_COLUMNS`, with a row per label of each case, and one row for a case that failed.

    Args:
        outcomes: with subject, image, output, state, volumes (a mapping for each label), warnings and error.
    """
    rows = []
    for outcome in outcomes:
        case = tuple(outcome[name] for name in BATCH_COLUMNS[:4])
        for volume in outcome["volumes"] or [{}]:
            numbers = tuple(volume.get(name) for name in VOLUME_COLUMNS)
            rows.append((*case, *numbers, " ".join(outcome["warnings"]) or None, outcome["error"]))
    return Table(BATCH_COLUMNS, tuple(rows))
