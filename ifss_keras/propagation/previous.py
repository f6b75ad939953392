"""What an earlier mask of the same volume keeps when there are more references: the spans that none of them touches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Copied(NamedTuple):
    """One label on the slices that are copied from an earlier mask.

    Attributes:
        masks: slice index to (row, column) bool.
        before, after: the slices beyond the first reference, and beyond the last, are among them.
        anew: the other slices on which the label is looked for; none where there is no earlier mask.
    """

    masks: Mapping[int, np.ndarray]
    before: bool = False
    after: bool = False
    anew: Sequence[int] = ()

    def between(self, references: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Those between the outermost references."""
        return {index: mask for index, mask in self.masks.items() if min(references) < index < max(references)}

    def covers(self, index: int, references: Mapping[int, np.ndarray]) -> bool:
        """Whether a slice beyond the outermost references is among them."""
        return self.before if index < min(references) else self.after


NOTHING_COPIED = Copied({})


def copied_from(
    previous: np.ndarray, code: int, references: Mapping[int, np.ndarray], *, ends_annotated: bool = False
) -> Copied:
    """What of a label is copied: the spans whose references are what the mask holds there, bit for bit.

    Args:
        previous: (slice, row, column) codes, the earlier mask.
        code: of the label.
        references: slice index to (row, column) bool.
        ends_annotated: the outermost references are the label's ends: nothing beyond them is copied.
    """
    same = {index: np.array_equal(previous[index] == code, mask) for index, mask in references.items()}
    slices = sorted(references)
    spans = {range(a + 1, b): same[a] and same[b] for a, b in pairwise(slices)}
    before, after = (same[slices[end]] and not ends_annotated for end in (0, -1))
    if not ends_annotated:
        spans |= {range(slices[0]): before, range(slices[-1] + 1, len(previous)): after}
    copied, anew = ([index for span, kept in spans.items() if kept == held for index in span] for held in (True, False))
    return Copied({index: previous[index] == code for index in copied}, before, after, anew)


def runs(slices: Collection[int], references: Collection[int]) -> tuple[tuple[int, int], ...]:
    """First and last of each run of slices; a run goes on across references, which are neither copied nor carried."""
    found: list[tuple[int, int]] = []
    for index in sorted(slices):
        joins = found and all(between in references for between in range(found[-1][1] + 1, index))
        found.append((found.pop()[0] if joins else index, index))
    return tuple(found)
