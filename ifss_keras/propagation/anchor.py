"""The anchor: how probable two annotated slices make the muscle on those between them, from the shapes alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.beyond import NOTHING_BEYOND, Beyond
from ifss_keras.propagation.settings import Softness
from ifss_keras.propagation.shape import ShapeSpan


def anchor(
    mask_a: np.ndarray,
    mask_b: np.ndarray,
    offsets: Sequence[float] | np.ndarray,
    gap: float,
    softness: Softness | None = None,
    beyond: Beyond = NOTHING_BEYOND,
    pixels: np.ndarray | None = None,
) -> np.ndarray:
    """The anchor between two references, (n, row, column) float32 in [0, 1].

    sigmoid(distance / t): the distance of the interpolated shape in working pixels, with t growing with the
    number of slices to the nearer reference.

    Args:
        mask_a: (row, column) bool, at working size.
        mask_b: (row, column) bool, `gap` slices further; slices are counted by their distance, so need not be whole.
        offsets: (n,) slices from a, 0 to `gap`.
        gap: slices from a to b, more than 0.
        softness: how t grows; `Softness()` if None.
        beyond: references before a and after b.
        pixels: (n,), how many the interpolated shapes shall hold; None: as they come out.
    """
    offsets = np.atleast_1d(np.asarray(offsets, float))
    if gap <= 0 or (offsets.size and not (offsets.min() >= 0 and offsets.max() <= gap)):
        raise InputError(
            f"Anchors need a gap and offsets from 0 to the gap, but got a gap of {gap} "
            f"and the offsets {offsets.tolist()}; outside the references there is no anchor."
        )
    span = ShapeSpan(mask_a, mask_b, gap=gap, beyond=beyond)
    scale = (softness or Softness()).at(offsets, gap, span.change()).astype(np.float32)
    values = np.empty((len(offsets), *span.shape), np.float32)
    for index, offset in enumerate(offsets):
        values[index] = span.at(offset / gap, None if pixels is None else pixels[index])
    values /= scale[:, None, None]
    return expit(values, out=values)
