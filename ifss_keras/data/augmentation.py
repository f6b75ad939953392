"""Random changes of training clips: of the grey values, of a mask, of the orientation."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def augment_intensity(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The clip with another gamma, contrast, gain, blur, noise and now and then inverted, in [0, 1].

    Args:
        rng: decides.
        image: (slice, row, column), in [0, 1].
    """
    image = image ** np.float32(np.exp(rng.normal(0, 0.2)))
    contrast, offset = np.exp(rng.normal(0, 0.15)), rng.normal(0, 0.05)
    image = (image - 0.4) * np.float32(contrast) + np.float32(0.4 + offset)
    if rng.random() < 0.2:
        image = ndimage.gaussian_filter(image, (0, *([rng.uniform(0.3, 1.2)] * 2)), mode="nearest")
    if rng.random() < 0.25:
        image = image + rng.normal(0, rng.uniform(0.01, 0.06), image.shape).astype(np.float32)
    if rng.random() < 0.05:
        image = 1 - image
    return np.clip(image, 0, 1).astype(np.float32)


def degrade_mask(rng: np.random.Generator, masks: np.ndarray) -> np.ndarray:
    """Masks as wrong and as soft as the network's own after a while, in [0, 1].

    Every slice of the stack is bent by the same smooth displacement, then grown or shrunk and softened.

    Args:
        rng: decides.
        masks: (slice, row, column), 0 or 1.
    """
    _, rows, columns = masks.shape
    scale = rows / 96
    strength = rng.uniform(0, 5) * scale
    coarse = rng.normal(0, 1, (2, 4, 4))
    field = np.stack([ndimage.zoom(part, (rows / 4, columns / 4), order=3) for part in coarse])
    shift = rng.normal(0, 1.2 * scale, 2)
    grid = np.indices((rows, columns)).astype(np.float64)
    grid += strength * field + shift[:, None, None]
    softness, bias = rng.uniform(0.4, 2.5) * scale, rng.normal(0, 0.35)
    bent = np.empty_like(masks)
    for index, mask in enumerate(masks):
        moved = ndimage.map_coordinates(mask, grid, order=1, mode="constant")
        bent[index] = ndimage.gaussian_filter(moved, softness)
    return 1 / (1 + np.exp(-((bent - 0.5) * 6 + bias * 3))).astype(np.float32) * (bent > 0.02)


def flip(rng: np.random.Generator, clip):
    """The clip, mirrored and transposed at random, all its arrays alike.

    Args:
        rng: decides.
        clip: any nested named tuple of arrays (slice, row, column, channel), as many rows as columns; arrays
            of other ranks are left as they are.
    """
    rows, columns, transpose = rng.random(3) < (0.1, 0.5, 0.1)

    def turn(array):
        if isinstance(array, tuple):
            return type(array)(*(turn(part) for part in array))
        if array.ndim != 4:
            return array
        array = array[:, ::-1] if rows else array
        array = array[:, :, ::-1] if columns else array
        return np.ascontiguousarray(array.transpose(0, 2, 1, 3) if transpose else array)

    return turn(clip)
