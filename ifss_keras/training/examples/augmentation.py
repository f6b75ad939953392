"""Random changes of training clips: of the grey values, of a mask, of the orientation."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.special import expit

from ifss_keras.propagation.region import Region
from ifss_keras.propagation.shape import signed_distance


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

    Every slice of the stack is bent by the same smooth displacement, then softened, and grown or shrunk a little: where
    that is much, a network learns that the border of a mask means nothing.

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
    softness, bias = rng.uniform(0.4, 2.5) * scale, rng.normal(0, 0.12)
    bent = np.empty_like(masks)
    for index, mask in enumerate(masks):
        moved = ndimage.map_coordinates(mask, grid, order=1, mode="constant")
        bent[index] = ndimage.gaussian_filter(moved, softness)
    return 1 / (1 + np.exp(-((bent - 0.5) * 6 + bias * 3))).astype(np.float32) * (bent > 0.02)


def lose_part(rng: np.random.Generator, masks: np.ndarray) -> np.ndarray:
    """The masks without what lies beyond a random line, as after a part was lost on the way, in [0, 1].

    The same line for all; 15 to 70 % of the first mask go, and nothing where it is empty.

    Args:
        rng: decides.
        masks: (slice, row, column), in [0, 1].
    """
    rows, columns = np.indices(masks.shape[1:])
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * rows + np.sin(angle) * columns
    kept, sharpness = rng.uniform(0.3, 0.85), rng.uniform(0.5, 2)
    held = along[masks[0] > 0.5]
    if not held.size:
        return masks
    return masks * expit((np.quantile(held, kept) - along) / sharpness).astype(np.float32)


def redraw_mask(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """The mask with its border where another hand would have drawn it, about half a pixel of 96 away, 0 or 1.

    Args:
        rng: decides.
        mask: (row, column), in [0, 1].
    """
    rows, columns = mask.shape
    coarse = rng.normal(0, rng.uniform(0, 1.0) * rows / 96, (2, 6, 6))
    grid = np.indices((rows, columns)).astype(np.float64)
    grid += np.stack([ndimage.zoom(part, (rows / 6, columns / 6), order=1) for part in coarse])
    return (ndimage.map_coordinates(mask, grid, order=1, mode="constant") > 0.5).astype(np.float32)


def move_border(mask: np.ndarray, spacing_mm: tuple[float, float], offset_mm: float) -> np.ndarray:
    """The mask (row, column) bool with its border so far outside of where it was; negative: inside."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found or offset_mm == 0:
        return mask
    reach = [int(np.ceil(max(offset_mm, 0) / step)) + 1 for step in spacing_mm]
    box = tuple(slice(max(side.start - far, 0), side.stop + far) for side, far in zip(found[0], reach, strict=True))
    moved = np.zeros_like(mask)
    moved[box] = signed_distance(mask[box], spacing_mm) > -offset_mm
    return moved


def jitter_region(rng: np.random.Generator, region: Region, shift: float, sizes: tuple[float, float]) -> Region:
    """The region moved by up to `shift` of its side along each axis, and by a factor between `sizes` larger."""
    moved_mm = rng.uniform(-shift, shift, 2) * region.side_mm
    center_mm = (region.center_mm[0] + moved_mm[0], region.center_mm[1] + moved_mm[1])
    return Region(center_mm, region.side_mm * float(rng.uniform(*sizes)), region.shares)


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
