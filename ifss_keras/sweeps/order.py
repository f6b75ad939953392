"""The frames of a tracked sweep in the order in which they lie along the body.

A hand pauses, goes back and forth again, and its speed changes. Along the body a frame lies where its plane cuts the
path of one point of the image: from frame to frame that advances by the way of the point along the mean of both
normals, backwards where the hand went back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume

LEAST_STEP = 0.001  # of the median step: frames at one place keep an order


@dataclass(frozen=True, eq=False)
class FrameOrder:
    """Which frame comes when along the body.

    Attributes:
        frames: (place in order,) the number of the frame in the file.
        places_mm: (place in order,) how far along the body it lies, strictly ascending from 0.
    """

    frames: np.ndarray
    places_mm: np.ndarray

    @classmethod
    def of_sweep(cls, sweep: Sweep, pixel: tuple[float, float]) -> FrameOrder:
        """The order of all frames; one that was not tracked lies between those recorded before and after it.

        Args:
            sweep: with two tracked frames or more.
            pixel: (row, column) of the image point whose path is followed: the middle of what is measured.
        """
        places_mm = advances_mm(sweep, pixel)
        if places_mm[-1] < places_mm[0]:
            places_mm = -places_mm
        frames = np.argsort(places_mm, kind="stable")
        ascending = places_mm[frames] - places_mm[frames[0]]
        steps = np.diff(ascending)
        moved = steps[steps > 0]
        least = LEAST_STEP * (np.median(moved) if len(moved) else 1.0)
        return cls(frames, np.r_[0.0, np.cumsum(np.maximum(steps, least))])

    @cached_property
    def position(self) -> np.ndarray:
        """(frame,) its place in the order."""
        return np.argsort(self.frames)

    @property
    def step_mm(self) -> float:
        """The mean distance of neighbouring frames."""
        return float(self.places_mm[-1] / (len(self.frames) - 1))

    def ordered(self, volume: Volume) -> Volume:
        """The volume of the frames in this order."""
        spacing_mm = (self.step_mm, *volume.spacing_mm[1:])
        sweep = replace(volume.sweep, poses=volume.sweep.poses[self.frames], timestamps_s=None)
        places = self.places_mm / self.step_mm
        return replace(volume, array=volume.array[self.frames], spacing_mm=spacing_mm, sweep=sweep, places=places)

    def ordered_annotation(self, annotation: Annotation) -> Annotation:
        """The annotation of the frames in this order."""
        positions = self.position[annotation.slices]
        order = np.argsort(positions)
        return replace(annotation, slices=positions[order], masks=annotation.masks[order])

    def on_frames(self, values: np.ndarray) -> np.ndarray:
        """Values (place in order, ...) as the file numbers the frames."""
        return values[self.position]


def advances_mm(sweep: Sweep, pixel: tuple[float, float]) -> np.ndarray:
    """(frame,) how far along the body each frame of the sweep lies from the first tracked one, as it was recorded."""
    known = np.flatnonzero(sweep.tracked)
    poses = sweep.poses[known]
    points, normals = poses[:, :3] @ [0.0, *pixel, 1.0], poses[:, :3, 0]
    means = normals[1:] + normals[:-1]
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    along = np.r_[0.0, np.cumsum(np.einsum("fx,fx->f", means, np.diff(points, axis=0)))]
    return np.interp(np.arange(len(sweep.poses)), known, along)
