"""Where a hand draws the border of a muscle: inside or outside its fascia, and never twice the same."""

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter

FARTHEST_MM = 1.5
_SMOOTH_PIXELS = 0.7
_WAVES = 4
_WAVELENGTHS_MM = 15.0, 50.0


def draw_borders(seed: int, codes: Iterable[int]) -> dict[int, float]:
    """By how many mm somebody draws the outline of each code outside (positive) or inside, uniform in -1.5 to 1.5."""
    rng = np.random.default_rng([seed, 31])
    return {code: float(rng.uniform(-FARTHEST_MM, FARTHEST_MM)) for code in codes}


def move_borders(
    labels: np.ndarray,
    spacing_mm: tuple[float, float, float],
    offsets_mm: Mapping[int, float],
    wobble_mm: float = 0.0,
    rng: np.random.Generator | int = 0,
) -> np.ndarray:
    """The labels with every outline moved in its plane, (slice, row, column), of the same type.

    A label never takes what another one holds; background that two of them reach goes to the nearer. A small
    cross-section that is moved inside may vanish.

    Args:
        labels: (slice, row, column), unsigned integers.
        spacing_mm: (slice, row, column).
        offsets_mm: code to the move, positive to the outside; codes that are not named stay.
        wobble_mm: standard deviation of a random move on top, for the named codes; smooth along an outline,
            independent from slice to slice and between labels.
        rng: draws the wobble.
    """
    rng = np.random.default_rng(rng)
    offsets = {code: offset for code, offset in sorted(offsets_mm.items()) if offset or wobble_mm}
    most = max((abs(offset) for offset in offsets.values()), default=0.0) + 4 * wobble_mm
    margin = [int(np.ceil(most / spacing)) + 1 for spacing in spacing_mm[1:]]
    return np.stack([_moved(plane, spacing_mm[1:], offsets, wobble_mm, rng, margin) for plane in labels])


def _moved(plane, spacing_mm, offsets, wobble_mm, rng, margin):
    moved = plane.copy()
    nearest = np.full(plane.shape, -np.inf, np.float32)  # what moved labels have of the background, by distance
    for code, offset in offsets.items():
        mask = plane == code
        if not mask.any():
            continue
        held = find_objects(mask.astype(np.uint8))[0]
        box = tuple(slice(max(side.start - more, 0), side.stop + more) for side, more in zip(held, margin, strict=True))
        inside = _signed_distance(mask[box], spacing_mm)
        offset = offset + _wobble(inside.shape, spacing_mm, wobble_mm, rng) if wobble_mm else offset
        moved[box][mask[box] & (inside + offset <= 0)] = 0
        grown = (plane[box] == 0) & (inside + offset > 0) & (inside > nearest[box])
        moved[box][grown] = code
        nearest[box][grown] = inside[grown]
    return moved


def _signed_distance(mask, spacing_mm):
    """The distance in mm to a border half-way between two pixels, positive inside; outside the array is outside."""
    half = float(np.mean(spacing_mm)) / 2
    padded = np.pad(mask, 1)
    within = distance_transform_edt(padded, spacing_mm) - half
    without = distance_transform_edt(~padded, spacing_mm) - half
    distance = np.where(padded, within, -without).astype(np.float32)
    # From pixel to pixel it comes in steps of about one, and a move of half a pixel would be one of none or a whole.
    return gaussian_filter(distance, _SMOOTH_PIXELS)[1:-1, 1:-1]


def _wobble(shape, spacing_mm, wobble_mm, rng):
    """Plane waves in random directions: a field of standard deviation `wobble_mm`, zero on average over its draws."""
    rows, columns = (np.arange(count) * spacing for count, spacing in zip(shape, spacing_mm, strict=True))
    field = np.zeros(shape)
    for _ in range(_WAVES):
        turn, phase = rng.uniform(0, 2 * np.pi, 2)
        number = 2 * np.pi / rng.uniform(*_WAVELENGTHS_MM)
        field += np.cos(number * (np.sin(turn) * rows[:, None] + np.cos(turn) * columns[None, :]) + phase)
    return wobble_mm * np.sqrt(2 / _WAVES) * field
