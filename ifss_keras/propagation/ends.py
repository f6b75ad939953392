"""Where a label ends beyond its annotated slices: decided here, once, before the mask is carried on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.places import Places
from ifss_keras.propagation.region import to_grid_part
from ifss_keras.volumes.volume import Volume


@dataclass(frozen=True)
class EndSettings:
    """When an end is seen; chosen on calves 31000 to 31009, torso_ct and leg_mri_3mm, see docs/propagation.md.

    Attributes:
        clearly: times the greatest change further in, that a change must be.
        least_steps, most_steps: from slice to slice, of those nearest to the end, that are compared with.
        blur: of the root of the mask's area: speckle and fine texture change with every slice.
        core: of the same: so far inside the outline a muscle that only shrinks changes little.
        longer: times the median step, from where on a step is too long to tell.
        near: slices; annotated slices within so many of each other count as one place of a series.
        taper: areas of a muscle over its largest, and the shares of its length, from the end on, at which it has
            them: the medians of 4000 ends of `synthetic.profile`.
        reach: times the distance at which a muscle should end, that it is taken to have ended.
        even: gaps of one length, from where on slices are annotated at one distance on purpose.
    """

    clearly: float = 1.25
    least_steps: int = 20
    most_steps: int = 30
    blur: float = 0.1
    core: float = 0.1
    longer: float = 1.5
    near: int = 3
    taper: tuple[tuple[float, ...], tuple[float, ...]] = (0.0, 0.5, 0.9, 1.0), (0.0, 0.14, 0.3, 0.5)
    reach: float = 2.0
    even: int = 4


SETTINGS = EndSettings()


class Ends(NamedTuple):
    """Slices beyond the references where a label was decided to be gone.

    Attributes:
        seen: right beyond the outermost references, where the image shows it, see `seen_ends`.
        presumed: where muscles with areas like those of the references end, see `presumed_ends`.
    """

    seen: tuple[int, ...] = ()
    presumed: tuple[int, ...] = ()


NO_ENDS = Ends()
# by slice, step to the next, and identity of the mask: that mask, and the change to the next
Changes = dict[tuple[int, int, int], tuple[Any, float | None]]


def decide_ends(
    volume: Volume,
    intensity: IntensityRange,
    masks: Mapping[int, np.ndarray],
    soft: Mapping[int, SoftMask],
    threshold: float = 0.5,
    changes: Changes | None = None,
    between: Mapping[int, np.ndarray] = MappingProxyType({}),
) -> Ends:
    """Where a label is gone beyond its references. What is seen comes before what is presumed.

    Args:
        volume, intensity, masks, soft, threshold, changes: as in `seen_ends`.
        between: slice index to (row, column) bool, of slices between references that have no soft mask.
    """
    seen = seen_ends(volume, intensity, {**between, **masks}, soft, threshold, changes)
    areas = {index: float(mask.sum()) for index, mask in masks.items()} | dict.fromkeys(seen, 0.0)
    return Ends(tuple(seen), tuple(presumed_ends(areas, len(volume.array))))


def presumed_ends(areas: Mapping[int, float], slices: int) -> list[int]:
    """Slices where a label has presumably ended, by its annotated areas and by how muscles taper.

    Whoever annotates many slices at one distance and stops has seen that the muscle is gone on the next: that is where
    it is taken to have ended. Otherwise what the outermost area is of the largest tells how much of its length a muscle
    still has before it, see `EndSettings.taper`, so both outermost ones and the distance between them tell the whole
    length; it is taken to have ended at `reach` times the distance where it should, as it shrinks on its way there, and
    no nearer than the widest gap between annotated slices.

    Neighbours within `near` slices count as one place; fewer than three places tell nothing, nor does a muscle that is
    largest on both outermost ones. Where it should go on to the edge of the volume or is annotated as absent further
    out, there is nothing to presume. Slices are counted, not millimetres, as who annotates counts them.

    Args:
        areas: slice index to area, in any unit, of the annotated slices; 0 on those without the label.
        slices: of the volume.
    """
    held = sorted(index for index, area in areas.items() if area)
    gaps = [b - a for a, b in pairwise(held) if b - a > SETTINGS.near]
    if len(gaps) < 2:
        return []
    outermost = held[0], held[-1]
    absent = [index for index in areas if index < held[0]], [index for index in areas if index > held[-1]]
    bounds = max(absent[0], default=held[0]), min(absent[1], default=held[-1])
    expected = (0.0, 0.0) if _even(gaps) else _expected(areas, outermost, bounds)
    ends = []
    for step, index, away, gone in zip((-1, 1), outermost, expected, absent, strict=True):
        room = index if step < 0 else slices - 1 - index
        place = max(*gaps, ceil(SETTINGS.reach * min(away, slices)))
        if not gone and (place <= room or 0 < away < room):
            ends.append(index + step * min(place, room))
    return ends


def _even(gaps: Sequence[int]) -> bool:
    """Whether many slices are annotated at one distance, to a slice or 5 %; only the outermost ones may be nearer."""
    alike = [max(gaps) - gap <= max(1, 0.05 * max(gaps)) for gap in gaps]
    return sum(alike) >= SETTINGS.even and all(alike[1:-1])


def _expected(areas: Mapping[int, float], outermost: tuple[int, int], bounds: tuple[int, int]) -> tuple[float, float]:
    """How many slices beyond the outermost annotated ones a muscle of such areas should end; inf where nothing tells.

    Args:
        areas: as in `presumed_ends`.
        outermost: first and last slice that hold the label.
        bounds: the same, or the nearest slice further out that is annotated as without it.
    """
    largest = max(areas.values())
    shares = [
        float(np.interp(areas[index] / largest, *SETTINGS.taper)) if index == bound else 0.0
        for index, bound in zip(outermost, bounds, strict=True)
    ]
    left = 1 - sum(shares)
    length = (bounds[1] - bounds[0]) / left if left > 0 else inf
    return shares[0] * length, shares[1] * length


def seen_ends(
    volume: Volume,
    intensity: IntensityRange,
    masks: Mapping[int, np.ndarray],
    soft: Mapping[int, SoftMask],
    threshold: float = 0.5,
    known: Changes | None = None,
) -> list[int]:
    """The slices, two at most, right beyond the outermost references, where the image shows that the label is gone.

    Where a muscle ends, what lies in its outline changes at once from one slice to the next, more than anywhere inside.
    So the blurred image in the mask must change by `clearly` times what it changes by in any of the nearest
    `most_steps` steps between references; with fewer than `least_steps` of them, or where it is annotated further out
    that the label is absent, nothing is said.

    Muscles that taper off fast in strong contrast are mistaken most; a change of the gain between the two slices looks
    like an end. How often it errs stands in docs/propagation.md.

    Args:
        volume: its slices along the first axis.
        intensity: that makes grey values comparable.
        masks: slice index to (row, column) bool, the references.
        soft: slice index to soft mask, of the slices between them.
        threshold: of soft masks.
        known: where what has been measured is kept, for slices whose mask will still be the same object; None: nowhere.
    """
    known = {} if known is None else known
    held = sorted(index for index, mask in masks.items() if mask.any())
    ends, places = [], Places(volume.places)
    for step, outermost, annotated in ((-1, held[0], min(masks)), (1, held[-1], max(masks))):
        if outermost != annotated or not 0 <= outermost + step < len(volume.array):
            continue
        changes, steps = [], []
        for index in range(outermost, outermost - step * (SETTINGS.most_steps + 1), -step):
            mask = masks.get(index, soft.get(index))
            if (key := (index, step, id(mask))) not in known:
                shape = _shape_at(index, masks, soft, volume, threshold)
                change = None if shape is None else _change(volume, intensity, index, index + step, *shape)
                known[key] = mask, change  # which keeps the identity from being another's
            change = known[key][1]
            if change is None:
                break
            changes.append(change)
            steps.append(places.between(index, index + step))
        if steps and steps[0] > SETTINGS.longer * median(steps):
            continue  # what lies further apart differs more
        if len(changes) > SETTINGS.least_steps and changes[0] > SETTINGS.clearly * max(changes[1:]):
            ends.append(outermost + step)
    return ends


def _shape_at(index: int, masks, soft, volume: Volume, threshold: float):
    """First row, first column and the mask cut out there, (row, column) bool; None where there is nothing."""
    if index in masks:
        first_row, first_column, found = 0, 0, masks[index]
    elif index in soft:
        region, values = soft[index].region, soft[index].values
        shape = volume.array.shape[1:]
        rows, columns, cut = to_grid_part(values[None], region, volume.spacing_mm[1:], shape)
        first_row, first_column, found = rows.start, columns.start, cut[0] > threshold
    else:
        return None
    if not found.any():
        return None
    rows, columns = ndimage.find_objects(found.astype(np.uint8))[0]
    return first_row + rows.start, first_column + columns.start, found[rows, columns]


def _change(volume: Volume, intensity: IntensityRange, index: int, other: int, row: int, column: int, mask) -> float:
    """Root mean square in the mask's core of the blurred difference of two slices.

    0 where one of them shows nothing, as a frame that was lost.
    """
    pixel_mm = volume.spacing_mm[1:]
    root_mm = np.sqrt(mask.sum() * pixel_mm[0] * pixel_mm[1])
    sigmas = [SETTINGS.blur * root_mm / side for side in pixel_mm]
    pads = [int(2 * sigma) + 1 for sigma in sigmas]
    before = [min(pad, place) for pad, place in zip(pads, (row, column), strict=True)]
    part = tuple(
        slice(place - less, place + size + pad)
        for place, less, size, pad in zip((row, column), before, mask.shape, pads, strict=True)
    )
    one, two = (intensity.apply(volume.array[at][part]) for at in (index, other))
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return 0.0
    blurred = ndimage.gaussian_filter(two - one, sigmas, truncate=2)
    inside = blurred[before[0] : before[0] + mask.shape[0], before[1] : before[1] + mask.shape[1]]
    depth_mm = ndimage.distance_transform_edt(np.pad(mask, 1), pixel_mm)[1:-1, 1:-1]
    core = depth_mm >= min(SETTINGS.core * root_mm, depth_mm.max())
    return float(np.sqrt(np.mean(inside[core] ** 2)))
