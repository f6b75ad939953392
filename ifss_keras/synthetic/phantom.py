"""Volumes with labels: a calf in ultrasound, shapes without any anatomy, or crowds of structures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.synthetic.anatomy import ENDS, MUSCLES, Calf
from ifss_keras.synthetic.appearance import SHIFTED, TRAINING
from ifss_keras.synthetic.border import move_borders
from ifss_keras.synthetic.fields import pixel_centres, resampling_matrix
from ifss_keras.synthetic.shapes import ShapeScene
from ifss_keras.synthetic.structures import StructureScene
from ifss_keras.synthetic.ultrasound import Ultrasound

LONGEST_MM = 2000
FARTHEST_MM = 50  # that two slices may lie apart: in a file more would be refused
BYTES_PER_VOXEL = 4  # image, labels and copies while they are made and written
_APPEARANCES = {"training": TRAINING, "shifted": SHIFTED}


@dataclass(frozen=True)
class Phantom:
    """A synthetic volume: `image` and `labels` are (slice, row, column) uint8, label 0 is background."""

    image: np.ndarray
    labels: np.ndarray
    spacing_mm: tuple[float, float, float]
    names: dict[int, str]


def calf(
    seed: int,
    *,
    slices: int = 160,
    size: int = 192,
    length_mm: float = 200.0,
    appearance: str = "training",
    ends: str = "tapering",
    border_mm: Mapping[int, float] | None = None,
) -> Phantom:
    """A calf in 3D ultrasound with labels 100 SOL, 150 GM and 200 GL.

    The same seed and length give the same leg and the same echoes whatever `slices` and `size` are.
    `length_mm` runs along the slices; the field of view in plane is square, 95 to 120 mm, and belongs to the
    seed. `appearance` is `"training"` or `"shifted"`: the same leg, seen with settings outside the training
    ranges. Muscles are 0.5 to 0.9 of the length, so leave it near 200 mm for natural proportions. `ends` is
    `"tapering"`, muscles that begin and end as thin as in people, or `"blunt"`. `border_mm` moves the outline of
    the label of a code out (positive) or in, in the labels alone (see `border.draw_borders`); without it the
    labels end where the tissue does.

    Raises:
        InputError: if a count is not positive, the seed is negative, or the appearance or the ends are unknown.
    """
    _check(seed, slices, size, length_mm)
    for name, value, known in (("appearance", appearance, sorted(_APPEARANCES)), ("ends", ends, sorted(ENDS))):
        if value not in known:
            raise InputError(f"{name} must be one of {known}, received {value!r}; choose one of them.")
    leg = Calf(seed, length_mm, ends)
    look = _APPEARANCES[appearance].draw(np.random.default_rng([seed, 5]))
    ultrasound = Ultrasound(seed, leg, look)
    phantom = _phantom(leg, ultrasound, slices, size, length_mm, dict(MUSCLES))
    if border_mm is None:
        return phantom
    return replace(phantom, labels=move_borders(phantom.labels, phantom.spacing_mm, border_mm))


def random_shapes(seed: int, *, slices: int = 160, size: int = 192, length_mm: float = 200.0) -> Phantom:
    """One to three smooth blobs, labels 1 to 3, in random textures and contrasts: no anatomy.

    Like `calf`, the same seed and length give the same scene whatever `slices` and `size` are.

    Raises:
        InputError: if a count is not positive or the seed is negative.
    """
    _check(seed, slices, size, length_mm)
    scene = ShapeScene(seed, length_mm)
    names = {code: f"shape {code}" for code in range(1, len(scene.blobs) + 1)}
    return _phantom(scene, scene, slices, size, length_mm, names)


def crowded_structures(seed: int, *, slices: int = 80, size: int = 128, length_mm: float = 200.0) -> Phantom:
    """Three to nineteen structures side by side, labels from 1 on, in the contrasts of any modality.

    Unlike `calf`, texture and noise belong to the grid that was asked for.

    Raises:
        InputError: if a count is not positive or the seed is negative.
    """
    _check(seed, slices, size, length_mm)
    scene = StructureScene(seed, slices, size, length_mm)
    image, labels = (np.stack(planes) for planes in zip(*map(scene.slice, range(slices)), strict=True))
    spacing_mm = (length_mm / slices, scene.fov_mm / size, scene.fov_mm / size)
    return Phantom(
        image, labels, spacing_mm, {int(code): f"structure {code}" for code in np.unique(labels[labels > 0])}
    )


def _phantom(geometry, images, slices: int, size: int, length_mm: float, names: dict[int, str]) -> Phantom:
    """Labels from `geometry` at the pixels asked for, grey values from the planes of `images`, resampled."""
    pixels = pixel_centres(size, geometry.fov_mm)
    labels = np.empty((slices, size, size), np.uint8)
    for index, z_mm in enumerate(pixel_centres(slices, length_mm)):
        labels[index] = geometry.labels(float(z_mm), pixels, pixels)
    image = _resample(images.plane, images.planes, images.size, slices, size)
    spacing_mm = (length_mm / slices, geometry.fov_mm / size, geometry.fov_mm / size)
    return Phantom(image, labels, spacing_mm, names)


def _check(seed: int, slices: int, size: int, length_mm: float) -> None:
    for name, value, least in (("seed", seed, 0), ("slices", slices, 1), ("size", size, 8)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise InputError(f"{name} must be an integer of at least {least}, received {value!r}; pass a larger one.")
    if not 20 <= length_mm <= LONGEST_MM:
        raise InputError(
            f"length_mm must lie from 20 to {LONGEST_MM} mm, received {length_mm!r}; pass the length along the slices."
        )
    if length_mm / slices > FARTHEST_MM:
        raise InputError(
            f"slices must lie at most {FARTHEST_MM} mm apart, received {slices} over {length_mm:g} mm; pass more."
        )
    check_memory(
        BYTES_PER_VOXEL * int(slices) * int(size) ** 2, f"A phantom of {slices} slices of {size}x{size} pixels"
    )


def _resample(plane: Callable[[int], np.ndarray], planes: int, source: int, slices: int, size: int) -> np.ndarray:
    """The planes on the grid asked for, (slice, row, column) uint8; at most two are held at a time."""
    across = resampling_matrix(source, size)
    held: dict[int, np.ndarray] = {}

    def resampled(index: int) -> np.ndarray:
        if index not in held:
            for old in [key for key in held if key < index - 1]:
                del held[old]
            # The window overshoots beside bright lines; grey values end at 0 and 255.
            held[index] = np.clip(across @ plane(index) @ across.T, 0, 255)
        return held[index]

    image = np.empty((slices, size, size), np.uint8)
    for index in range(slices):
        place = min(max((index + 0.5) * planes / slices - 0.5, 0.0), planes - 1.0)
        first = int(place)
        weight = np.float32(place - first)
        grey = resampled(first)
        if weight > 0:
            grey = (1 - weight) * grey + weight * resampled(first + 1)
        image[index] = (grey + np.float32(0.5)).astype(np.uint8)
    return image
