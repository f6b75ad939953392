"""Labels carried through the whole volume by the network, span by span."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ifss_keras.propagation.beyond import references_around
from ifss_keras.propagation.compose import SoftMask, pixels_inside
from ifss_keras.propagation.cut import Areas, Certainty, curve_certainty, with_pixels
from ifss_keras.propagation.ends import NO_ENDS, Ends, decide_ends
from ifss_keras.propagation.kept import KeptSpans, Key
from ifss_keras.propagation.previous import NOTHING_COPIED, Copied
from ifss_keras.propagation.runner import Job, SpanRunner
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.propagation.span_jobs import SpanJobs
from ifss_keras.propagation.spans import Span, plan_spans
from ifss_keras.propagation.wrong import wrong_areas_mm2
from ifss_keras.volumes.volume import Volume

Done = Callable[[int], None]


class Carried(NamedTuple):
    """One label, carried.

    Attributes:
        soft: slice index to soft mask, for every slice that may hold the label and is not a reference.
        ends: where it was decided to be gone beyond its references.
        areas: what is known of those between its references; None where they are as the network gave them.
    """

    soft: dict[int, SoftMask]
    ends: Ends
    areas: Areas | None


@dataclass(frozen=True, eq=False)
class Told:
    """What is told of a label.

    Attributes:
        masks: slice index to (row, column) bool, the references.
        ends_annotated: the outermost references are the label's ends: nothing is looked for beyond them.
        done: called with the number of slices that have just been dealt with.
        copied: of an earlier mask; nothing is looked for there.
    """

    masks: Mapping[int, np.ndarray]
    ends_annotated: bool = False
    done: Done = lambda slices: None
    copied: Copied = NOTHING_COPIED


class Carrier:
    """Labels of one volume, carried by one network.

    Args:
        runner: of the network.
        volume: any grid.
        settings: see `PropagationSettings`.
        kept: what was found of spans, by all that it depends on, for the next time; None: nothing is kept.
    """

    def __init__(
        self, runner: SpanRunner, volume: Volume, settings: PropagationSettings, kept: KeptSpans | None = None
    ):
        self.runner = runner
        self.volume = volume
        self.settings = settings
        self.spans = SpanJobs(runner, volume, settings)
        self.kept = kept

    def carry(
        self, masks: Mapping[int, np.ndarray], done: Done = lambda slices: None, *, ends_annotated: bool = False
    ) -> Carried:
        """One label through the whole volume; arguments as in `Told`."""
        (carried,) = self.carry_all({0: Told(masks, ends_annotated, done)}).values()
        return carried

    def carry_all(self, labels: Mapping[Hashable, Told]) -> dict[Hashable, Carried]:
        """Labels through the whole volume, the spans of all run together; keys are the labels'."""
        for told in labels.values():
            told.done(len(told.copied.masks))
        found = self._together({label: self._within(told) for label, told in labels.items()})
        areas = {label: self._cut(soft, labels[label].masks) for label, soft in found.items()}
        ends = {
            label: NO_ENDS if told.ends_annotated else self._ends(told, found[label]) for label, told in labels.items()
        }
        going_on = {label: told for label, told in labels.items() if not told.ends_annotated}
        outside = self._together({label: self._outside(told, ends[label]) for label, told in going_on.items()})
        return {
            label: Carried(soft | outside.get(label, {}), ends[label], areas[label]) for label, soft in found.items()
        }

    def certainty(self, told: Told, carried: Carried) -> Certainty | None:
        """How sure the areas of a carried label are; None with one or two references, which do not tell how it swells.

        Where slices are copied, what the network saw of them is not known, and the area curve alone says how sure.
        """
        masks, copied, places, pixel_mm = told.masks, told.copied.masks, self.spans.places, self.spans.pixel_mm
        if carried.areas is None or len(masks) < 3:
            return None
        if not copied:
            between = set(carried.areas.slices)
            others = {index: mask for index, mask in carried.soft.items() if index not in between}
            return carried.areas.certainty().with_beyond(others, pixel_mm, places)
        areas = {index: float(mask.sum()) for index, mask in copied.items() if mask.any()}
        areas |= {index: pixels_inside(mask, pixel_mm) for index, mask in carried.soft.items()}
        beyond = {index: area for index, area in areas.items() if not min(masks) < index < max(masks)}
        return curve_certainty(masks, places).with_areas_beyond(beyond, places)

    def wrong_areas_mm2(self, told: Told, carried: Carried) -> np.ndarray:
        """(slice,), how much of each slice of a carried label is expected to be wrong, see `propagation.wrong`."""
        places_mm = self.spans.places.at(range(len(self.volume.array))) * self.volume.spacing_mm[0]
        copied, ends = told.copied.masks, told.ends_annotated
        return wrong_areas_mm2(carried.soft, told.masks, copied, places_mm, self.spans.pixel_mm, ends_annotated=ends)

    def _cut(self, soft: dict[int, SoftMask], masks: Mapping[int, np.ndarray]) -> Areas | None:
        """Gives the soft masks between references the areas that are to be expected, in place."""
        if not self.settings.final_area:
            return None
        areas, kept = Areas(soft, masks, self.spans.pixel_mm, self.spans.places), self.kept
        slices = areas.slices if kept is None else [index for index in areas.slices if kept.is_uncut(soft[index])]
        pixels = areas.pixels(soft, slices)
        for index in areas.slices:
            if kept is None:
                soft[index] = with_pixels(soft[index], pixels[index])
            else:
                soft[index] = kept.cut(soft[index], pixels.get(index))
        return areas

    def _together(self, jobs: Mapping[Hashable, Sequence[Job]]) -> dict[Hashable, dict[int, SoftMask]]:
        """Of every label what its jobs found, {slice index: soft mask}."""
        found = iter(self.runner.run(job for held in jobs.values() for job in held))
        return {label: {k: v for _ in held for k, v in next(found).items()} for label, held in jobs.items()}

    def _within(self, told: Told) -> list[Job]:
        """For the slices between two references."""
        spans = plan_spans(list(told.masks), len(self.volume.array), self.runner.window)
        return [
            _counted(self._closed(span, told.masks), told.done, span.last - span.first - 1)
            for span in spans
            if span.closed and span.first + 1 not in told.copied.masks
        ]

    def _closed(self, span: Span, masks: Mapping[int, np.ndarray]) -> Job:
        around = references_around(masks, span.first, span.last)
        own = {index: masks[index] for index in (span.first, span.last)}
        beside = min(around) < span.first, max(around) > span.last  # the first one there tells how the shape bends
        return self._unless_kept(Key.of(span, own, *beside), Key.of(span, around), self.spans.closed(span, around))

    def _open(self, span: Span, masks: Mapping[int, np.ndarray]) -> Job:
        step, most = (1 if span.last >= span.first else -1), self.spans.most_pixels(masks)
        seen = {index: masks[index] for index in range(span.first, span.last + step, step) if index in masks}
        return self._unless_kept(Key.of(span, seen), Key.of(span, seen, most), self.spans.open(span, seen, most))

    def _unless_kept(self, own: Key, known: Key, job: Job) -> Job:
        """What was found before where the same is known, see `KeptSpans.get`, and else what the job finds."""
        if self.kept is None:
            return (yield from job)
        if (found := self.kept.get(own, known)) is None:
            found = yield from job
            self.kept.keep(own, known, found)
        return found

    def _ends(self, told: Told, within: Mapping[int, SoftMask]) -> Ends:
        changes = None if self.kept is None else self.kept.changes
        threshold, copied = self.settings.threshold, told.copied
        between = copied.between(told.masks)
        ends = decide_ends(self.volume, self.spans.intensity, told.masks, within, threshold, changes, between)
        return Ends(*(tuple(index for index in held if not copied.covers(index, told.masks)) for held in ends))

    def _outside(self, told: Told, ends: Ends) -> list[Job]:
        """For the slices beyond the outermost references that may hold the label."""
        jobs, slices = [], len(self.volume.array)
        gone = np.zeros(self.volume.array.shape[1:], bool)
        known = dict(told.masks) | dict.fromkeys((*ends.presumed, *ends.seen), gone)
        told.done(len(ends.seen))
        for span in plan_spans(list(known), slices, self.runner.window):
            if not span.closed:
                if told.copied.covers(span.last, told.masks):
                    continue
                places = range(min(span.first, span.last), max(span.first, span.last) + 1)
                done = sum(index not in known for index in places)
                jobs.append(_counted(self._open(span, known), told.done, done))
            elif span.first in ends.presumed or span.last in ends.presumed:
                jobs.append(_counted(self._closed(span, known), told.done, span.last - span.first))
        return jobs


def _counted(job: Job, done: Done, slices: int) -> Job:
    """The job, which tells of its slices when they are dealt with."""
    found = yield from job
    done(slices)
    return found
