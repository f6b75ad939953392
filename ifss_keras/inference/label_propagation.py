"""One label carried through the whole volume by the network, span by span."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from ifss_keras.data.anchor import Softness
from ifss_keras.data.beyond import NOTHING_BEYOND, Beyond, gather_beyond
from ifss_keras.data.evidence import Evidence, gather_evidence
from ifss_keras.data.exemplars import Exemplars, gather_exemplars
from ifss_keras.data.intensity import IntensityWindow
from ifss_keras.data.reference_clips import AnnotatedVolume, ReferenceClipSettings
from ifss_keras.data.region import Region, region_around, to_grid, to_working
from ifss_keras.data.volume import Volume
from ifss_keras.inference.seen_ends import seen_ends
from ifss_keras.inference.soft_volume import SoftMask
from ifss_keras.inference.span_network import SpanNetwork, both_directions, forwards
from ifss_keras.propagation.spans import Span, plan_spans, presumed_ends


@dataclass(frozen=True)
class Working:
    """How a volume is shown to the network, the same in training; stored with every preset.

    Attributes:
        size: rows and columns of the working region.
        margin: side of the region over the bounding box of the masks it is put around.
        least_share: of the region's shorter side in the longer, see `region_around`.
        softness: of the anchor; None for a network that was trained without one.
        percentiles: grey values that become 0 and 1.
        threshold: soft masks above it are the muscle on the image's grid; chosen on validation volumes so that the
            mean volume error has no sign.
        smoothing_mm: standard deviation across slices of the smoothing of soft masks between two references: a muscle
            changes slowly from slice to slice, the errors of the network do not.
        stretch: slices outside the references after which the region is put anew around the estimate.
        both_directions: between two references run from both; otherwise, for comparison, from the first alone.
        empty_slices: consecutive slices without the muscle after which it has ended.
        recurrent: what was estimated is fed back; otherwise, for comparison, see `propagation.unroll.step`.
        recent: beyond the references look up the newest estimate beside the nearest reference, not a second reference.
        bend: how far the anchor between two references bends for those beyond them, from 0, straight, to 1, the curve
            of `data.beyond`. The presets were trained with straight anchors, whose errors they mend in part themselves;
            training with bent ones was no better. Chosen on three volumes for development and three calves.
    """

    size: int
    margin: float = 1.4
    least_share: float = 0.5
    softness: Softness | None = field(default_factory=Softness)
    percentiles: tuple[float, float] = (0.5, 99.5)
    threshold: float = 0.5
    smoothing_mm: float = 2.5
    stretch: int = 4
    both_directions: bool = True
    empty_slices: int = 3
    recurrent: bool = True
    recent: bool = False
    bend: float = 0.5

    def clip_settings(self, window: int = 3) -> ReferenceClipSettings:
        """How clips for adaptation are drawn: as the network will be shown the volume."""
        return ReferenceClipSettings(self.size, window, self.margin, self.least_share, self.softness, bend=self.bend)


class LabelPropagation:
    """Soft masks of one label after the other, with one network, one volume and its intensity window.

    Args:
        network: the compiled network.
        volume: any grid.
        working: see `Working`.
    """

    def __init__(self, network: SpanNetwork, volume: Volume, working: Working):
        self.network = network
        self.volume = volume
        self.working = working
        self.window = IntensityWindow.from_volume(volume.array, working.percentiles)

    def mirrored(self) -> LabelPropagation:
        """The same by a network that also sees the volume mirrored, see `SpanNetwork`."""
        copied = copy(self)
        copied.network = SpanNetwork(self.network.network, self.network.recurrent, mirrored=True)
        return copied

    def run(
        self, masks: Mapping[int, np.ndarray], done: Callable[[int], None] = lambda slices: None
    ) -> dict[int, SoftMask]:
        """Slice index to soft mask, for every slice that may hold the label and is not a reference.

        Args:
            masks: slice index to (row, column) bool, the references.
            done: called with the number of slices that have just been dealt with.
        """
        within = self.within(masks, done)
        return within | self.outside(masks, done, self.seen_ends(masks, within))

    def within(
        self, masks: Mapping[int, np.ndarray], done: Callable[[int], None] = lambda slices: None
    ) -> dict[int, SoftMask]:
        """Slice index to soft mask, for the slices between two references."""
        soft = {}
        for span in plan_spans(list(masks), len(self.volume.array), self.network.window):
            if span.closed:
                soft |= self.between(span.first, span.last, masks)
                done(span.last - span.first - 1)
        return soft

    def between(self, first: int, last: int, masks: Mapping[int, np.ndarray]) -> dict[int, SoftMask]:
        """Slice index to soft mask, for the slices between two references; those beyond them bend the anchor."""
        return self._closed(Span(first, last, True), masks)

    def seen_ends(self, masks: Mapping[int, np.ndarray], within: Mapping[int, SoftMask]) -> list[int]:
        """The slices right beyond the outermost references where the image shows that the label is gone.

        Args:
            masks: slice index to (row, column) bool, the references.
            within: slice index to soft mask, for the slices between them.
        """
        return seen_ends(self.volume, self.window, masks, within, self.working.threshold)

    def outside(
        self,
        masks: Mapping[int, np.ndarray],
        done: Callable[[int], None] = lambda slices: None,
        gone: Sequence[int] = (),
    ) -> dict[int, SoftMask]:
        """Slice index to soft mask, for the slices beyond the outermost references that may hold the label.

        A series of references that stops presumes an end, see `presumed_ends`.

        Args:
            masks, done: as in `run`.
            gone: slices beyond them on which the label is no more, see `seen_ends`.
        """
        soft, slices = {}, len(self.volume.array)
        held = [index for index, mask in masks.items() if mask.any()]
        ends = presumed_ends(held, [*masks, *gone], slices)
        known = dict(masks) | {index: np.zeros_like(masks[held[0]]) for index in (*ends, *gone)}
        done(len(gone))
        for span in plan_spans(list(known), slices, self.network.window):
            if not span.closed:
                soft |= self._open(span, known)
                places = range(min(span.first, span.last), max(span.first, span.last) + 1)
                done(sum(index not in known for index in places))
            elif span.first in ends or span.last in ends:
                soft |= self.between(span.first, span.last, known)
                done(span.last - span.first)
        return soft

    def annotated(self, masks: Mapping[int, Mapping[int, np.ndarray]]) -> AnnotatedVolume:
        """The volume with references of several labels, to adapt a network to.

        Args:
            masks: label code to slice index to (row, column) bool.
        """
        return AnnotatedVolume(self.volume.array, self.volume.spacing_mm, self.window, masks)

    def _closed(self, span: Span, masks: Mapping[int, np.ndarray]) -> dict[int, SoftMask]:
        """Between two references, from both; where one is empty, only until the muscle is seen to have ended.

        If no end is seen on the way to the empty one, its anchor, which shrinks to nothing half-way, decides.
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
        region = self._region(list(ends.values()))
        indices = list(range(span.first, span.last + 1))
        size, bend = self.working.size, self.working.bend
        beyond = gather_beyond(masks, span.first, span.last, region, self._pixel_mm, size, bend)
        evidence = self._evidence(indices, ends, region, beyond)
        exemplars = self._exemplars(ends, region, centred=False)
        run = both_directions if self.working.both_directions else forwards
        soft = run(self.network, evidence, exemplars)
        soft[[0, -1]] = evidence.annotation[[0, -1], ..., 0]
        sigma = self.working.smoothing_mm / self.volume.spacing_mm[0]
        soft = ndimage.gaussian_filter(soft, (sigma, 0, 0), mode="nearest")
        return {index: SoftMask(region, soft[index - span.first]) for index in indices[1:-1]}

    def _open(self, span: Span, masks: Mapping[int, np.ndarray]) -> dict[int, SoftMask]:
        """From the outermost reference outwards, until the muscle has ended or the volume has."""
        step = 1 if span.last >= span.first else -1
        indices = list(range(span.first, span.last + step, step))
        known = [index for index in indices if index in masks]
        if not masks[known[-1]].any():
            return {}  # the muscle has ended before the last reference
        smallest = 0.05 * masks[known[-1]].sum()  # of the reference's pixels: less is no muscle
        soft, doubtful = {}, {}
        for index, mask in self._stretches(indices, {index: masks[index] for index in known}):
            if index in masks:
                continue
            if self._pixels(mask) < smallest:
                doubtful[index] = mask
                if len(doubtful) == self.working.empty_slices:
                    break  # it has ended before the first of them
            else:
                soft |= doubtful
                soft[index], doubtful = mask, {}
        return soft

    def _stretches(self, indices: list[int], seen: Mapping[int, np.ndarray]) -> Iterator[tuple[int, SoftMask]]:
        """The slices in order with their soft masks (references: as given); the region follows along."""
        overlap, place, start = self.network.window - 1, 0, None
        region = self._region(list(seen.values()))
        nearest, exemplars = dict(list(seen.items())[-1:]), self._looked_up(seen, region)
        while place < len(indices):
            part = indices[place : place + self.working.stretch + overlap]
            evidence = self._evidence(part, seen, region)
            soft, newest = self.network.run(Evidence(*(item[None] for item in evidence)), start, exemplars)
            last = place + len(part) >= len(indices)
            finished = len(part) if last else self.working.stretch
            soft = np.where(evidence.is_reference[None, ..., 0] > 0, evidence.annotation[None, ..., 0], soft)
            for index, values in zip(part[:finished], soft[0], strict=False):
                yield index, SoftMask(region, values)
            if last:
                return
            place += finished
            shared = newest[0, finished : finished + overlap]
            latest = soft[0, finished - 1 : finished]
            moved = self._moved(region, np.concatenate([latest, shared]))
            start = to_working(shared_on(self.volume, region, shared), moved, self._pixel_mm, self.working.size)
            estimate = shared_on(self.volume, region, latest)[0] > 0.5
            start, region = start[None, ..., None], moved
            if self.working.recent and estimate.any():
                exemplars = self._looked_up(nearest | {part[finished - 1]: estimate}, region)
            seen = {index: mask for index, mask in seen.items() if index in indices[place:]}

    def _moved(self, region: Region, soft: np.ndarray) -> Region:
        """The region around the largest piece of the last estimates; unmoved where they are empty."""
        union = (shared_on(self.volume, region, soft) > 0.5).any(axis=0)
        pieces, count = ndimage.label(union)
        if not count:
            return region
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        return self._region([pieces == largest])

    def _region(self, masks: list[np.ndarray]) -> Region:
        """The working region around masks (row, column)."""
        return region_around(masks, self._pixel_mm, self.working.margin, least_share=self.working.least_share)

    @property
    def _pixel_mm(self) -> tuple[float, float]:
        return self.volume.spacing_mm[1:]

    def _pixels(self, mask: SoftMask) -> float:
        """The area of a soft mask above one half, in pixels of the image."""
        height_mm, width_mm = mask.region.extent_mm
        row_mm, column_mm = self._pixel_mm
        inside = float((mask.values > 0.5).mean())
        return inside * height_mm * width_mm / (row_mm * column_mm)

    def _exemplars(self, masks: Mapping[int, np.ndarray], region: Region, centred: bool) -> Exemplars:
        """The references among `masks` that are looked up."""
        image, size = self.volume.array, self.working.size
        return gather_exemplars(image, self.window, masks, region, self._pixel_mm, size, centred=centred)

    def _looked_up(self, masks: Mapping[int, np.ndarray], region: Region) -> Exemplars:
        """Exemplars for a network's run of one batch, each about its own centre."""
        return Exemplars(*(part[None] for part in self._exemplars(masks, region, centred=True)))

    def _evidence(
        self,
        indices: list[int],
        masks: Mapping[int, np.ndarray],
        region: Region,
        beyond: Beyond = NOTHING_BEYOND,
    ) -> Evidence:
        """The evidence for slices `indices` (ascending or descending), numbered from 0 on."""
        size = self.working.size
        ascending = slice(min(indices), max(indices) + 1)
        image = to_working(self.window.apply(self.volume.array[ascending]), region, self._pixel_mm, size)
        if indices[0] > indices[-1]:
            image = image[::-1].copy()
        first, sign = indices[0], 1 if indices[-1] >= indices[0] else -1
        known = {
            (index - first) * sign: to_working(mask[None], region, self._pixel_mm, size)[0]
            for index, mask in masks.items()
        }
        return gather_evidence(image, known, 0, self.working.softness, beyond)


def shared_on(volume: Volume, region: Region, soft: np.ndarray) -> np.ndarray:
    """Soft masks (n, size, size) on the whole plane of the volume, (n, row, column)."""
    return to_grid(soft, region, volume.spacing_mm[1:], volume.array.shape[1:])
