"""Solids in closed form, voxelised, and what is known of a mesh from its triangles alone."""

import numpy as np

SPACING_MM = (1.0, 0.3, 0.3)  # slice, row, column


def sphere(z, y, x):
    return np.sqrt(x**2 + y**2 + z**2) - 9


def cone(z, y, x):
    """Apex at z = 20, radius 8 at z = -20; negative inside."""
    return np.maximum(np.hypot(x, y) - 8 * (20 - z) / 40, np.abs(z) - 20)


def torus(z, y, x):
    """Around z: radius 9, of its tube 4."""
    return np.hypot(np.hypot(x, y) - 9, z) - 4


# name: (negative inside, half of its extent in mm (z, y, x), mm3)
SOLIDS = {
    "sphere": (sphere, (9, 9, 9), 4 / 3 * np.pi * 9**3),
    "cone": (cone, (20, 8, 8), np.pi * 8**2 * 40 / 3),
    "torus": (torus, (4, 13, 13), 2 * np.pi**2 * 9 * 4**2),
}


def voxelised(name, spacing_mm=SPACING_MM):
    """(slice, row, column) bool on an axis-aligned grid, and (3,) where in it the solid's centre is, in indices."""
    inside, half_mm, _ = SOLIDS[name]
    sizes = np.add((2 * np.array(half_mm) / spacing_mm).astype(int), (5, 6, 7))
    centre = np.add((sizes - 1) / 2, (0.5, -0.21, 0.34))  # on no voxel
    offsets = [(np.arange(sizes[axis]) - centre[axis]) * spacing_mm[axis] for axis in range(3)]
    return inside(*np.meshgrid(*offsets, indexing="ij")) < 0, centre


def enclosed(vertices, faces):
    """The volume that triangles enclose, positive if their normals point outwards."""
    first, second, third = (np.asarray(vertices, np.float64)[faces[:, corner]] for corner in range(3))
    return np.linalg.det(np.stack([first, second, third], axis=1)).sum() / 6


def open_edges(faces):
    """(edge, 2) the edges that are not run through exactly once in each direction."""
    runs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    there, back = (runs[:, one] << 32 | runs[:, other] for one, other in ((0, 1), (1, 0)))
    codes, counts = np.unique(there, return_counts=True)
    bad = np.concatenate([codes[counts > 1], np.setxor1d(codes, back)])
    return np.stack([bad >> 32, bad & 0xFFFFFFFF], axis=1)


def winding_numbers(points, vertices, faces):
    """(point,) how often the surface goes around each, by the solid angles of its triangles (van Oosterom, 1983)."""
    found = []
    for point in points:
        a, b, c = (vertices[faces[:, corner]] - point for corner in range(3))
        la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
        above = (a * np.cross(b, c)).sum(axis=1)
        below = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        found.append(np.arctan2(above, below).sum() / (2 * np.pi))
    return np.array(found)
