"""Which slices to annotate next, by what is known without a further look at the image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import LabelSummary


@dataclass(frozen=True)
class Suggestion:
    """A slice that is worth annotating.

    Attributes:
        slice: its index.
        code: of the label.
        gain: what to expect of it, the more the better: half the 95 % interval of the label's area there, as a share of
            its largest area; where nothing is known of it, 1 and more, the slices to the nearest that is annotated.
    """

    slice: int
    code: int
    gain: float


def next_slices(prediction: Prediction, count: int = 1) -> list[Suggestion]:
    """The best slices, at most one for each label, best first: where the area is least sure.

    A label of fewer than three annotated slices, of whose area nothing is known, comes before: in the middle of its
    widest gap between annotated slices and the ends of its mask.
    """
    found = filter(None, map(_of_label, prediction.summaries))
    return sorted(found, key=lambda suggestion: -suggestion.gain)[:count]


def _of_label(summary: LabelSummary) -> Suggestion | None:
    if summary.doubts is None:
        return _widest_gap(summary)
    index = int(np.argmax(summary.doubts))
    return Suggestion(index, summary.code, float(summary.doubts[index])) if summary.doubts[index] > 0 else None


def _widest_gap(summary: LabelSummary) -> Suggestion | None:
    known = set(summary.reference_slices)
    ends = sorted(known | set(summary.held or ()))
    gaps = [(after - before, (before + after) // 2) for before, after in pairwise(ends) if after - before > 1]
    outermost = [(2, end) for end in ends if end not in known]  # the end of the mask, which nobody has looked at
    if not gaps and not outermost:
        return None
    width, index = max(gaps or outermost)
    return Suggestion(index, summary.code, width / 2)
