"""How slices are turned for the eye: as radiologists look at them where it is known how the body lies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ifss_keras.volumes.volume import Volume

TOWARDS = ("RL", "AP", "SI")  # letters at the positive and the negative end of the axes of RAS millimetres
UNKNOWN = "?"
SIDEWAYS = 0.4  # an axis that runs this far along another direction, too, gets that letter as well


@dataclass(frozen=True)
class View:
    """How a slice (row, column) becomes a picture, and what stands at its edges.

    Attributes:
        transposed: rows of the slice are columns of the picture.
        flipped_down, flipped_right: the picture's rows, columns run against the array's; after the transposition.
        top, bottom, left, right: letters at the edges of the picture, `?` where it is not known.
        first, last: letters of the ends of the volume along its slices.
    """

    transposed: bool = False
    flipped_down: bool = False
    flipped_right: bool = False
    top: str = UNKNOWN
    bottom: str = UNKNOWN
    left: str = UNKNOWN
    right: str = UNKNOWN
    first: str = UNKNOWN
    last: str = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether it is known how the body lies."""
        return self.top != UNKNOWN

    @classmethod
    def of(cls, volume: Volume) -> View:
        """The view of a volume's slices: as they are stored unless it is known how the body lies.

        Known, they are seen from the feet (axial), from the front (coronal) or from the left (sagittal): right or
        front on the left, front or head above. So both axes of the picture run from + to - in RAS.
        """
        if not volume.source.oriented:
            return cls()
        axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
        # the nearest direction for each axis, all different
        _, row_direction, column_direction = max(
            permutations(range(3)), key=lambda directions: np.abs(axes[directions, range(3)]).sum()
        )
        transposed = bool(row_direction < column_direction)
        down, right = (axes[:, 2], axes[:, 1]) if transposed else (axes[:, 1], axes[:, 2])
        flipped_down = bool(down[max(row_direction, column_direction)] > 0)
        flipped_right = bool(right[min(row_direction, column_direction)] > 0)
        down, right = -down if flipped_down else down, -right if flipped_right else right
        ends = (end for axis in (down, right, axes[:, 0]) for end in (_letters(-axis), _letters(axis)))
        return cls(transposed, flipped_down, flipped_right, *ends)

    def turned(self, plane: np.ndarray) -> np.ndarray:
        """The slice (row, column) as it is shown."""
        shown = plane.T if self.transposed else plane
        return shown[:: -1 if self.flipped_down else 1, :: -1 if self.flipped_right else 1]

    def spacing_mm(self, row_mm: float, column_mm: float) -> tuple[float, float]:
        """Distance of neighbouring rows and columns of what is shown."""
        return (column_mm, row_mm) if self.transposed else (row_mm, column_mm)


AS_STORED = View()


def _letters(axis: np.ndarray) -> str:
    """Where an axis (R, A, S; of length 1) runs to: the letter of its main direction, and of others it leans to."""
    order = np.argsort(-np.abs(axis), kind="stable")
    return "".join(
        TOWARDS[place][0 if axis[place] > 0 else 1]
        for rank, place in enumerate(order)
        if rank == 0 or abs(axis[place]) > SIDEWAYS
    )
