"""How much of each slice of a mask is expected to be wrong, which says where an annotated slice helps most.

Between two references the network tells it twice: by how many pixels its border is undecided about, and by how many it
sees differently from both sides. The expected error is about their geometric mean, a little more far from references.
Of slices that no network has told of, the error goes with the outline and the distance of the references alone; beyond
the references with the area, and past the end of the mask with its last one.

However large, an error falls alike where a reference comes nearer: with a power of how remote a slice is. If `a` and
`b` are its distances to the references on both sides, that is a b / (a + b), as of a path that wanders between two
points that are known. Numbers are fitted on synthetic volumes, see docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ifss_keras.propagation.compose import SoftMask, pixels_inside


@dataclass(frozen=True)
class WrongSettings:
    """Numbers of the expected error, in mm and mm².

    Attributes:
        network: how many times the geometric mean of the network's two doubts.
        least: either doubt at least, as a share of the area.
        remote: power of the distance by which the network's doubts alone say too little.
        outline: error by the outline, in square roots of the area.
        fall: power of the distance with which an error falls.
        beyond: error beyond the references, as a share of the area.
    """

    network: float = 0.85
    least: float = 0.02
    remote: float = 0.2
    outline: float = 1.0
    fall: float = 0.4
    beyond: float = 0.2


SETTINGS = WrongSettings()


def remoteness_mm(places_mm: np.ndarray, references_mm: np.ndarray) -> np.ndarray:
    """(slice,), how remote slices are from references, in mm: 0 on one, beyond them the distance to the nearest.

    Args:
        places_mm: (slice,) where slices lie.
        references_mm: (reference,) the same of one reference or more.
    """
    known = np.r_[-np.inf, np.sort(references_mm), np.inf]
    before, after = known[np.searchsorted(known, places_mm, "right") - 1], known[np.searchsorted(known, places_mm)]
    return between_mm(places_mm - before, after - places_mm)


def between_mm(before_mm: np.ndarray, after_mm: np.ndarray) -> np.ndarray:
    """How remote slices are that lie so far from the references on both sides, infinitely far where there is none."""
    with np.errstate(divide="ignore"):
        return 1 / (1 / before_mm + 1 / after_mm)


def by_outline(areas_mm2: np.ndarray, remote_mm: np.ndarray) -> np.ndarray:
    """(slice,), the expected error in mm² where nothing is known but areas and how remote slices are."""
    return SETTINGS.outline * np.sqrt(areas_mm2) * remote_mm**SETTINGS.fall


def wrong_areas_mm2(
    soft: Mapping[int, SoftMask],
    masks: Mapping[int, np.ndarray],
    copied: Mapping[int, np.ndarray],
    places_mm: np.ndarray,
    pixel_mm: tuple[float, float],
    *,
    ends_annotated: bool = False,
) -> np.ndarray:
    """(slice,), the area that is expected to be wrong on each slice of a label, in mm²; 0 on references.

    Args:
        soft: slice index to soft mask.
        masks: slice index to (row, column) bool, the references.
        copied: the same of slices that come from an earlier mask.
        places_mm: (slice,) where the slices lie.
        pixel_mm: (row, column).
        ends_annotated: the label goes on nowhere beyond its references.
    """
    areas = np.zeros(len(places_mm))
    for index, mask in soft.items():
        areas[index] = pixels_inside(mask, pixel_mm)
    for index, mask in (*copied.items(), *masks.items()):
        areas[index] = mask.sum()
    remote_mm = remoteness_mm(places_mm, places_mm[sorted(masks)])
    held = sorted(index for index, mask in masks.items() if mask.any())
    first, last, pixel_mm2 = held[0], held[-1], pixel_mm[0] * pixel_mm[1]
    wrong = by_outline(areas * pixel_mm2, remote_mm)
    for index, mask in soft.items():
        if first < index < last:
            least = SETTINGS.least * areas[index]
            doubt = np.sqrt(max(mask.doubt, least) * (mask.apart + least)) * pixel_mm2
            wrong[index] = SETTINGS.network * doubt * remote_mm[index] ** SETTINGS.remote
    wrong[:first], wrong[last + 1 :] = 0, 0
    if not ends_annotated:
        share = SETTINGS.beyond * pixel_mm2
        stop = min([index for index in masks if index > last], default=len(areas))
        wrong[last + 1 : stop] = share * _going_on(areas[last:stop])
        start = max([index for index in masks if index < first], default=-1)
        wrong[start + 1 : first] = share * _going_on(areas[start + 1 : first + 1][::-1])[::-1]
    return wrong


def _going_on(areas: np.ndarray) -> np.ndarray:
    """Areas of a mask from the slice after a reference on; past its end its last one, to nothing on as many slices.

    Args:
        areas: (slice,), the first that of the reference.
    """
    reached = int(np.flatnonzero(areas)[-1])
    beyond = areas[1:].copy()
    past = beyond[reached : 2 * reached]
    past[:] = areas[reached] * (1 - np.arange(1, len(past) + 1) / (reached + 1))
    return beyond
