"""Propagators that learn nothing: seeds grown through the image, and shapes interpolated by morphology.

All work label by label between two neighbouring annotated slices of the label, on the box around both. There every
voxel is known to be the label or not, so no path leads beyond, and cost is bounded by the widest gap. Nothing is found
outside the outermost annotated slices of a label. Between one that holds the label and one that is known not to, the
label ends where the method says.
Where labels meet, the first in `content_order` keeps the voxel.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from scipy import ndimage

from ifss_keras.core.errors import InputError
from ifss_keras.core.paged import large_zeros
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.along_sweep import along_sweep, needs_order
from ifss_keras.inference.interpolation import restore_references
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import content_order
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.shape import distances_between
from ifss_keras.volumes.annotation import Annotation, LabelAnnotation
from ifss_keras.volumes.volume import Volume


@dataclass(frozen=True)
class ClassicalSettings:
    """Numbers of the methods, chosen on volumes for development and one solid, see docs/methods.md.

    Attributes:
        margin_mm: around both masks: how far a label may reach beyond them.
        penalty: of growcut for a millimetre, in 255 grey values; Slicer has 0, which loses muscles without contrast.
        compactness: of watershed: plain flooding (0) leaks through every gap in a border.
        core: of the interpolated shape's depth; what lies deeper, or as far outside, a random walk takes as known.
        beta: how shy of contrast a random walk is.
        most_voxels: that random walks are solved on; larger boxes at fewer rows and columns.
    """

    margin_mm: float = 10.0
    penalty: float = 5.0
    compactness: float = 0.001
    core: float = 0.5
    beta: float = 130.0
    most_voxels: int = 1_000_000


SETTINGS = ClassicalSettings()
UNKNOWN, OTHER, LABEL = 0, 1, 2  # seeds


def predict_by_morphology(volume: Volume, annotation: Annotation, *, progress: Progress = silent) -> Prediction:
    """Shapes interpolated by morphology, without the image: Slicer's "Fill between slices".

    Albu, Beugeling and Laurendeau, IEEE TBME 55(8), 2008, as ITK has it. Rows and columns count, not millimetres. The
    filter is shown two slices at a time, since of runs of adjacent annotated ones it leaves gaps. Towards an
    annotated slice without the label it shrinks, and is gone there.

    Raises:
        InputError: the extra `itk` is not installed.
    """
    itk = _itk("morphological", "MorphologicalContourInterpolator")

    def fill(image, seeds, spacing_mm):
        picture = itk.image_from_array((seeds == LABEL).astype(np.uint8))
        interpolator = itk.MorphologicalContourInterpolator[type(picture)].New(picture, Axis=2)  # ITK's last: slices
        interpolator.SetUseCustomSlicePositions(True)  # it overlooks slices that hold a line or a point
        interpolator.SetLabeledSliceIndices(2, 1, [0, len(seeds) - 1])
        interpolator.Update()
        return itk.array_from_image(interpolator.GetOutput()) > 0

    return _predict("morphological", fill, volume, annotation, progress)


def predict_by_growcut(volume: Volume, annotation: Annotation, *, progress: Progress = silent) -> Prediction:
    """Seeds grown by shortest paths over grey-value differences: Slicer's "Grow from seeds".

    Zhu, Kolesov, Gao, Kikinis and Tannenbaum, MICCAI workshop on interactive medical image computing, 2014, as ITK
    has it, with a `penalty` for distance, which decides where the image says nothing.

    Raises:
        InputError: the extra `itk` is not installed.
    """
    itk = _itk("growcut", "FastGrowCut")

    def grow(image, seeds, spacing_mm):
        # from voxels on the border it does not grow
        picture = itk.image_from_array(np.pad(255 * image, 1, mode="edge"))
        marks = itk.image_from_array(np.pad(seeds, 1))
        for held in (picture, marks):
            held.SetSpacing([float(step) for step in reversed(spacing_mm)])
        filters = itk.FastGrowCut[type(picture), type(marks)]
        cut = filters.New(picture, SeedImage=marks, DistancePenalty=SETTINGS.penalty)
        cut.Update()
        return itk.array_from_image(cut.GetOutput())[1:-1, 1:-1, 1:-1] == LABEL

    return _predict("growcut", grow, volume, annotation, progress)


def predict_by_watershed(volume: Volume, annotation: Annotation, *, progress: Progress = silent) -> Prediction:
    """Seeds flooded over the gradient's magnitude, smoothed by 1 mm: scikit-image's compact watershed.

    Neubert and Protzel, ICPR 2014; the distance that `compactness` weighs counts voxels, not millimetres.
    """
    from skimage.segmentation import watershed

    def flood(image, seeds, spacing_mm):
        smooth = ndimage.gaussian_filter(image, [1.0 / step for step in spacing_mm])
        steepness = np.sqrt(sum(part**2 for part in np.gradient(smooth, *spacing_mm)))
        return watershed(steepness, seeds, compactness=SETTINGS.compactness) == LABEL

    return _predict("watershed", flood, volume, annotation, progress)


def predict_by_random_walker(volume: Volume, annotation: Annotation, *, progress: Progress = silent) -> Prediction:
    """Every voxel from which a random walk, shy of contrast, ends in the label more often than not.

    Grady, IEEE TPAMI 28(11), 2006, as scikit-image has it; a smart interpolation by random walks, as Biomedisa
    (Loesel et al., Nature Communications 11, 2020) offers. From the annotated slices alone it would lose every muscle
    that is thinner than the gap, so it decides in a band around the interpolated shape: what lies deeper inside than
    `core` of the shape's depth, or as far outside, counts as known. Boxes of more than `most_voxels` are solved on
    means of a few rows and columns.
    """

    def walk(image, seeds, spacing_mm):
        step = int(np.ceil(np.sqrt(image.size / SETTINGS.most_voxels)))
        return _probability(image, seeds, spacing_mm, step) > 0.5

    return _predict("random-walker", walk, volume, annotation, progress, mark=_mark_core)


def _mark_core(seeds: np.ndarray, label: LabelAnnotation, box: tuple[slice, slice, slice], spacing_mm) -> None:
    """Adds to the seeds in a box what is sure by the shape interpolated between its outermost slices, in place."""
    slices, rows, columns = box
    for index, distance_mm in distances_between(label.masks, slices.start, slices.stop - 1, spacing_mm[1:]):
        plane, distance_mm = seeds[index - slices.start], distance_mm[rows, columns]
        depth_mm = distance_mm.max()
        if depth_mm > 0:
            unknown = plane == UNKNOWN
            plane[unknown & (distance_mm > SETTINGS.core * depth_mm)] = LABEL
            plane[unknown & (distance_mm < -SETTINGS.core * depth_mm)] = OTHER


def _probability(image, seeds, spacing_mm, step: int) -> np.ndarray:
    """That a walk ends in the label, (slice, row, column), solved on the means of step x step pixels."""
    from skimage.segmentation import random_walker

    if step > 1:
        shares = [_block_means(seeds == seed, step) for seed in (OTHER, LABEL)]
        coarse = np.select([shares[1] > 0.5, shares[0] >= 0.5], [LABEL, OTHER], UNKNOWN)
        if not np.isin([OTHER, LABEL], coarse).all():
            return _probability(image, seeds, spacing_mm, step - 1)
        slice_mm, row_mm, column_mm = spacing_mm
        wide = (slice_mm, row_mm * step, column_mm * step)
        found = _probability(_block_means(image, step), coarse, wide, 1)
        found = ndimage.zoom(found, (1, step, step), order=1, mode="nearest", grid_mode=True)
        return found[:, : seeds.shape[1], : seeds.shape[2]]
    if not (seeds == UNKNOWN).any():
        return seeds == LABEL
    if not image.std() > 0:  # which the walker divides by
        image = image + 1e-6 * np.arange(len(image), dtype=np.float32)[:, None, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of probabilities below 0 or above 1 by its tolerance
        return random_walker(
            image, seeds.astype(np.int32), beta=SETTINGS.beta, mode="cg_j", spacing=spacing_mm, return_full_prob=True
        )[LABEL - 1]


def _block_means(array: np.ndarray, step: int) -> np.ndarray:
    """Means of step x step pixels of every slice, float32; the last ones of the pixels that there are, repeated."""
    rows, columns = (-size % step for size in array.shape[1:])
    padded = np.pad(array.astype(np.float32), ((0, 0), (0, rows), (0, columns)), mode="edge")
    slices, rows, columns = padded.shape
    return padded.reshape(slices, rows // step, step, columns // step, step).mean(axis=(2, 4))


def _predict(
    method: str,
    grow: Callable,
    volume: Volume,
    annotation: Annotation,
    progress: Progress,
    mark: Callable | None = None,
) -> Prediction:
    """What `grow(image, seeds, spacing_mm)` finds between all neighbouring annotated slices of every label.

    `image` is float32 in [0, 1], `seeds` uint8: `LABEL`, `OTHER`, or `UNKNOWN`, with whole planes known at both ends.
    It returns a bool array of the same shape. `mark(seeds, label, box, spacing_mm)` adds to the seeds before, in place.
    """
    if needs_order(volume):
        again = partial(_predict, method, grow, progress=progress, mark=mark)
        return along_sweep(again, volume, annotation)
    labels = large_zeros(volume.array.shape, np.min_scalar_type(max(annotation.codes)))
    intensity = IntensityRange.from_volume(volume.array)
    for code in reversed(content_order(annotation)):
        label = annotation.for_label(code)
        first, last = min(label.masks), max(label.masks)
        for start, stop in pairwise(sorted(label.masks)):
            if stop - start > 1 and (label.masks[start].any() or label.masks[stop].any()):
                box = _box(label, start, stop, volume.spacing_mm)
                seeds = _seeds(label, box)
                if mark:
                    mark(seeds, label, box, volume.spacing_mm)
                image = intensity.apply(volume.array[box])
                found = grow(image, seeds, volume.spacing_mm) if (seeds == OTHER).any() else seeds >= 0
                labels[box][found] = code
            progress(label.name, stop - first, last - first)
    restore_references(labels, annotation)
    return Prediction.of_labels(labels, volume, annotation, method)


def _box(label: LabelAnnotation, start: int, stop: int, spacing_mm) -> tuple[slice, slice, slice]:
    """The slices from `start` to `stop`, and the rows and columns of the label in both, with a margin."""
    held = label.masks[start] | label.masks[stop]
    box = [slice(start, stop + 1)]
    for axis in (0, 1):
        margin = max(int(np.ceil(SETTINGS.margin_mm / spacing_mm[1 + axis])), 1)
        places = np.flatnonzero(held.any(axis=1 - axis))
        box.append(slice(max(int(places[0]) - margin, 0), int(places[-1]) + margin + 1))
    return tuple(box)


def _seeds(label: LabelAnnotation, box: tuple[slice, slice, slice]) -> np.ndarray:
    """What the annotated slices say in a box: those of the label everything, others where other labels are."""
    slices, rows, columns = box
    shape = label.masks[slices.start][rows, columns].shape
    seeds = np.full((slices.stop - slices.start, *shape), UNKNOWN, np.uint8)
    for index in range(slices.start, slices.stop):
        if index in label.masks:
            seeds[index - slices.start] = np.where(label.masks[index][rows, columns], LABEL, OTHER)
        elif index in label.excluded:
            seeds[index - slices.start] = np.where(label.excluded[index][rows, columns], OTHER, UNKNOWN)
    return seeds


def _itk(method: str, name: str):
    """The package itk, with the filter that a method needs."""
    try:
        import itk
    except ImportError:
        itk = None
    if not hasattr(itk, name):
        raise InputError(
            f"The method {method} needs ITK's {name}, not installed: run {sys.executable} -m pip install itk-growcut "
            f"itk-morphologicalcontourinterpolation."
        )
    return itk
