"""Interpolations between annotated slices that errors are measured by: these stay as they are.

Between two references the signed distances are blended linearly (Raya and Udupa, "Shape-based interpolation of
multidimensional objects", IEEE TMI 9(1), 1990): plain, where they are; straight, with the centroid on the straight line
from one to the other. Where one is empty the other shrinks evenly and is gone half-way.
"""

from itertools import pairwise

import numpy as np
from scipy import ndimage

from ifss_keras.inference.interpolation import restore_references
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import content_order
from ifss_keras.propagation.shape import ShapeSpan, signed_distance


def straight(mask_a: np.ndarray, mask_b: np.ndarray, spacing_mm: tuple[float, float]):
    """A function from the fraction of the way, 0 to 1, to the signed distance (row, column) in mm."""
    return ShapeSpan(mask_a, mask_b, spacing_mm).at


def plain(mask_a: np.ndarray, mask_b: np.ndarray, spacing_mm: tuple[float, float]):
    """As `straight`, nothing moved."""
    if not (mask_a.any() and mask_b.any()):
        return straight(mask_a, mask_b, spacing_mm)
    from_a, from_b = signed_distance(mask_a, spacing_mm), signed_distance(mask_b, spacing_mm)
    return lambda fraction: np.float32(1 - fraction) * from_a + np.float32(fraction) * from_b


YARDSTICKS = {"plain": plain, "straight": straight}


def predict_by_yardstick(name: str, volume, references) -> Prediction:
    """The references joined by one of `YARDSTICKS`; where labels meet, the first in `content_order` keeps the voxel."""
    labels = np.zeros(volume.array.shape, np.min_scalar_type(max(references.codes)))
    for code in reversed(content_order(references)):
        masks = references.for_label(code).masks
        for index, mask in masks.items():
            labels[index][mask] = code
        for first, last in pairwise(sorted(masks)):
            for box in ndimage.find_objects((masks[first] | masks[last]).astype(np.uint8)):
                at = YARDSTICKS[name](masks[first][box], masks[last][box], volume.spacing_mm[1:])
                for index in range(first + 1, last):
                    labels[index][box][at((index - first) / (last - first)) > 0] = code
    restore_references(labels, references)
    return Prediction.of_labels(labels, volume, references, name)
