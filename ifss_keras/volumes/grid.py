"""Whether two volumes lie on the same grid, and where one lies in the other."""

from __future__ import annotations

import numpy as np

from ifss_keras.core.errors import GeometryError
from ifss_keras.volumes.volume import Volume, affine_spacing_mm

# Two grids are one if no voxel of the smaller lies further than this from a voxel of the larger: far below
# the half voxel of a true shift, far above what float32 headers and rounded text headers lose over 1400
# slices.
GRID_TOLERANCE_VOXELS = 0.1


def check_same_grid(expected: Volume, received: Volume, name: str = "the other volume", of: str = "the image") -> None:
    """Refuses a volume whose voxels are not those of another, in whatever formats the two were stored.

    Args:
        expected, received: the two.
        name, of: what to call the one received, and the one expected.

    Raises:
        GeometryError: naming the shape, direction, spacing or origin that differs.
    """
    if expected.array.shape != received.array.shape:
        raise GeometryError(
            f"{name} lies on another grid: expected shape {expected.array.shape} (slice, row, column), "
            f"received {received.array.shape}; save it on the grid of {of}."
        )
    offset = grid_offset(expected, received, name, of)
    if offset != (0, 0, 0):
        raise GeometryError(
            f"{name} lies on another grid: expected the same origin, received one shifted by {offset} voxels "
            f"(slice, row, column); save it on the grid of {of}."
        )


def grid_offset(
    image: Volume, other: Volume, name: str = "the other volume", of: str = "the image"
) -> tuple[int, int, int]:
    """Index in `image` of the first voxel of `other`, whose voxels must lie on voxels of the image's grid.

    The offset may be negative and the other volume may reach beyond the image. The affines of the files are
    compared, not the spacings in use, so an overridden spacing changes nothing here.

    Raises:
        GeometryError: if directions, spacings or origin (to within `GRID_TOLERANCE_VOXELS`) do not fit.
    """
    steps = np.maximum(np.array(other.array.shape) - 1, 1)
    expected_mm, received_mm = (np.array(affine_spacing_mm(v.affine)) for v in (image, other))
    expected_axes = image.affine[:3, :3] / expected_mm
    received_axes = other.affine[:3, :3] / received_mm
    advice = f"save it on the grid of {of}."

    turned = np.linalg.norm(received_axes - expected_axes, axis=0) * steps
    if turned.max() > GRID_TOLERANCE_VOXELS:
        raise GeometryError(
            f"{name} lies on another grid: expected the direction {_axes_text(expected_axes)} of the "
            f"slice, row and column axes (RAS), received {_axes_text(received_axes)}; {advice}"
        )
    stretched = np.abs(received_mm / expected_mm - 1) * steps
    if stretched.max() > GRID_TOLERANCE_VOXELS:
        raise GeometryError(
            f"{name} lies on another grid: expected spacing {_mm_text(expected_mm)} mm (slice, row, column), "
            f"received {_mm_text(received_mm)} mm; {advice}"
        )
    offset = np.linalg.solve(image.affine, other.affine[:, 3])[:3]
    whole = np.rint(offset)
    if np.abs(offset - whole).max() > GRID_TOLERANCE_VOXELS:
        raise GeometryError(
            f"{name} lies on another grid: expected its origin on a voxel of {of}, whose origin is "
            f"{_mm_text(image.affine[:3, 3])} mm (RAS), received {_mm_text(other.affine[:3, 3])} mm, which "
            f"is voxel ({', '.join(f'{value:.2f}' for value in offset)}); {advice}"
        )
    slice_index, row, column = (int(value) for value in whole)
    return slice_index, row, column


def _mm_text(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def _axes_text(axes: np.ndarray) -> str:
    return " ".join("(" + ", ".join(f"{value + 0.0:.3g}" for value in axis) + ")" for axis in np.round(axes.T, 4))
