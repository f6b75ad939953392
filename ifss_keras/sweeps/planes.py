"""The volume of what planes cut that are not parallel, from areas, centroids and normals alone; there are no voxels.

Between two planes a volume is the mean of both areas, as vectors along their normals, times the way from centroid to
centroid (Watanabe, "A method for volume estimation by using vector areas and centroids of serial cross sections", IEEE
Trans Biomed Eng 29(3), 1982): the theorem of Pappus and Guldin, whose error goes with the square of the distance of
neighbouring planes and of the angle between them. They must not cut each other inside the body.
Treece, Prager, Gee and Berman ("Fast surface and volume estimation from non-parallel cross-sections, for freehand 3-D
ultrasound", Med Image Anal 3(2), 1999) put a cubic through the same areas and centroids, which pays with few planes.
Here every frame has an area, and straight lines err least where poses are noisy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.propagation.places import Places
from ifss_keras.volumes.sweep import Sweep


@dataclass(frozen=True, eq=False)
class Planes:
    """Frames in their order along the body.

    Attributes:
        sweep: which plane each lies in.
        places: how far along the body.
        boxes: rows and columns of each that the frame's picture covers.
    """

    sweep: Sweep
    places: Places
    boxes: Sequence[tuple[slice, slice]]


def thickness_mm(sweep: Sweep, pixels: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """(frame,) how thick a slab each frame stands for: areas times these are the volume.

    A frame that was not tracked stands for nothing, those around it for its share. One that shows nothing of the body
    has the centroid of the nearest that does.

    Args:
        sweep: its frames in their order along the body, see `sweeps.order`.
        pixels: (frame,) how many of the body each shows.
        centroids: (frame, 2) their mean row and column, not looked at where there are none.
    """
    thick, held = np.zeros(len(pixels)), np.flatnonzero(pixels)
    known = np.flatnonzero(sweep.tracked)
    if not len(held):
        held, centroids = known[:1], np.zeros_like(centroids)
    nearest = held[np.argmin(np.abs(known[:, None] - held), axis=1)]
    poses = sweep.poses[known]
    middles = np.column_stack([np.zeros(len(known)), centroids[nearest], np.ones(len(known))])
    steps = np.diff(np.einsum("fij,fj->fi", poses[:, :3], middles), axis=0)
    normals = poses[:, :3, 0]
    thick[known[:-1]] += np.einsum("fx,fx->f", normals[:-1], steps) / 2
    thick[known[1:]] += np.einsum("fx,fx->f", normals[1:], steps) / 2
    outwards = 1.0 if thick.sum() >= 0 else -1.0  # normals may point against the order
    return outwards * thick


def volume_mm3(sweep: Sweep, pixels: np.ndarray, centroids: np.ndarray) -> float:
    """The volume of the body; arguments as in `thickness_mm`."""
    row_mm, column_mm = sweep.pixel_mm
    return float(thickness_mm(sweep, pixels, centroids) @ pixels) * row_mm * column_mm
