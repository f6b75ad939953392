"""One label carried through the whole volume by the network, span by span."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ifss_keras.propagation.area import AreaCurve, expected_areas, seen_areas, swelling
from ifss_keras.propagation.beyond import NOTHING_BEYOND, Beyond, gather_beyond
from ifss_keras.propagation.compose import SoftMask, pixels_inside
from ifss_keras.propagation.cut import Certainty, cut
from ifss_keras.propagation.ends import NO_ENDS, Ends, decide_ends
from ifss_keras.propagation.evidence import Evidence, gather_evidence
from ifss_keras.propagation.exemplars import Exemplars, gather_exemplars
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.places import Places
from ifss_keras.propagation.region import Region, region_around, to_grid, to_working
from ifss_keras.propagation.runner import SpanRunner, both_directions, forwards
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.propagation.spans import Span, plan_spans
from ifss_keras.volumes.volume import Volume


class Carried(NamedTuple):
    """One label, carried.

    Attributes:
        soft: slice index to soft mask, for every slice that may hold the label and is not a reference.
        ends: where it was decided to be gone beyond its references.
        certainty: how sure its areas are; None with one or two references, which do not tell how it swells.
    """

    soft: dict[int, SoftMask]
    ends: Ends
    certainty: Certainty | None


class Carrier:
    """One label after the other, with one network, one volume and its intensity range.

    Args:
        runner: of the network.
        volume: any grid.
        settings: see `PropagationSettings`.
    """

    def __init__(self, runner: SpanRunner, volume: Volume, settings: PropagationSettings):
        self.runner = runner
        self.volume = volume
        self.settings = settings
        self.places = Places(volume.places)
        self.intensity = IntensityRange.from_volume(volume.array, settings.percentiles)

    def carry(
        self,
        masks: Mapping[int, np.ndarray],
        done: Callable[[int], None] = lambda slices: None,
        *,
        ends_annotated: bool = False,
    ) -> Carried:
        """The label through the whole volume.

        Args:
            masks: slice index to (row, column) bool, the references.
            done: called with the number of slices that have just been dealt with.
            ends_annotated: the outermost references are the label's ends: nothing is looked for beyond them.
        """
        within, certainty = self._within(masks, done), None
        if self.settings.final_area and len(masks) > 1:
            within, certainty = cut(within, masks, self._pixel_mm, self.places)
            certainty = certainty if len(masks) > 2 else None
        if ends_annotated:
            return Carried(within, NO_ENDS, certainty)
        ends = decide_ends(self.volume, self.intensity, masks, within, self.settings.threshold)
        outside = self._outside(masks, ends, done)
        return Carried(
            within | outside, ends, certainty and certainty.with_beyond(outside, self._pixel_mm, self.places)
        )

    def _within(self, masks: Mapping[int, np.ndarray], done: Callable[[int], None]) -> dict[int, SoftMask]:
        """Slice index to soft mask, for the slices between two references."""
        soft = {}
        for span in plan_spans(list(masks), len(self.volume.array), self.runner.window):
            if span.closed:
                soft |= self._closed(span, masks)
                done(span.last - span.first - 1)
        return soft

    def _outside(self, masks: Mapping[int, np.ndarray], ends: Ends, done: Callable[[int], None]) -> dict[int, SoftMask]:
        """Slice index to soft mask, for the slices beyond the outermost references that may hold the label."""
        soft, slices = {}, len(self.volume.array)
        gone = np.zeros(self.volume.array.shape[1:], bool)
        known = dict(masks) | dict.fromkeys((*ends.presumed, *ends.seen), gone)
        done(len(ends.seen))
        for span in plan_spans(list(known), slices, self.runner.window):
            if not span.closed:
                soft |= self._open(span, known)
                places = range(min(span.first, span.last), max(span.first, span.last) + 1)
                done(sum(index not in known for index in places))
            elif span.first in ends.presumed or span.last in ends.presumed:
                soft |= self._closed(span, known)
                done(span.last - span.first)
        return soft

    def _closed(self, span: Span, masks: Mapping[int, np.ndarray]) -> dict[int, SoftMask]:
        """Between two references, from both; those beyond bend the anchor, and the curve through all gives its area.

        Where one is empty, only until the muscle is seen to have ended. If no end is seen on the way to the empty one,
        its anchor, which shrinks to nothing half-way, decides.
        """
        ends = {index: masks[index] for index in (span.first, span.last)}
        held = [index for index, mask in ends.items() if mask.any()]
        if not held:
            return {}
        if len(held) == 1:
            start, stop = held[0], span.last - 1 if held[0] == span.first else span.first + 1
            soft = self._open(Span(start, stop, False), ends)
            if stop not in soft:
                return soft
        region, expected = self._expected(span, masks)
        indices = list(range(span.first, span.last + 1))
        size, bend = self.settings.size, self.settings.bend
        beyond = gather_beyond(masks, span.first, span.last, region, self._pixel_mm, size, bend, self.places)
        areas = expected and {index - span.first: area for index, area in expected.items()}
        evidence = self._evidence(indices, ends, region, beyond, areas)
        exemplars = self._exemplars(ends, region, centred=False)
        if self.settings.both_directions:
            towards_end = self.places.along(span.first, span.last).at(range(len(indices)))
            soft = both_directions(self.runner, evidence, exemplars, towards_end / towards_end[-1])
        else:
            soft = forwards(self.runner, evidence, exemplars)
        soft[[0, -1]] = evidence.annotation[[0, -1], ..., 0]
        sigma = self.settings.smoothing_mm / self.volume.spacing_mm[0]
        soft = self.places.smoothed(soft, span.first, sigma)
        return {index: SoftMask(region, soft[index - span.first]) for index in indices[1:-1]}

    def _expected(self, span: Span, masks: Mapping[int, np.ndarray]) -> tuple[Region, dict[int, float] | None]:
        """Where a label lies between two references, and the area of each slice from the one to the other, if of use.

        The area curve says so, unless it has these two references only and knows nothing of what swells between them:
        then the network looks first, carrying each to the other.
        """
        ends = {index: masks[index] for index in (span.first, span.last)}
        if not self.settings.anchor_area:
            return self._region(list(ends.values())), None
        if not all(mask.any() for mask in ends.values()) or AreaCurve.of_masks(masks, self.places).references > 2:
            expected = expected_areas(masks, span.first, span.last, self.places)
            return self._region(list(ends.values()), swelling(expected)), expected
        ways = []
        for start, stop in ((span.first, span.last - 1), (span.last, span.first + 1)):
            soft = self._open(Span(start, stop, False), {start: ends[start]})
            ways.append(
                {index: self._on_plane(mask.region, mask.values[None])[0] > 0.5 for index, mask in soft.items()}
            )
        seen = [*ends.values(), *(mask for way in ways for mask in way.values())]
        return self._region(seen), seen_areas(ends, *ways, self.places)

    def _open(self, span: Span, masks: Mapping[int, np.ndarray]) -> dict[int, SoftMask]:
        """From the outermost reference outwards, until the muscle has ended or the volume has."""
        step = 1 if span.last >= span.first else -1
        indices = list(range(span.first, span.last + step, step))
        known = [index for index in indices if index in masks]
        if not masks[known[-1]].any():
            return {}  # the muscle has ended before the last reference
        smallest = self.settings.least_area * masks[known[-1]].sum()  # of the reference's pixels
        most = self._most_pixels(masks)
        soft, doubtful = {}, {}
        for index, mask in self._stretches(indices, {index: masks[index] for index in known}):
            if index in masks:
                continue
            pixels = pixels_inside(mask, self._pixel_mm)
            if pixels > most:
                break
            if pixels < smallest:
                doubtful[index] = mask
                if len(doubtful) == self.settings.empty_slices:
                    break  # it has ended before the first of them
            else:
                soft |= doubtful
                soft[index], doubtful = mask, {}
        return soft

    def _most_pixels(self, masks: Mapping[int, np.ndarray]) -> float:
        """The largest area in pixels that the label may have outside its references."""
        areas = {index: mask.sum() for index, mask in masks.items() if mask.any()}
        apart = max(areas) - min(areas) >= self.runner.window
        return self.settings.most_area * max(areas.values()) if apart else np.inf

    def _stretches(self, indices: list[int], seen: Mapping[int, np.ndarray]) -> Iterator[tuple[int, SoftMask]]:
        """The slices in order with their soft masks (references: as given); the region follows along."""
        overlap, place, start = self.runner.window - 1, 0, None
        region = self._region(list(seen.values()))
        nearest, exemplars = dict(list(seen.items())[-1:]), self._looked_up(seen, region)
        while place < len(indices):
            part = indices[place : place + self.settings.stretch + overlap]
            evidence = self._evidence(part, seen, region)
            batch = Evidence(*(item[None] for item in evidence))
            soft, newest = self.runner.run(batch, start, exemplars)
            last = place + len(part) >= len(indices)
            finished = len(part) if last else self.settings.stretch
            soft = np.where(evidence.is_reference[None, ..., 0] > 0, evidence.annotation[None, ..., 0], soft)
            for index, values in zip(part[:finished], soft[0], strict=False):
                yield index, SoftMask(region, values)
            if last:
                return
            place += finished
            shared = newest[0, finished : finished + overlap]
            latest = soft[0, finished - 1 : finished]
            moved = self._moved(region, np.concatenate([latest, shared]))
            start = to_working(self._on_plane(region, shared), moved, self._pixel_mm, self.settings.size)
            estimate = self._on_plane(region, latest)[0] > 0.5
            start, region = start[None, ..., None], moved
            if self.settings.recall_newest and estimate.any():
                exemplars = self._looked_up(nearest | {part[finished - 1]: estimate}, region)
            seen = {index: mask for index, mask in seen.items() if index in indices[place:]}

    def _moved(self, region: Region, soft: np.ndarray) -> Region:
        """The region around the largest piece of the last estimates; unmoved where they are empty."""
        union = (self._on_plane(region, soft) > 0.5).any(axis=0)
        pieces, count = ndimage.label(union)
        if not count:
            return region
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        return self._region([pieces == largest])

    def _region(self, masks: list[np.ndarray], wider: float = 1.0) -> Region:
        """The working region around masks (row, column), so many times as wide as usual."""
        margin, share = self.settings.margin * wider, self.settings.least_share
        return region_around(masks, self._pixel_mm, margin, least_share=share)

    @property
    def _pixel_mm(self) -> tuple[float, float]:
        return self.volume.spacing_mm[1:]

    def _exemplars(self, masks: Mapping[int, np.ndarray], region: Region, centred: bool) -> Exemplars:
        """The references among `masks` that are looked up."""
        image, size = self.volume.array, self.settings.size
        return gather_exemplars(image, self.intensity, masks, region, self._pixel_mm, size, centred=centred)

    def _looked_up(self, masks: Mapping[int, np.ndarray], region: Region) -> Exemplars:
        """Exemplars for a network's run of one batch, each about its own centre."""
        return Exemplars(*(part[None] for part in self._exemplars(masks, region, centred=True)))

    def _evidence(
        self,
        indices: list[int],
        masks: Mapping[int, np.ndarray],
        region: Region,
        beyond: Beyond = NOTHING_BEYOND,
        areas: Mapping[int, float] | None = None,
    ) -> Evidence:
        """The evidence for slices `indices` (ascending or descending), numbered from 0 on, as are `areas`."""
        size = self.settings.size
        ascending = slice(min(indices), max(indices) + 1)
        image = to_working(self.intensity.apply(self.volume.array[ascending]), region, self._pixel_mm, size)
        if indices[0] > indices[-1]:
            image = image[::-1].copy()
        first, sign = indices[0], 1 if indices[-1] >= indices[0] else -1
        known = {
            (index - first) * sign: to_working(mask[None], region, self._pixel_mm, size)[0]
            for index, mask in masks.items()
        }
        places = self.places.along(indices[0], indices[-1])
        return gather_evidence(image, known, 0, self.settings.softness, beyond, areas, places)

    def _on_plane(self, region: Region, soft: np.ndarray) -> np.ndarray:
        """Soft masks (n, size, size) on the whole plane of the volume, (n, row, column)."""
        return to_grid(soft, region, self._pixel_mm, self.volume.array.shape[1:])
