"""The jobs that carry one label through a span: between two references, or from the outermost one outwards."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import numpy as np
from scipy import ndimage

from ifss_keras.propagation.area import AreaCurve, expected_areas, seen_areas, swelling
from ifss_keras.propagation.beyond import NOTHING_BEYOND, Beyond, gather_beyond
from ifss_keras.propagation.compose import SoftMask, pixels_inside
from ifss_keras.propagation.cut import with_doubt
from ifss_keras.propagation.evidence import Evidence, gather_evidence
from ifss_keras.propagation.exemplars import Exemplars, gather_exemplars
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.places import Places
from ifss_keras.propagation.region import Region, region_around, to_grid, to_working
from ifss_keras.propagation.runner import Job, SpanRunner, both_directions, forwards
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.propagation.spans import Span
from ifss_keras.propagation.ways import Way
from ifss_keras.volumes.volume import Volume

Masks = Mapping[int, np.ndarray]


class SpanJobs:
    """Jobs for a `SpanRunner`; each returns slice index to `SoftMask`.

    Args:
        runner: of the network.
        volume: any grid.
        settings: see `PropagationSettings`.
    """

    def __init__(self, runner: SpanRunner, volume: Volume, settings: PropagationSettings):
        self.runner = runner
        self.volume = volume
        self.settings = settings
        self.pixel_mm = volume.spacing_mm[1:]
        self.places = Places(volume.places)
        self.step = settings.step(volume.spacing_mm[0])
        self.intensity = IntensityRange.from_volume(volume.array, settings.percentiles)

    def closed(self, span: Span, masks: Masks) -> Job:
        """Between two references, from both; those beyond bend the anchor, and the curve through all four gives areas.

        Nothing but these four decides what is found.

        Where one is empty, only until the muscle is seen to have ended. If no end is seen on the way to the empty one,
        its anchor, which shrinks to nothing half-way, decides.

        Args:
            span: between the two.
            masks: see `references_around`.
        """
        ends = {index: masks[index] for index in (span.first, span.last)}
        held = [index for index, mask in ends.items() if mask.any()]
        if not held:
            return {}
        if len(held) == 1:
            start, stop = held[0], span.last - 1 if held[0] == span.first else span.first + 1
            soft = yield from self.open(Span(start, stop, False), {start: masks[start]}, self.most_pixels(ends))
            if stop not in soft:
                return soft
        region, expected = yield from self._expected(span, masks)
        indices, looked = range(span.first, span.last + 1), self.places.sampled(span.first, span.last, self.step)
        size, bend = self.settings.size, self.settings.bend
        beyond = gather_beyond(masks, span.first, span.last, region, self.pixel_mm, size, bend, self.places)
        evidence = self.evidence(looked, ends, region, beyond, expected)
        sight = self.runner.sight(evidence, self.exemplars(ends, region, centred=False))
        if self.settings.both_directions:
            towards_end = self.places.of(looked).at(range(len(looked)))
            soft, apart = yield from both_directions(sight, towards_end / towards_end[-1])
        else:
            soft, apart = yield from forwards(sight)
        soft[[0, -1]] = evidence.annotation[[0, -1], ..., 0]
        soft, apart = (self.places.filled(part, looked, indices) for part in (soft, apart))
        sigma = self.settings.smoothing_mm / self.volume.spacing_mm[0]
        soft = self.places.smoothed(soft, span.first, sigma)
        apart *= float(np.prod(region.extent_mm) / np.prod(self.pixel_mm))
        held = zip(indices, soft, apart.tolist(), strict=True)
        found = {index: SoftMask(region, values, apart=differs) for index, values, differs in held}
        return {index: with_doubt(found[index], self.pixel_mm) for index in indices[1:-1]}

    def open(self, span: Span, seen: Masks, most: float) -> Job:
        """From the outermost reference outwards, until the muscle has ended or the volume has.

        Args:
            span: outwards.
            seen: the references in it, which are its first slices, in its order.
            most: see `most_pixels`.
        """
        outermost, mask = list(seen.items())[-1]
        if not mask.any():
            return {}  # the muscle has ended before the last reference
        smallest = self.settings.least_area * mask.sum()  # of the reference's pixels
        outwards = _Outwards(self, [*list(seen)[:-1], *self.places.sampled(outermost, span.last, self.step)], seen)
        looked, doubtful = yield from self._until_gone(outwards, smallest, most)
        gone = dict(list(doubtful.items())[:1])  # up to it the last mask fades
        found = self._filled(outermost, mask, looked | gone)
        return {
            index: held
            for index, held in found.items()
            if index in looked or (index not in gone and pixels_inside(held, self.pixel_mm) >= smallest)
        }

    def _until_gone(
        self, outwards: _Outwards, smallest: float, most: float
    ) -> Generator[list[Way], None, tuple[dict[int, SoftMask], dict[int, SoftMask]]]:
        """The soft masks of slices that are looked at, by index in their order, and those beyond the end."""
        soft, doubtful = {}, {}
        while outwards.goes_on and len(doubtful) < self.settings.empty_slices:
            for index, mask in (yield from outwards.stretch()):
                pixels = pixels_inside(mask, self.pixel_mm)
                if pixels > most or len(doubtful) == self.settings.empty_slices:
                    return soft, doubtful
                if pixels >= smallest:
                    soft |= doubtful
                    soft[index], doubtful = mask, {}
                else:
                    doubtful[index] = mask
        return soft, doubtful

    def _filled(self, outermost: int, mask: np.ndarray, looked: Mapping[int, SoftMask]) -> dict[int, SoftMask]:
        """The soft masks of all slices from a reference outwards, given those that are looked at; linear between."""
        found, before, plane = {}, outermost, mask
        for index, held in looked.items():
            way = 1 if index > before else -1
            between = range(before + way, index, way)
            if between:
                start = to_working(plane[None].astype(np.float32), held.region, self.pixel_mm, self.settings.size)[0]
                gap = self.places.between(before, index)
                for other in between:
                    share = np.float32(self.places.between(before, other) / gap)
                    found[other] = SoftMask(held.region, (1 - share) * start + share * held.values)
            found[index], before = held, index
            plane = self.on_plane(held.region, held.values[None])[0] if self.step > 1 else None
        return found

    def most_pixels(self, masks: Masks) -> float:
        """The largest area in pixels that the label may have outside these references."""
        areas = {index: mask.sum() for index, mask in masks.items() if mask.any()}
        apart = max(areas) - min(areas) >= self.runner.window
        return self.settings.most_area * max(areas.values()) if apart else np.inf

    def _expected(self, span: Span, masks: Masks) -> Generator[list[Way], None, tuple[Region, dict[int, float] | None]]:
        """Where a label lies between two references, and the area of each slice from the one to the other, if of use.

        The area curve says so, unless it has these two references only and knows nothing of what swells between them:
        then the network looks first, carrying each to the other.
        """
        ends = {index: masks[index] for index in (span.first, span.last)}
        if not self.settings.anchor_area:
            return self.region(list(ends.values())), None
        if not all(mask.any() for mask in ends.values()) or AreaCurve.of_masks(masks, self.places).references > 2:
            expected = expected_areas(masks, span.first, span.last, self.places)
            return self.region(list(ends.values()), swelling(expected)), expected
        ways = []
        for start, stop in ((span.first, span.last - 1), (span.last, span.first + 1)):
            soft = yield from self.open(Span(start, stop, False), {start: ends[start]}, np.inf)
            ways.append({index: self.on_plane(mask.region, mask.values[None])[0] > 0.5 for index, mask in soft.items()})
        seen = [*ends.values(), *(mask for way in ways for mask in way.values())]
        return self.region(seen), seen_areas(ends, *ways, self.places)

    def region(self, masks: Sequence[np.ndarray], wider: float = 1.0) -> Region:
        """The working region around masks (row, column), so many times as wide as usual."""
        margin, share = self.settings.margin * wider, self.settings.least_share
        return region_around(masks, self.pixel_mm, margin, least_share=share)

    def on_plane(self, region: Region, soft: np.ndarray) -> np.ndarray:
        """Soft masks (n, size, size) on the whole plane of the volume, (n, row, column)."""
        return to_grid(soft, region, self.pixel_mm, self.volume.array.shape[1:])

    def exemplars(self, masks: Masks, region: Region, centred: bool) -> Exemplars:
        """The references among `masks` that are looked up."""
        image, size = self.volume.array, self.settings.size
        return gather_exemplars(image, self.intensity, masks, region, self.pixel_mm, size, centred=centred)

    def evidence(
        self,
        indices: list[int],
        masks: Masks,
        region: Region,
        beyond: Beyond = NOTHING_BEYOND,
        areas: Mapping[int, float] | None = None,
    ) -> Evidence:
        """The evidence for slices `indices`, ascending or descending; `areas` are of these and others."""
        size, softness = self.settings.size, self.settings.softness
        planes = (self.volume.array[index][None] for index in indices)
        image = [to_working(plane, region, self.pixel_mm, size, self.intensity.apply) for plane in planes]
        numbers = {index: number for number, index in enumerate(indices)}
        drawn = {numbers[k]: to_working(mask[None], region, self.pixel_mm, size)[0] for k, mask in masks.items()}
        if areas is not None:
            areas = {number: areas[index] for index, number in numbers.items()}
        if softness is not None and len(indices) - 1 < abs(indices[-1] - indices[0]):
            softness = softness.looking(self.places.between(indices[0], indices[-1]) / (len(indices) - 1))
        return gather_evidence(np.concatenate(image), drawn, 0, softness, beyond, areas, self.places.of(indices))


class _Outwards:
    """The way from references outwards, stretch by stretch; the region follows along.

    Args:
        jobs: whose volume it goes through.
        indices: of the slices, in order.
        seen: slice index to mask, the references among the first of them.
    """

    def __init__(self, jobs: SpanJobs, indices: list[int], seen: Masks):
        self.jobs = jobs
        self.indices = indices
        self.goes_on = True
        self._seen = dict(seen)
        self._nearest = dict(list(seen.items())[-1:])
        self._place, self._start = 0, None
        self._region = jobs.region(list(seen.values()))
        self._exemplars = jobs.exemplars(self._seen, self._region, centred=True)

    def stretch(self) -> Generator[list[Way], None, list[tuple[int, SoftMask]]]:
        """The next slices in order that are no references, with their soft masks."""
        jobs, window, region, seen = self.jobs, self.jobs.runner.window, self._region, self._seen
        part = self.indices[self._place : self._place + jobs.settings.stretch + window - 1]
        evidence = jobs.evidence(part, seen, region)
        way = Way(jobs.runner.sight(evidence, self._exemplars), start=self._start, goes_on=True)
        yield [way]
        soft = np.where(evidence.is_reference[..., 0] > 0, evidence.annotation[..., 0], way.soft())
        self.goes_on = self._place + len(part) < len(self.indices)
        finished = jobs.settings.stretch if self.goes_on else len(part)
        if self.goes_on:
            self._move(part[finished - 1], soft[finished - 1 : finished], way.newest()[finished:][: window - 1])
            self._place += finished
            self._seen = {index: mask for index, mask in seen.items() if index in self.indices[self._place :]}
        held = zip(part[:finished], soft, strict=False)
        return [(index, SoftMask(region, values)) for index, values in held if index not in seen]

    def _move(self, newest: int, latest: np.ndarray, shared: np.ndarray) -> None:
        """Puts the region around the estimates of the slice `newest` and of those that the next stretch shares."""
        jobs, region = self.jobs, self._region
        self._region = moved = self._around(np.concatenate([latest, shared]))
        shared = jobs.on_plane(region, shared)
        self._start = to_working(shared, moved, jobs.pixel_mm, jobs.settings.size)[..., None]
        estimate = jobs.on_plane(region, latest)[0] > 0.5
        if jobs.settings.recall_newest and estimate.any():
            self._exemplars = jobs.exemplars(self._nearest | {newest: estimate}, moved, centred=True)

    def _around(self, soft: np.ndarray) -> Region:
        """The region around the largest piece of the last estimates; unmoved where they are empty."""
        union = (self.jobs.on_plane(self._region, soft) > 0.5).any(axis=0)
        pieces, count = ndimage.label(union)
        if not count:
            return self._region
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        return self.jobs.region([pieces == largest])
