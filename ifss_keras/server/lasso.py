"""What is drawn: a closed curve on one slice, and what it makes of the mask there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.core.errors import InputError

REDRAWN = 0.5  # of the mask of a slice: a lasso around more of it draws the whole outline again
SAME = 0.5  # Dice: masks that overlap more than that are of the same muscle
_AXES = ("first", "second", "third")


@dataclass(frozen=True, eq=False)
class Lasso:
    """A closed curve, filled.

    Attributes:
        axis: of the image, across which it lies.
        index: of the slice along that axis.
        mask: bool over the two other axes in their order: the whole slice.
    """

    axis: int
    index: int
    mask: np.ndarray

    @classmethod
    def of(
        cls, drawn: np.ndarray, box: Sequence[Sequence[int]] | None, shape: tuple[int, int, int], axis: int | None
    ) -> Lasso:
        """The lasso that a client sends.

        Args:
            drawn: three axes as the image, 0 outside the curve; the whole image, or the box alone.
            box: first and one after the last voxel along each axis; None for the whole image.
            shape: of the image.
            axis: across which the image's slices are annotated; None before the first is.

        Raises:
            InputError: it does not fit, is empty, or does not lie on one slice of that axis.
        """
        box = [(0, size) for size in shape] if box is None else [tuple(side) for side in box]
        _check_box(drawn.shape, box, shape)
        if not drawn.any():
            raise InputError("The lasso is empty: expected voxels on one slice; draw it again.")
        held = [np.flatnonzero(drawn.any(axis=tuple({0, 1, 2} - {side}))) for side in range(3)]
        flat = [side for side in range(3) if held[side].size == 1]
        across = _across(flat, axis, [side.size for side in held])
        plane = np.moveaxis(drawn, across, 0)[held[across][0]] != 0
        mask = np.zeros([size for side, size in enumerate(shape) if side != across], bool)
        mask[tuple(slice(*side) for number, side in enumerate(box) if number != across)] = plane
        return cls(across, box[across][0] + int(held[across][0]), mask)


def _check_box(drawn: tuple[int, ...], box: list[tuple[int, int]], shape: tuple[int, int, int]) -> None:
    inside = len(box) == 3 and all(0 <= first < after <= size for (first, after), size in zip(box, shape, strict=True))
    if not inside or drawn != tuple(after - first for first, after in box):
        raise InputError(
            f"The lasso has shape {drawn} and lies in {box}: expected a box inside the image of {shape} and a mask of "
            "its size."
        )


def _across(flat: list[int], axis: int | None, sizes: list[int]) -> int:
    """The axis across which a lasso lies that is one voxel thick along each of `flat`."""
    if axis is not None and axis not in flat:
        raise InputError(
            f"The lasso takes {sizes[axis]} slices along the {_AXES[axis]} axis: expected one, as the slices of this "
            f"image are annotated across its {_AXES[axis]} axis; draw in that view, or undo the lassos drawn so far."
        )
    if axis is None and not flat:
        raise InputError(f"The lasso takes {' x '.join(map(str, sizes))} voxels: expected one slice; draw on one.")
    if axis is None and len(flat) > 1:
        raise InputError("The lasso is a line one voxel thick: expected an area on a slice; draw around the muscle.")
    return flat[0] if axis is None else axis


def combined(before: np.ndarray, lasso: np.ndarray, *, adds: bool, annotated: bool) -> np.ndarray:
    """The mask of a slice after a lasso.

    What is drawn is taken away or added. On a slice that is not annotated yet, a lasso around most of the mask found
    there is a new outline, so that what lies outside it goes, too.

    Args:
        before: bool (row, column), the muscle's mask on this slice so far.
        lasso: bool (row, column).
        adds: or takes away.
        annotated: whether the mask so far is a reference, and no mask found by the network.
    """
    if not adds:
        return before & ~lasso
    around = np.count_nonzero(before & lasso) > REDRAWN * np.count_nonzero(before)
    return lasso.copy() if around and not annotated else before | lasso


def most_alike(mask: np.ndarray, labels: np.ndarray) -> int | None:
    """The label code whose mask overlaps another by more than `SAME`; None if there is none.

    Args:
        mask: bool, two axes or three.
        labels: codes 0 to 255 of the same shape.
    """
    shared = np.bincount(labels[mask], minlength=256)[1:]
    sizes = sum(np.bincount(line.ravel(), minlength=256)[1:] for line in labels)  # it takes 8 bytes for each voxel
    dice = 2 * shared / np.maximum(sizes + np.count_nonzero(mask), 1)
    return int(dice.argmax()) + 1 if dice.max() > SAME else None


def annotated_axis(label: np.ndarray) -> int:
    """The axis of a mask (bool, not empty) across which single slices are drawn; the first where all are."""
    held = [np.flatnonzero(label.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    hulls = [int(slices[-1] - slices[0]) + 1 for slices in held]
    return min(range(3), key=lambda axis: (hulls[axis] > 1, held[axis].size / hulls[axis]))
