"""The method without a network: shape interpolation between the references."""

from __future__ import annotations

import numpy as np

from ifss_keras.data.anchor import interpolate_shapes
from ifss_keras.data.references import References
from ifss_keras.data.volume import Volume
from ifss_keras.inference.summary import Prediction, content_order, summarize


def predict_by_shape(volume: Volume, references: References) -> Prediction:
    """The references joined by shape interpolation alone: what a laboratory gets today without a network.

    Between references only; nothing outside them. Where two interpolated labels meet, the first in
    `content_order` keeps the voxel.
    """
    labels = np.zeros(volume.array.shape, np.min_scalar_type(max(references.codes)))
    for code in reversed(content_order(references)):
        for index, mask in interpolate_shapes(references.for_label(code).masks, volume.spacing_mm[1:]):
            labels[index][mask] = code
    for index, plane in zip(references.slices, references.masks, strict=True):
        keep = labels[index] * ~np.isin(labels[index], np.unique(plane[plane > 0]))
        labels[index] = np.where(plane > 0, plane, keep)
    return Prediction(labels, summarize(labels, volume.spacing_mm, references))
