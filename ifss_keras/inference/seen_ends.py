"""Whether a label has ended on its outermost annotated slice, as the image says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from ifss_keras.data.intensity import IntensityWindow
from ifss_keras.data.region import to_grid_window
from ifss_keras.data.volume import Volume
from ifss_keras.inference.soft_volume import SoftMask

CLEARLY = 1.25  # times the greatest change further in
LEAST_STEPS, MOST_STEPS = 20, 30  # from slice to slice, of those nearest to the end
BLUR = 0.1  # of the root of the mask's area: speckle and fine texture change with every slice
CORE = 0.1  # of the same: so far inside the outline a muscle that only shrinks changes little


def seen_ends(
    volume: Volume,
    window: IntensityWindow,
    masks: Mapping[int, np.ndarray],
    soft: Mapping[int, SoftMask],
    threshold: float = 0.5,
) -> list[int]:
    """The slices, two at most, right beyond the outermost references, where the image shows that the label is gone.

    Where a muscle ends, what lies in its outline changes at once from one slice to the next, more than anywhere inside.
    So the blurred image in the mask must change by `CLEARLY` times what it changes by in any of the nearest
    `MOST_STEPS` steps between references; with fewer than `LEAST_STEPS` of them, or where it is annotated further out
    that the label is absent, nothing is said.

    It sees 97 % of the ends of ten calves (seeds 31000 to 31009), and of places inside, annotated as if they were ends,
    it takes 1 % for one; in CT (torso) 35 % and 4 %, in MRI at 3 mm 4 % of places inside. Muscles that taper off fast
    in strong contrast are mistaken most. A change of the gain between the two slices looks like an end.

    Args:
        volume: its slices along the first axis.
        window: that makes grey values comparable.
        masks: slice index to (row, column) bool, the references.
        soft: slice index to soft mask, of the slices between them.
        threshold: of soft masks.
    """
    held = sorted(index for index, mask in masks.items() if mask.any())
    ends = []
    for step, outermost, annotated in ((-1, held[0], min(masks)), (1, held[-1], max(masks))):
        if outermost != annotated or not 0 <= outermost + step < len(volume.array):
            continue
        changes = []
        for index in range(outermost, outermost - step * (MOST_STEPS + 1), -step):
            shape = _shape_at(index, masks, soft, volume, threshold)
            if shape is None:
                break
            changes.append(_change(volume, window, index, index + step, *shape))
        if len(changes) > LEAST_STEPS and changes[0] > CLEARLY * max(changes[1:]):
            ends.append(outermost + step)
    return ends


def _shape_at(index: int, masks, soft, volume: Volume, threshold: float):
    """First row, first column and the mask cut out there, (row, column) bool; None where there is nothing."""
    if index in masks:
        first_row, first_column, found = 0, 0, masks[index]
    elif index in soft:
        region, values = soft[index]
        shape = volume.array.shape[1:]
        rows, columns, cut = to_grid_window(values[None], region, volume.spacing_mm[1:], shape)
        first_row, first_column, found = rows.start, columns.start, cut[0] > threshold
    else:
        return None
    if not found.any():
        return None
    rows, columns = ndimage.find_objects(found.astype(np.uint8))[0]
    return first_row + rows.start, first_column + columns.start, found[rows, columns]


def _change(volume: Volume, window: IntensityWindow, index: int, other: int, row: int, column: int, mask) -> float:
    """Root mean square in the mask's core of the blurred difference of two slices.

    0 where one of them shows nothing, as a frame that was lost.
    """
    pixel_mm = volume.spacing_mm[1:]
    root_mm = np.sqrt(mask.sum() * pixel_mm[0] * pixel_mm[1])
    sigmas = [BLUR * root_mm / side for side in pixel_mm]
    pads = [int(2 * sigma) + 1 for sigma in sigmas]
    before = [min(pad, place) for pad, place in zip(pads, (row, column), strict=True)]
    part = tuple(
        slice(place - less, place + size + pad)
        for place, less, size, pad in zip((row, column), before, mask.shape, pads, strict=True)
    )
    one, two = (window.apply(volume.array[at][part]) for at in (index, other))
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return 0.0
    blurred = ndimage.gaussian_filter(two - one, sigmas, truncate=2)
    inside = blurred[before[0] : before[0] + mask.shape[0], before[1] : before[1] + mask.shape[1]]
    depth_mm = ndimage.distance_transform_edt(np.pad(mask, 1), pixel_mm)[1:-1, 1:-1]
    core = depth_mm >= min(CORE * root_mm, depth_mm.max())
    return float(np.sqrt(np.mean(inside[core] ** 2)))
