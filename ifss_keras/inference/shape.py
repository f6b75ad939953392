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


def predict_by_shape(
    volume: Volume,
    references: References,
    *,
    follow_centroid: bool = True,
    curved: bool = False,
    progress=lambda *_: None,
) -> Prediction:
    """The references joined by shape interpolation alone: what a laboratory gets today without a network.

    Between references only; nothing outside them. Where two interpolated labels meet, the first in `content_order`
    keeps the voxel. `follow_centroid` and `curved` as in `interpolate_shapes`; `progress` is called with a label's
    name, the slices done and those to do.
    """
    labels = np.zeros(volume.array.shape, np.min_scalar_type(max(references.codes)))
    for code in reversed(content_order(references)):
        label = references.for_label(code)
        first, last = min(label.masks), max(label.masks)
        for index, mask in interpolate_shapes(label.masks, volume.spacing_mm[1:], follow_centroid, curved):
            labels[index][mask] = code
            progress(label.name, index - first, last - first)
    restore_references(labels, references)
    return Prediction(labels, summarize(labels, volume.spacing_mm, references, "curve" if curved else "shape"))


def predict_by_curve(volume: Volume, references: References, *, progress=lambda *_: None) -> Prediction:
    """As `predict_by_shape`, but the shape's way from one reference to the next bends for those beyond them."""
    return predict_by_shape(volume, references, curved=True, progress=progress)


def restore_references(labels: np.ndarray, references: References) -> None:
    """Puts the annotated slices back into (slice, row, column) codes, in place.

    A label that such a slice does not hold keeps what was found of it there, outside the labels that it holds.
    """
    for index, plane in zip(references.slices, references.masks, strict=True):
        keep = labels[index] * ~np.isin(labels[index], np.unique(plane[plane > 0]))
        labels[index] = np.where(plane > 0, plane, keep)


def soft_shapes(
    masks: Mapping[int, np.ndarray], spacing_mm: tuple[float, float], curved: bool = False
) -> dict[int, SoftMask]:
    """Slice index to the interpolated shape, 0 or 1, for every slice between the references.

    The region of each is the square of as many pixels as the plane's longer side, so that nothing is resampled.

    Args:
        masks: slice index to (row, column) bool.
        spacing_mm: (row, column).
        curved: as in `interpolate_shapes`.
    """
    soft = {}
    for index, mask in interpolate_shapes(masks, spacing_mm, curved=curved):
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
