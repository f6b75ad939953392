"""What is known about every slice of a span before the network looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ifss_keras.propagation.anchor import anchor
from ifss_keras.propagation.beyond import NOTHING_BEYOND, Beyond
from ifss_keras.propagation.places import EVEN, Places
from ifss_keras.propagation.settings import Softness


class Evidence(NamedTuple):
    """Per slice: the image, the annotation where there is one, the anchor where there is one.

    Arrays (slice, row, column, 1), or (batch, slice, row, column, 1) once batched; the two flags are
    (slice, 1, 1, 1). Everything is float32 in [0, 1]; `annotation` and `anchor` are 0 where their flag is 0.
    """

    image: np.ndarray
    annotation: np.ndarray
    is_reference: np.ndarray
    anchor: np.ndarray
    has_anchor: np.ndarray


def gather_evidence(
    image: np.ndarray,
    references: Mapping[int, np.ndarray],
    first: int,
    softness: Softness | None,
    beyond: Beyond = NOTHING_BEYOND,
    areas: Mapping[int, float] | None = None,
    places: Places = EVEN,
) -> Evidence:
    """The evidence for consecutive slices `first`, `first` + 1, ..., at working size.

    A slice strictly between two references has an anchor from its two neighbours among them; a reference has
    its annotation; any other slice has neither.

    Args:
        image: (slice, row, column), in [0, 1].
        references: slice index to mask (row, column) in [0, 1]; they may lie outside the slices of `image`.
        first: index of `image[0]`.
        softness: how the anchor softens away from the references; None: no anchors.
        beyond: further references before the first and after the last of `references`, which bend the anchors there.
        areas: slice index to the area that is expected there, of all slices between two references and of these, in any
            unit; anchors between two that hold the structure get it. None: those of the interpolated shapes.
        places: where slices lie.
    """
    annotation, anchors = (np.zeros(image.shape, image.dtype) for _ in range(2))  # memory only for what is written
    is_reference, has_anchor = np.zeros((2, len(image), 1, 1, 1), np.float32)
    stop = first + len(image)
    for index, mask in references.items():
        if first <= index < stop:
            annotation[index - first] = mask
            is_reference[index - first] = 1
    indices = sorted(references)
    for before, after in pairwise(indices):
        between = np.arange(max(before + 1, first), min(after, stop))
        if len(between) and softness is not None:
            pair = [references[index] > 0.5 for index in (before, after)]
            ends = beyond.before if before == indices[0] else None, beyond.after if after == indices[-1] else None
            bent = Beyond(*ends, beyond.part)
            away = places.at(between) - places.at(before)
            pixels = _pixels(areas, before, between, after, pair)
            anchors[between - first] = anchor(*pair, away, places.between(before, after), softness, bent, pixels)
            has_anchor[between - first] = 1
    return Evidence(image[..., None], annotation[..., None], is_reference, anchors[..., None], has_anchor)


def _pixels(areas, before: int, between: np.ndarray, after: int, pair) -> np.ndarray | None:
    """The expected areas of slices in pixels as large as those of the two masks around them."""
    if areas is None or not all(mask.any() for mask in pair):
        return None
    scale = sum(mask.sum() for mask in pair) / (areas[before] + areas[after])
    return scale * np.array([areas[index] for index in between])
