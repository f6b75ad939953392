"""Predictions and summaries that are made in memory, for the tests of what is said and written of them."""

import numpy as np

from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import LabelSummary
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)
VOXEL_ML = 2.5 * 0.8 * 0.5 / 1000


def label_summary(**known):
    """A `LabelSummary` of SOL, label 5, on slices 2 to 6 of 9, annotated on 2, 4 and 6; `known` is put in its place."""
    usual = {
        "code": 5,
        "name": "SOL",
        "volume_ml": 0.12,
        "volume_ml_low": 0.115,
        "volume_ml_high": 0.125,
        "curve_volume_ml": 0.122,
        "curve_half_ml": 0.01,
        "straight_volume_ml": 0.12,
        "first_slice": 2,
        "last_slice": 6,
        "reference_slices": (2, 4, 6),
        "touches_edge": False,
        "slice_mm": SPACING_MM[0],
        "areas_mm2": np.array([0, 0, 9.6, 9.6, 9.6, 9.6, 9.6, 0, 0]),
        "area_deviations_mm2": np.array([0, 0, 0, 0.3, 0, 0.5, 0, 0, 0]),
        "method": "network",
    }
    return LabelSummary(**usual | known)


def two_boxes():
    """Labels (9, 10, 11): 5 is 4 x 6 pixels on slices 2 to 6, 9 is 2 x 3 pixels on slices 3 to 7."""
    labels = np.zeros((9, 10, 11), np.uint8)
    labels[2:7, 3:7, 2:8] = 5
    labels[3:8, 7:9, 5:8] = 9
    return labels


def in_memory(labels, annotated=None, names=None, *, image=None, origins="shape"):
    """A `Prediction` whose masks are `labels` (slice, row, column), as if made from a few annotated slices.

    Args:
        labels: codes.
        annotated: slices whose labels are known, or a whole `Annotation`; None for every slice.
        names: label code to name.
        image: (slice, row, column), or a `Volume`; None for one without contrast.
        origins: as for `Prediction.of_labels`.
    """
    volume = np.zeros(labels.shape, np.uint8) if image is None else image
    if not isinstance(volume, Volume):
        volume = Volume.from_array(volume, SPACING_MM)
    annotation = annotated
    if not isinstance(annotation, Annotation):
        annotation = Annotation.from_array(labels, names, keep_slices=annotated)
    return Prediction.of_labels(labels, volume, annotation, origins)
