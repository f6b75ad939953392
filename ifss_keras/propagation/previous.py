"""What an earlier mask of the same volume keeps when there are more references: the spans that none of them touches."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Copied(NamedTuple):
    """One label on the slices that are copied from an earlier mask.

    Attributes:
        masks: slice index to (row, column) bool.
        before, after: the slices beyond the first reference, and beyond the last, are among them.
    """

    masks: Mapping[int, np.ndarray]
    before: bool = False
    after: bool = False

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
    spans = [range(a + 1, b) for a, b in pairwise(slices) if same[a] and same[b]]
    before, after = (same[slices[end]] and not ends_annotated for end in (0, -1))
    spans += [range(slices[0])] * before + [range(slices[-1] + 1, len(previous))] * after
    return Copied({index: previous[index] == code for span in spans for index in span}, before, after)
