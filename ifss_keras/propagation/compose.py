"""Soft masks at working size for every slice of a label, and all labels brought onto the image's grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ifss_keras.core.paged import large_zeros
from ifss_keras.propagation.region import Region, to_grid_part


class SoftMask(NamedTuple):
    """One slice of one label.

    Attributes:
        region: where it lies.
        values: (size, size) float32 in [0, 1] on the region's working pixels.
        doubt: how many pixels of the image the network's border was undecided about, see `propagation.cut`.
        apart: how many pixels of the image its two directions told differently; 0 where there was one alone.
    """

    region: Region
    values: np.ndarray
    doubt: float = 0.0
    apart: float = 0.0


def pixels_inside(mask: SoftMask, pixel_mm: tuple[float, float]) -> float:
    """The area of a soft mask above one half, in pixels of the image, (row, column) in mm."""
    height_mm, width_mm = mask.region.extent_mm
    return float((mask.values > 0.5).mean()) * height_mm * width_mm / (pixel_mm[0] * pixel_mm[1])


def compose(
    soft: Mapping[int, Mapping[int, SoftMask]],
    references: Mapping[int, Mapping[int, np.ndarray]],
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    threshold: float = 0.5,
) -> np.ndarray:
    """The label codes (slice, row, column): in each voxel the label of the highest soft mask above `threshold`.

    References come back exactly, and their voxels belong to no other label. Equal soft masks go to the label that
    comes first in `soft`.

    Args:
        soft: label code to slice index to soft mask; slices without one hold nothing of the label.
        references: label code to slice index to (row, column) bool.
        shape, spacing_mm: (slice, row, column) of the grid.
        threshold: in (0, 1).
    """
    labels = large_zeros(shape, np.min_scalar_type(max(soft)))
    for index in range(shape[0]):
        compose_slice(labels[index], index, soft, references, spacing_mm, threshold)
    return labels


def compose_slice(
    plane: np.ndarray,
    index: int,
    soft: Mapping[int, Mapping[int, SoftMask]],
    references: Mapping[int, Mapping[int, np.ndarray]],
    spacing_mm: tuple[float, float, float],
    threshold: float = 0.5,
) -> None:
    """One slice of the same, into a plane (row, column) of zeros."""
    found = [code for code, slices in soft.items() if index in slices and index not in references[code]]
    highest = np.full(plane.shape, threshold, np.float32) if len(found) > 1 else None
    for code in found:
        held = soft[code][index]
        rows, columns, (values,) = to_grid_part(held.values[None], held.region, spacing_mm[1:], plane.shape)
        beaten = np.float32(threshold) if highest is None else highest[rows, columns]
        wins = values > beaten
        if highest is not None:
            np.copyto(beaten, values, where=wins)
        np.copyto(plane[rows, columns], plane.dtype.type(code), where=wins)
    for code, masks in references.items():
        if index in masks:
            plane[masks[index]] = code
