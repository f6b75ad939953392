"""Whether what a file or an array holds can be label codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.volume import present_codes

MOST_SCATTERED_CODES = 32


def as_codes(array: np.ndarray, name: str) -> np.ndarray:
    """The same labels as integers, in their own type if it is one, refused unless whole and not negative."""
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind == "f" and not all(_whole(plane) for plane in array):
        raise InputError(
            f"{name} holds values that are not whole numbers: expected label codes 0, 1, 2, ...; give "
            "the label volume, not an image or a resampled mask."
        )
    if array.dtype.kind != "u" and (smallest := min(plane.min() for plane in array)) < 0:
        raise InputError(f"{name} holds the negative value {smallest:g}: expected label codes from 0 up; recode it.")
    if array.dtype == np.uint8:
        return array
    if (largest := max(plane.max() for plane in array)) >= 2**31:
        raise InputError(f"{name} holds the value {largest:g}: expected label codes below 2^31; recode it.")
    if array.dtype.kind == "f":
        return array.astype(np.min_scalar_type(int(largest)), order="K")
    return array


def refuse_an_image(labels: np.ndarray, path: Path) -> None:
    """Refuses many values of which most differ from the next voxel's (equal: 1 to 17 % in images, 84 to 98 in labels).

    Raises:
        InputError: an image.
    """
    labelled = equal = 0
    for plane in labels:
        if not plane.any():
            continue
        held = plane[:, 1:] != 0
        labelled += np.count_nonzero(held)
        equal += np.count_nonzero(held & (plane[:, 1:] == plane[:, :-1]))
    if 2 * equal < labelled and len(codes := present_codes(labels)) > MOST_SCATTERED_CODES:
        raise InputError(
            f"{path} looks like an image: expected a label volume, received {len(codes)} different values that change "
            "from voxel to voxel; pass the segmentation."
        )


def _whole(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())
