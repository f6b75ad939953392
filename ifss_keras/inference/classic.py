"""Propagators that learn nothing: seeds grown through the image, and shapes interpolated by morphology."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from ifss_keras.core.errors import InputError
from ifss_keras.data.intensity import IntensityWindow
from ifss_keras.data.references import References
from ifss_keras.data.volume import Volume
from ifss_keras.inference.summary import Prediction, content_order, summarize

_MARGIN_MM = 10.0  # around everything that is annotated
_BACKGROUND = 1  # seed of what is no label; the label of place k in content order has k + 2


def predict_by_watershed(volume: Volume, references: References) -> Prediction:
    """Seeds grown along the valleys of the gradient's magnitude (scikit-image's marker-based watershed)."""
    from skimage.segmentation import watershed

    def grow(image, seeds, spacing_mm):
        sigma = [1.0 / step for step in spacing_mm]  # 1 mm
        gradient = [ndimage.gaussian_filter(image, sigma, order=order) / step for order, step in _orders(spacing_mm)]
        return watershed(np.sqrt(sum(part**2 for part in gradient)), seeds)

    return _grown(volume, references, grow)


def predict_by_random_walker(volume: Volume, references: References, *, beta: float = 130.0) -> Prediction:
    """Each voxel to the seed that a random walk, shy of contrast, reaches first (Grady 2006; as in Biomedisa)."""
    from skimage.segmentation import random_walker

    def grow(image, seeds, spacing_mm):
        return random_walker(image, seeds.astype(np.int32), beta=beta, mode="cg_j", spacing=spacing_mm)

    return _grown(volume, references, grow)


def predict_by_growcut(volume: Volume, references: References) -> Prediction:
    """Seeds grown by shortest paths over grey-value differences (Zhu et al. 2014; Slicer's "Grow from seeds").

    Raises:
        InputError: the extra `itk` is not installed.
    """
    itk = _itk("growcut", "FastGrowCut")

    def grow(image, seeds, spacing_mm):
        picture = itk.image_from_array(np.ascontiguousarray(image * 255, np.float32))
        marks = itk.image_from_array(np.ascontiguousarray(seeds, np.uint8))
        for held in (picture, marks):
            held.SetSpacing([float(step) for step in reversed(spacing_mm)])
        return itk.array_from_image(itk.fast_grow_cut(picture, seed_image=marks))

    return _grown(volume, references, grow)


def predict_by_morphology(volume: Volume, references: References) -> Prediction:
    """Shapes interpolated by morphology (Albu et al. 2008; Slicer's "Fill between slices"), without the image.

    Of adjacent annotated slices the filter is shown the outermost: runs of them make it leave gaps.

    Raises:
        InputError: the extra `itk` is not installed.
    """
    itk = _itk("morphological", "MorphologicalContourInterpolator")
    order = content_order(references)
    seeds = np.zeros(volume.array.shape, np.uint8)
    for place, code in enumerate(order, start=1):
        for index in _outermost(references.for_label(code).masks):
            seeds[index][references.for_label(code).masks[index]] = place
    picture = itk.image_from_array(seeds)
    filled = itk.array_from_image(itk.morphological_contour_interpolator(picture, axis=2))
    return _prediction(filled, order, volume, references)


METHODS: dict[str, Callable[[Volume, References], Prediction]] = {
    "morphological": predict_by_morphology,
    "growcut": predict_by_growcut,
    "watershed": predict_by_watershed,
    "random-walker": predict_by_random_walker,
}


def _orders(spacing_mm):
    """The first derivative along each axis and the step there."""
    return [(tuple(int(axis == other) for other in range(3)), step) for axis, step in enumerate(spacing_mm)]


def _itk(method: str, name: str):
    try:
        import itk
    except ImportError as error:
        raise InputError(
            f"The method {method} needs ITK, which is not installed: run pip install 'ifss_keras[itk]'."
        ) from error
    if not hasattr(itk, name):
        raise InputError(
            f"The method {method} needs ITK's {name}, which is not installed: run pip install 'ifss_keras[itk]'."
        )
    return itk


def _outermost(masks) -> list[int]:
    """The slices without those that lie inside a run of adjacent ones."""
    return [index for index in sorted(masks) if not (index - 1 in masks and index + 1 in masks)]


def _grown(volume: Volume, references: References, grow) -> Prediction:
    """What `grow(image, seeds, spacing_mm)` makes of the box around everything annotated; nothing outside it.

    `image` is float32 in [0, 1], `seeds` 0 where nothing is known, `_BACKGROUND` where an annotated slice holds no
    label. Slices beyond the outermost annotated ones are left out: no seed says there where the muscle ends.
    """
    order = content_order(references)
    seeds = np.zeros(volume.array.shape, np.uint8)
    for index, plane in zip(references.slices, references.masks, strict=True):
        seeds[index] = _BACKGROUND
        for place, code in enumerate(order):
            seeds[index][plane == code] = place + 2
    box = _box(seeds, volume.spacing_mm)
    window = IntensityWindow.from_volume(volume.array)
    image = np.asarray(window.apply(volume.array[box]), np.float32)
    found = np.zeros(volume.array.shape, np.uint8)
    grown = np.asarray(grow(image, seeds[box], volume.spacing_mm))
    found[box] = np.where(grown >= 2, grown - 1, 0)
    return _prediction(found, order, volume, references)


def _box(seeds: np.ndarray, spacing_mm) -> tuple[slice, ...]:
    """The annotated slices from first to last, and the rows and columns of the labels with a margin."""
    held = np.argwhere(seeds > _BACKGROUND)
    annotated = np.flatnonzero((seeds > 0).any(axis=(1, 2)))
    parts = [slice(int(annotated[0]), int(annotated[-1]) + 1)]
    for axis in (1, 2):
        margin = int(np.ceil(_MARGIN_MM / spacing_mm[axis]))
        low, high = held[:, axis].min(), held[:, axis].max()
        parts.append(slice(max(int(low) - margin, 0), int(high) + margin + 1))
    return tuple(parts)


def _prediction(places: np.ndarray, order: list[int], volume: Volume, references: References) -> Prediction:
    """Places in `order`, counted from 1, as codes; annotated slices as they were annotated."""
    codes = np.array([0, *order], np.min_scalar_type(max(references.codes)))
    labels = codes[places]
    for index, plane in zip(references.slices, references.masks, strict=True):
        labels[index] = plane
    return Prediction(labels, summarize(labels, volume.spacing_mm, references))
