"""The method without a network: shape interpolation between the references."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ifss_keras.data.anchor import interpolate_shapes
from ifss_keras.data.references import References
from ifss_keras.data.region import Region
from ifss_keras.data.volume import Volume
from ifss_keras.inference.soft_volume import SoftMask
from ifss_keras.inference.summary import Prediction, content_order, summarize


def predict_by_shape(volume: Volume, references: References, *, follow_centroid: bool = True) -> Prediction:
    """The references joined by shape interpolation alone: what a laboratory gets today without a network.

    Between references only; nothing outside them. Where two interpolated labels meet, the first in
    `content_order` keeps the voxel. `follow_centroid` as in `interpolate_shapes`.
    """
    labels = np.zeros(volume.array.shape, np.min_scalar_type(max(references.codes)))
    for code in reversed(content_order(references)):
        for index, mask in interpolate_shapes(references.for_label(code).masks, volume.spacing_mm[1:], follow_centroid):
            labels[index][mask] = code
    for index, plane in zip(references.slices, references.masks, strict=True):
        keep = labels[index] * ~np.isin(labels[index], np.unique(plane[plane > 0]))
        labels[index] = np.where(plane > 0, plane, keep)
    return Prediction(labels, summarize(labels, volume.spacing_mm, references))


def soft_shapes(masks: Mapping[int, np.ndarray], spacing_mm: tuple[float, float]) -> dict[int, SoftMask]:
    """Slice index to the interpolated shape, 0 or 1, for every slice between the references.

    The region of each is the square of as many pixels as the plane's longer side, so that nothing is resampled.

    Args:
        masks: slice index to (row, column) bool.
        spacing_mm: (row, column).
    """
    soft = {}
    for index, mask in interpolate_shapes(masks, spacing_mm):
        if index in masks:
            continue
        side = max(mask.shape)
        extent_mm = (side * spacing_mm[0], side * spacing_mm[1])
        longer = max(extent_mm)
        center_mm = ((side - 1) / 2 * spacing_mm[0], (side - 1) / 2 * spacing_mm[1])
        region = Region(center_mm, longer, (extent_mm[0] / longer, extent_mm[1] / longer))
        values = np.zeros((side, side), np.float32)
        values[: mask.shape[0], : mask.shape[1]] = mask
        soft[index] = SoftMask(region, values)
    return soft
