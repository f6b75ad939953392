"""A hand that sweeps a tracked probe over a phantom: what frames show, where they lie, and what the tracker says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ifss_keras.synthetic.phantom import Phantom

_WAVES_MM = (25.0, 90.0)  # lengths along the body over which a hand wavers


@dataclass(frozen=True)
class Hand:
    """How a probe is led along a body.

    Attributes:
        frames: of the sweep.
        wobble_mm: greatest waver sideways; a third as much in depth.
        wobble_degrees: greatest turn about each axis of the probe.
        fan_degrees: the probe leans backwards at first and forwards at last by so much.
        pauses: so often the hand stands still, for a hundredth of the frames.
        back: share of the length over which it goes back once, to come forwards again.
        noise_mm, noise_degrees: standard deviations of the tracker's errors, of every frame and axis by itself.
    """

    frames: int = 700
    wobble_mm: float = 4.0
    wobble_degrees: float = 4.0
    fan_degrees: float = 12.0
    pauses: int = 4
    back: float = 0.08
    noise_mm: float = 0.3
    noise_degrees: float = 0.3


@dataclass(frozen=True)
class Scan:
    """What a sweep over a phantom recorded.

    Attributes:
        image, labels: (frame, row, column) uint8, on the phantom's rows and columns; black and 0 outside of it.
        planes: (frame, 4, 4), from (column, row, 0, 1) to mm (column, row, slice) of the phantom, as they were.
        tracked_planes: the same as the tracker says.
        pixel_mm: of rows and columns.
    """

    image: np.ndarray
    labels: np.ndarray
    planes: np.ndarray
    tracked_planes: np.ndarray
    pixel_mm: tuple[float, float]


def scan(phantom: Phantom, seed: int, hand: Hand | None = None) -> Scan:
    """A sweep from before the phantom's first slice to behind its last; the same seed leads the hand the same way.

    Grey values are read between voxels, labels from the nearest one.
    """
    hand = hand or Hand()
    rng = np.random.default_rng([seed, 17])
    planes = _planes(rng, phantom, hand)
    image, labels = (np.empty((hand.frames, *phantom.image.shape[1:]), np.uint8) for _ in range(2))
    for frame, plane in enumerate(planes):
        places = _voxels(phantom, plane)
        image[frame] = ndimage.map_coordinates(phantom.image, places, order=1)
        labels[frame] = ndimage.map_coordinates(phantom.labels, places, order=0)
    return Scan(image, labels, planes, _as_tracked(rng, planes, phantom, hand), phantom.spacing_mm[1:])


def _planes(rng: np.random.Generator, phantom: Phantom, hand: Hand) -> np.ndarray:
    slice_mm, row_mm, column_mm = phantom.spacing_mm
    slices, _, columns = phantom.image.shape
    middle = np.array([column_mm * (columns - 1) / 2, 0.0, 0.0])  # of the probe's face
    along = _depths(rng, hand) * slice_mm * (slices - 1)
    wavers = [_waver(rng, along) for _ in range(6)]
    lean = np.deg2rad(hand.fan_degrees) * (2 * along / along.max() - 1)
    planes = np.tile(np.eye(4), (hand.frames, 1, 1))
    for frame, z_mm in enumerate(along):
        shift = hand.wobble_mm * np.array([wavers[0][frame], wavers[1][frame] / 3, 0])
        turn = np.deg2rad(hand.wobble_degrees) * np.array([waver[frame] for waver in wavers[2:5]])
        turn[0] += lean[frame]
        axes = _turn(turn)
        planes[frame, :3, :3] = axes * [column_mm, row_mm, 1.0]
        planes[frame, :3, 3] = middle + shift + [0, 0, z_mm] - axes[:, 0] * middle[0]
    return planes


def _depths(rng: np.random.Generator, hand: Hand) -> np.ndarray:
    """(frame,) where the hand is, as a share of the length: it starts before it and ends behind it."""
    speed = 1 + 0.5 * np.sin(np.linspace(0, rng.uniform(8, 16), hand.frames) + rng.uniform(0, 6))
    turn = int(hand.frames * rng.uniform(0.4, 0.6))
    back = max(int(hand.frames * hand.back), 1)
    speed[turn : turn + back] *= -1
    for start in rng.integers(0, hand.frames, hand.pauses):
        speed[start : start + max(hand.frames // 100, 1)] = 0
    depth = np.cumsum(speed)
    depth = (depth - depth.min()) / np.ptp(depth)
    return -0.12 + 1.24 * depth


def _waver(rng: np.random.Generator, along_mm: np.ndarray) -> np.ndarray:
    """(frame,) from about -1 to 1: three waves along the body, and one of time, so that a way back is another way."""
    wave = 0.25 * np.sin(np.linspace(0, rng.uniform(20, 40), len(along_mm)) + rng.uniform(0, 6))
    for _ in range(3):
        wave += 0.25 * np.sin(2 * np.pi * along_mm / rng.uniform(*_WAVES_MM) + rng.uniform(0, 6))
    return wave


def _turn(radians: np.ndarray) -> np.ndarray:
    """(3, 3) rotations about x, y and z, one after the other."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", radians).as_matrix()


def _voxels(phantom: Phantom, plane: np.ndarray) -> np.ndarray:
    """(3, row, column) slice, row and column of the phantom that each pixel of a plane shows."""
    rows, columns = np.mgrid[: phantom.image.shape[1], : phantom.image.shape[2]]
    points_mm = plane[:3, :3] @ np.stack([columns, rows, 0 * rows]).reshape(3, -1) + plane[:3, 3:]
    voxels = points_mm[::-1] / np.asarray(phantom.spacing_mm)[:, None]
    return voxels.reshape(3, *rows.shape)


def _as_tracked(rng: np.random.Generator, planes: np.ndarray, phantom: Phantom, hand: Hand) -> np.ndarray:
    """The planes with the tracker's errors, about the middle of the probe's face."""
    face = np.array([(phantom.image.shape[2] - 1) / 2, 0, 0, 1])
    tracked = planes.copy()
    for frame, plane in enumerate(planes):
        turn = _turn(np.deg2rad(rng.normal(0, hand.noise_degrees, 3)))
        point = plane[:3] @ face
        tracked[frame, :3, :3] = turn @ plane[:3, :3]
        tracked[frame, :3, 3] = point + rng.normal(0, hand.noise_mm, 3) - tracked[frame, :3, :3] @ face[:3]
    return tracked
