"""The method without a network: shape interpolation between annotated slices."""

from __future__ import annotations

from functools import partial

import numpy as np

from ifss_keras.core.paged import large_zeros
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.along_sweep import along_sweep, needs_order
from ifss_keras.inference.methods import SHAPE
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import Origin, content_order
from ifss_keras.propagation.cut import curve_certainty
from ifss_keras.propagation.places import Places
from ifss_keras.propagation.shape import interpolate_shapes
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume


def predict_by_shape(volume: Volume, annotation: Annotation, *, progress: Progress = silent) -> Prediction:
    """The references joined by shape interpolation alone, see `interpolate_shapes`.

    Between references only; nothing outside them. Where two interpolated labels meet, the first in `content_order`
    keeps the voxel. `progress` is called with a label's name, the slices done and those to do.
    """
    if needs_order(volume):
        return along_sweep(partial(predict_by_shape, progress=progress), volume, annotation)
    places = Places(volume.places)
    labels = large_zeros(volume.array.shape, np.min_scalar_type(max(annotation.codes)))
    origins = {}
    for code in reversed(content_order(annotation)):
        label = annotation.for_label(code)
        first, last = min(label.masks), max(label.masks)
        for index, mask in interpolate_shapes(label.masks, volume.spacing_mm[1:], places):
            labels[index][mask] = code
            progress(label.name, index - first, last - first)
        origins[code] = Origin(SHAPE, certainty=curve_certainty(label.masks, places))
    restore_references(labels, annotation)
    return Prediction.of_labels(labels, volume, annotation, origins)


def restore_references(labels: np.ndarray, annotation: Annotation) -> None:
    """Puts the annotated slices back into (slice, row, column) codes, in place.

    A label that such a slice does not hold keeps what was found of it there, outside the labels that it holds.
    """
    for index, plane in zip(annotation.slices, annotation.masks, strict=True):
        keep = labels[index] * ~np.isin(labels[index], np.unique(plane[plane > 0]))
        labels[index] = np.where(plane > 0, plane, keep)
