"""Which slices to annotate next: those where an annotation is expected to put most of the volume right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ifss_keras.inference.summary import LabelSummary
from ifss_keras.metrics.volume import MM3_PER_ML
from ifss_keras.propagation.wrong import SETTINGS, between_mm, by_outline, remoteness_mm


class Suggestion(NamedTuple):
    """A slice that is worth annotating.

    Attributes:
        slice: its index.
        code: of the label.
        gain: how much less volume is then expected to be labelled wrongly, in mL.
    """

    slice: int
    code: int
    gain: float


class Summarized(Protocol):
    """What has summaries of its labels, as a `Prediction`."""

    summaries: tuple[LabelSummary, ...]


def suggest(prediction: Summarized, count: int = 3) -> list[Suggestion]:
    """The slices to annotate next, best first; each counts on those before it being annotated.

    The model is in `propagation.wrong`. Fewer than `count` where there is nothing left to gain.

    Args:
        prediction: of an annotation.
        count: how many slices, of all labels together.
    """
    return suggest_of(prediction.summaries, count)


def suggest_of(summaries: Sequence[LabelSummary], count: int) -> list[Suggestion]:
    """The same from the summaries of some labels."""
    labels = [_Expected(summary) for summary in summaries if summary.reference_slices]
    found = []
    while labels and len(found) < count:
        best = max(labels, key=lambda label: label.gains_ml.max())
        index = int(np.argmax(best.gains_ml))
        if best.gains_ml[index] <= 0:
            break
        found.append(Suggestion(index, best.code, float(best.gains_ml[index])))
        best.annotate(index)
    return found


class _Expected:
    """What of a label is expected to be wrong, and what annotated slices would put right.

    Attributes:
        code: of the label.
        gains_ml: (slice,) by annotating it.
    """

    def __init__(self, summary: LabelSummary):
        self.code = summary.code
        slices = np.arange(len(summary.areas_mm2))
        self._places_mm = slices * summary.slice_mm if summary.positions_mm is None else summary.positions_mm
        self._order = np.argsort(self._places_mm, kind="stable")  # frames of a sweep lie in any
        self._known = np.isin(slices, summary.reference_slices)
        remote_mm = remoteness_mm(self._places_mm, self._places_mm[self._known])
        wrong_mm2 = summary.wrong_areas_mm2
        if wrong_mm2 is None:
            wrong_mm2 = by_outline(summary.areas_mm2, remote_mm)
        self._wrong_ml = wrong_mm2 * (summary.slice_mm if summary.slabs_mm is None else summary.slabs_mm) / MM3_PER_ML
        self.gains_ml = np.zeros(len(slices))
        self._gain(self._order)

    def annotate(self, index: int) -> None:
        """Takes a slice as annotated."""
        around = self._gap(index)
        self._wrong_ml[around] -= self._righted_ml(around, np.array([index]))[0]
        self._known[index], self._wrong_ml[index], self.gains_ml[index] = True, 0.0, 0.0
        self._gain(around)

    def _gain(self, slices: np.ndarray) -> None:
        """Finds the gains of some slices, whole gaps between annotated ones."""
        for first in np.split(slices, np.flatnonzero(self._known[slices])):
            gap = first[~self._known[first]]
            if gap.size:
                self.gains_ml[gap] = self._righted_ml(gap, gap).sum(axis=1)

    def _gap(self, index: int) -> np.ndarray:
        """The slices in order between the annotated ones around one."""
        place = int(np.flatnonzero(self._order == index)[0])
        known = np.flatnonzero(self._known[self._order])
        after = int(np.searchsorted(known, place))
        start = known[after - 1] + 1 if after else 0
        return self._order[start : known[after] if after < len(known) else len(self._order)]

    def _righted_ml(self, gap: np.ndarray, annotated: np.ndarray) -> np.ndarray:
        """(annotated, slice of the gap), what each of some annotated slices would put right on each slice."""
        places_mm, references_mm = self._places_mm, np.sort(self._places_mm[self._known])
        here, then = places_mm[gap], places_mm[annotated][:, None]
        place = np.searchsorted(references_mm, here[0])
        before = here - references_mm[place - 1] if place else np.full(len(gap), np.inf)
        after = references_mm[place] - here if place < len(references_mm) else np.full(len(gap), np.inf)
        nearer = between_mm(np.where(here > then, here - then, before), np.where(here < then, then - here, after))
        nearer = np.where(here == then, 0.0, nearer)
        now = between_mm(before, after)
        left = np.divide(nearer, now, out=np.zeros_like(nearer), where=now > 0) ** SETTINGS.fall
        return self._wrong_ml[gap] * (1 - left)
