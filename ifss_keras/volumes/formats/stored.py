"""What a file holds, in its own axis order, before it becomes a slice-first volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.core.errors import InputError
from ifss_keras.core.paged import large_zeros
from ifss_keras.volumes.sweep import Sweep

# ITU-R BT.601 luma in thousandths; equal channels come back unchanged.
_LUMA = (299, 587, 114)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Stored:
    """The content of one file.

    Attributes:
        array: (i, j, k), or (i, j, k, component) for colours and layered segmentations.
        affine: (4, 4), from (i, j, k, 1) to RAS millimetres; None where the file says neither place nor distances,
            nor do other programs take any: then as `default_affine` with the spacing that is given.
        has_spacing: whether the file says how far its voxels lie apart in millimetres; where it does not, the affine
            has the 1 mm that other programs take then.
        header: the NIfTI header, if it is NIfTI.
        oriented: whether the file says that its affine leads to the body's left, front and head.
        metadata: key and value of each custom field, if it is NRRD.
        names, colours: of label codes, where the file is known to hold labels and says them.
        has_frame_step: whether, beside the distances of rows and columns, it says that of slices; where it does not
            (the frames of an ultrasound cine), the affine has the 1 mm that other programs take then.
        sweep: where each of its frames lies, for a tracked sweep: frames are axis k.
    """

    array: np.ndarray
    affine: np.ndarray | None
    has_spacing: bool = True
    header: Any = None
    metadata: dict[str, str] = field(default_factory=dict)
    oriented: bool = False
    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, RGB] = field(default_factory=dict)
    has_frame_step: bool = True
    sweep: Sweep | None = None


def default_affine(spacing_mm: Sequence[float]) -> np.ndarray:
    """(4, 4), of voxels so far apart along i, j and k whose place in the body nobody knows: along L, P and S."""
    return LPS_TO_RAS @ np.diag([*spacing_mm, 1.0])


def one_line(text: str) -> str:
    """The text with single blanks for breaks and tabs, and without what cannot be printed, as it will be in tables."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


def drop_trailing_axes(shape: Sequence[int], path: Path) -> tuple[int, int, int]:
    """The first three sizes; further axes are accepted only if they hold one element each."""
    shape = tuple(int(size) for size in shape)
    if len(shape) < 3:
        raise InputError(
            f"{path} is a 2D image of {' x '.join(map(str, shape))}: expected a volume with at least 2 "
            "slices; give the whole volume."
        )
    if any(size != 1 for size in shape[3:]):
        raise InputError(
            f"{path} has {len(shape)} axes of sizes {shape}: expected one 3D volume; export a single time point."
        )
    return shape[0], shape[1], shape[2]


def grey(array: np.ndarray, path: Path) -> np.ndarray:
    """(i, j, k) luma of (i, j, k, 3 or 4) colours in their own type, without opacity; 3D passes unchanged.

    Raises:
        InputError: for any other number of components.
    """
    if array.ndim == 3:
        return array
    components = array.shape[-1]
    if components not in (3, 4):
        raise InputError(
            f"{path} holds {components} values per voxel: expected 1 (grey), 3 (RGB) or 4 (RGBA); export a grey volume."
        )
    out = large_zeros(array.shape[:3], array.dtype, order="F")
    for k in range(array.shape[2]):
        if array.dtype.kind == "f":
            out[:, :, k] = array[:, :, k, :3] @ (np.array(_LUMA, array.dtype) / 1000)
        else:
            out[:, :, k] = (array[:, :, k, :3].astype(np.int64) @ np.array(_LUMA) + 500) // 1000
    return out
