"""What every metric asks of its masks: boolean, 3D, on one grid, with a spacing in mm."""

import numpy as np

from ifss_keras.core.errors import GeometryError, InputError


def check_mask(mask, name="mask"):
    """The mask as a boolean array (slice, row, column).

    Raises:
        InputError: if it is not boolean or not three-dimensional. Label volumes are refused on purpose: which
            label is meant has to be said by the caller (`labels == code`).
    """
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim != 3:
        raise InputError(
            f"{name} must be a boolean array (slice, row, column), received {mask.ndim} axes of "
            f"{mask.dtype}; compare a label volume with one label code first."
        )
    return mask


def check_same_grid(prediction, truth):
    """Nothing, if both arrays have the same shape.

    Raises:
        GeometryError: if the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise GeometryError(
            f"prediction and truth must lie on the same grid (slice, row, column), received shapes "
            f"{prediction.shape} and {truth.shape}; resample or crop one onto the other's grid first."
        )


def check_pair(prediction, truth):
    """Prediction and truth as boolean arrays (slice, row, column) of the same shape.

    Raises:
        InputError: if one is not boolean or not three-dimensional.
        GeometryError: if the shapes differ.
    """
    prediction, truth = check_mask(prediction, "prediction"), check_mask(truth, "truth")
    check_same_grid(prediction, truth)
    return prediction, truth


def check_spacing(spacing_mm):
    """The spacing as three floats in mm (slice, row, column).

    Raises:
        InputError: if it is not three positive finite numbers.
    """
    try:
        spacing = tuple(float(value) for value in spacing_mm)
    except (TypeError, ValueError):
        spacing = ()
    if len(spacing) != 3 or not all(np.isfinite(value) and value > 0 for value in spacing):
        raise InputError(
            f"spacing_mm must be three positive numbers in mm (slice, row, column), received {spacing_mm!r}; "
            "give the distance between neighbouring voxels along each axis."
        )
    return spacing


def bounding_box(labels, code=True):
    """The smallest box that holds `labels == code`: three slices (slice, row, column), or None if absent.

    Goes slice by slice, so a large label volume is never compared as a whole.
    """
    rows = np.zeros(labels.shape[1], bool)
    columns = np.zeros(labels.shape[2], bool)
    found = np.zeros(labels.shape[0], bool)
    for index, plane in enumerate(labels):
        hit = plane == code
        in_rows = hit.any(axis=1)
        if in_rows.any():
            found[index] = True
            rows |= in_rows
            columns |= hit.any(axis=0)
    if not found.any():
        return None
    edges = (np.flatnonzero(axis)[[0, -1]] for axis in (found, rows, columns))
    return tuple(slice(int(first), int(last) + 1) for first, last in edges)


def union_box(first, second):
    """The smallest box that holds both boxes; either may be None (nothing), both None gives None."""
    if first is None or second is None:
        return first or second
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
