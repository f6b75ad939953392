"""Along which axis somebody drew: told from where the labels lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.volumes.annotation import Annotation


@dataclass(frozen=True)
class Plausible:
    """What somebody annotates, and what only another axis can be.

    Attributes:
        few_planes: adjacent ones that somebody annotates; a muscle is thicker.
        many_slices: with labels in a row: more than somebody draws, leaving no other out.
    """

    few_planes: int = 5
    many_slices: int = 8


PLAUSIBLE = Plausible()


def annotated_axis(annotation: Annotation) -> int:
    """The array axis (0, 1 or 2: slice, row, column) along which the annotation was drawn on single slices.

    0 unless that is plainly wrong: many slices hold labels, each label without a gap, while along another axis
    every label lies in few planes, or in scattered ones.
    """
    planes = [_planes(annotation, code) for code in annotation.codes]
    if len(annotation.slices) >= PLAUSIBLE.many_slices and all(_filled(along[0]) == 1 for along in planes):
        for axis in (1, 2):
            if all(len(along[axis]) <= PLAUSIBLE.few_planes or _filled(along[axis]) <= 1 / 3 for along in planes):
                return axis
    return 0


def _planes(annotation: Annotation, code: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The slices, rows and columns that hold a label."""
    held = annotation.masks == code
    rows, columns = (np.flatnonzero(held.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return annotation.slices[held.any(axis=(1, 2))], rows, columns


def _filled(planes: np.ndarray) -> float:
    """How many of the planes from the first to the last are there, as a share."""
    return len(planes) / (planes[-1] - planes[0] + 1)
