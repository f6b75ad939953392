"""The closed surface of a mask, smooth, of exactly the volume of its voxels, with every voxel on its own side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# How near a surface may come to the centre of a voxel, as a share of the distance to the next one. With this much any
# cell of eight voxels can still hold as much as its voxels inside do (a lone corner: 0.95^3 / 6 of a cell > 1/8).
_NEAREST = 0.05
_HALVINGS = 20
_BLOCK_FACES = 1 << 18  # whose volumes are computed at a time, as their corners take 72 bytes each
_TRUNCATE = 3.0  # of the Gaussians, in standard deviations
_STEEP = 1e-6  # least drop of the smoothed mask from a voxel inside to one outside that is divided by


@dataclass(frozen=True, eq=False)
class _Crossings:
    """Where the surface crosses the lines between neighbouring voxels, one vertex on each.

    Attributes:
        inside, outside: (vertex, 3) the two voxels.
        start, drop: (vertex,) the smoothed mask in the one inside, and how far it falls to the one outside.
        part: (vertex,) the connected part of the mask that the one inside belongs to, from 0.
    """

    inside: np.ndarray
    outside: np.ndarray
    start: np.ndarray
    drop: np.ndarray
    part: np.ndarray

    def vertices(self, levels: np.ndarray) -> np.ndarray:
        """(vertex, 3) where the smoothed mask falls to the level of its part, kept off the centres of voxels."""
        share = np.clip((self.start - levels[self.part]) / self.drop, _NEAREST, 1 - _NEAREST)
        return self.inside + (self.outside - self.inside) * share[:, None]


def closed_surface(mask: np.ndarray, sigma_voxels: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (vertex, 3) in indices of voxels, whose centres are whole numbers, and triangles (triangle, 3).

    It is the iso-surface of the mask smoothed by a Gaussian, in the topology that marching cubes (Lorensen and Cline,
    1987) give to the mask itself: so it separates the centres of the voxels that the mask holds from all others,
    however much is smoothed, and nothing vanishes, merges or opens; beyond the array there is nothing. The level is
    sought for each part (voxels that touch, also by corners) so that its volume is that of its voxels, as a Gaussian
    moves curved surfaces inwards. Normals point outwards where the axes are right-handed.

    Args:
        mask: (slice, row, column) bool, with a voxel or more.
        sigma_voxels: the Gaussian's standard deviation along each axis; 0 leaves the steps of the voxels.
    """
    from skimage.measure import marching_cubes

    held = np.pad(mask, 1)
    vertices, faces, _, _ = marching_cubes(held.astype(np.float32), 0.5, method="lorensen")
    parts, count = ndimage.label(held, np.ones((3, 3, 3)))
    voxels = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    crossings = _crossings(vertices, held, parts, sigma_voxels)
    del parts
    faces = np.ascontiguousarray(faces, np.int32)
    if _volumes(vertices, faces, np.zeros(len(faces), np.intp), 1)[0] < 0:
        faces = faces[:, ::-1]
    return crossings.vertices(_levels(crossings, faces, voxels)) - 1, faces


def smoothed(mask: np.ndarray, sigma_voxels: tuple[float, float, float]) -> tuple[np.ndarray, tuple[int, ...]]:
    """As many voxels as the mask has, those where a Gaussian of it is highest, and how far the array reaches beyond it.

    Parts that are smaller than the Gaussian may vanish or merge.

    Args:
        mask: (slice, row, column) bool.
        sigma_voxels: standard deviation along each axis.
    """
    margins = smoothing_margins(sigma_voxels)
    wide = np.pad(mask, [(margin, margin) for margin in margins])
    heights = ndimage.gaussian_filter(wide.astype(np.float32), sigma_voxels, mode="constant", truncate=_TRUNCATE)
    count = np.count_nonzero(mask)
    kept = np.zeros(wide.shape, bool)
    kept.ravel()[np.argpartition(heights.ravel(), -count)[-count:]] = True
    return kept, margins


def smoothing_margins(sigma_voxels: tuple[float, float, float]) -> tuple[int, ...]:
    """How many voxels the array of `smoothed` reaches beyond the mask's on either side of each axis."""
    return tuple(int(np.ceil(_TRUNCATE * sigma)) for sigma in sigma_voxels)


def _crossings(vertices: np.ndarray, held: np.ndarray, parts: np.ndarray, sigma: tuple[float, ...]) -> _Crossings:
    low, high = np.floor(vertices).astype(np.int32), np.ceil(vertices).astype(np.int32)
    low_is_inside = held[tuple(low.T)][:, None]
    inside, outside = np.where(low_is_inside, low, high), np.where(low_is_inside, high, low)
    smoothed = ndimage.gaussian_filter(held.astype(np.float32), sigma, mode="constant", truncate=_TRUNCATE)
    start, end = smoothed[tuple(inside.T)], smoothed[tuple(outside.T)]
    return _Crossings(inside, outside, start, np.maximum(start - end, _STEEP), parts[tuple(inside.T)] - 1)


def _levels(crossings: _Crossings, faces: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """(part,) the level at which each part has the volume of its voxels; a lower one always holds more."""
    part = crossings.part[faces[:, 0]]  # the voxels inside of one triangle touch
    low, high = np.full(len(voxels), np.inf), np.full(len(voxels), -np.inf)
    np.minimum.at(low, crossings.part, crossings.start - crossings.drop)  # everything as far out as it may be
    np.maximum.at(high, crossings.part, crossings.start)
    for _ in range(_HALVINGS):
        levels = (low + high) / 2
        large = _volumes(crossings.vertices(levels), faces, part, len(voxels)) > voxels
        low, high = np.where(large, levels, low), np.where(large, high, levels)
    return (low + high) / 2


def _volumes(vertices: np.ndarray, faces: np.ndarray, part: np.ndarray, parts: int) -> np.ndarray:
    """(part,) the volume that the triangles of each part enclose, by the divergence theorem."""
    total = np.zeros(parts)
    for begin in range(0, len(faces), _BLOCK_FACES):
        block = slice(begin, begin + _BLOCK_FACES)
        first, second, third = (vertices[faces[block, corner]] for corner in range(3))
        total += np.bincount(part[block], (first * np.cross(second, third)).sum(axis=1), parts)
    return total / 6
