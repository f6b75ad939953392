"""The annotated slices that a network may look up, as training and prediction both show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.region import Region, region_around, to_working

SLOTS = 2  # of every network here: files, batches and exported engines have arrays of that many


class Exemplars(NamedTuple):
    """Annotated slices: arrays (slot, row, column, 1), or with a batch axis before.

    `weight` is (slot,): 0 for a slot that holds none.
    """

    image: np.ndarray
    mask: np.ndarray
    weight: np.ndarray


def check_slots(network) -> None:
    """Refuses a network that looks up another number of annotated slices than it is shown.

    Raises:
        InputError: naming the number.
    """
    slots = network.memory_slots if getattr(network, "memory_level", 0) else SLOTS
    if slots != SLOTS:
        raise InputError(
            f"The network has {slots} slots for annotated slices: expected {SLOTS}, as training and prediction show; "
            f"set its memory_slots to {SLOTS}."
        )


def exemplar_slices(references: Iterable[int]) -> list[int]:
    """Which references are looked up: all where there are slots for them, else the outermost ones."""
    indices = sorted(references)
    return indices if len(indices) <= SLOTS else [indices[0], indices[-1]]


def gather_exemplars(
    image: np.ndarray,
    intensity: IntensityRange,
    masks: Mapping[int, np.ndarray],
    region: Region,
    spacing_mm: tuple[float, float],
    size: int,
    *,
    centred: bool,
) -> Exemplars:
    """The exemplars among some references, at working size.

    Args:
        image: (slice, row, column), the volume.
        intensity: of its grey values.
        masks: slice index to (row, column) bool, the references.
        region: of the slices that are predicted.
        spacing_mm: (row, column).
        size: working rows and columns.
        centred: show each reference that holds the structure about its own centre, as far outside the references,
            where the structure may have moved on.
    """
    shape = (SLOTS, size, size, 1)
    grey, held, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(SLOTS, np.float32)
    for slot, index in enumerate(exemplar_slices(masks)):
        mask, place = masks[index], region
        if centred and mask.any():
            place = region.centred_on(region_around([mask], spacing_mm))
        grey[slot, ..., 0] = to_working(image[index : index + 1], place, spacing_mm, size, intensity.apply)[0]
        held[slot, ..., 0] = to_working(mask[None], place, spacing_mm, size)[0]
        weight[slot] = 1
    return Exemplars(grey, held, weight)
