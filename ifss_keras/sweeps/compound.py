"""Volumes and labels made of the frames of a tracked sweep, for display.

As PLUS does it: every pixel is put where its pose says, and what falls into one voxel is averaged (Boisvert, Gobbi,
Vikal, Rohling, Fichtinger, Abolmaesumi: An open-source solution for interactive acquisition, processing and transfer of
interventional ultrasound images, 2008; https://plustoolkit.github.io). A volume of a muscle needs none of this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.core.progress import Progress, silent
from ifss_keras.sweeps import holes
from ifss_keras.sweeps.grid import Grid
from ifss_keras.sweeps.splat import BLOCK_PIXELS, BYTES_PER_PIXEL, LINEAR, WEIGHTINGS, Splatter
from ifss_keras.volumes.volume import Volume, present_codes

_MOST_FILL_VOXELS = 64
_SUMS_BYTES = 8  # of a voxel: two float32
_MASKS_BYTES = 2
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Compounded:
    """Voxels that were made of a sweep.

    Attributes:
        volume: their values on their grid; 0 where nothing is known.
        seen: share of the voxels that pixels fell into.
        filled: share of those that lie between and were filled.
    """

    volume: Volume
    seen: float
    filled: float


@dataclass(frozen=True)
class Compounding:
    """How voxels are made.

    Attributes:
        spacing_mm: of the voxels, in all directions.
        weighting: see `Splatter`.
        fill_mm: how far from what was seen holes are filled, rounded up to whole voxels; None for the median distance
            of frames, 0 for not at all.
        max_gb: the most memory for it, in 10^9 bytes; None for what is free.
    """

    spacing_mm: float = 0.5
    weighting: str = LINEAR
    fill_mm: float | None = None
    max_gb: float | None = None

    def grid(self, volume: Volume) -> Grid:
        """Of a sweep.

        Raises:
            InputError: it is none, or settings that cannot be used, or too little memory is allowed.
        """
        if volume.sweep is None:
            raise InputError(
                f"{volume.source.path or 'The volume'} is no tracked sweep: expected frames with their poses; give "
                "the poses.",
                setting="poses",
            )
        if self.weighting not in WEIGHTINGS:
            raise InputError(f"weighting {self.weighting!r} is unknown: expected one of {', '.join(WEIGHTINGS)}.")
        grid = Grid.around(volume.sweep, *volume.array.shape[1:], self.spacing_mm)
        if not 0 <= self.fill_in_mm(volume) <= _MOST_FILL_VOXELS * self.spacing_mm:
            raise InputError(
                f"Holes of {self.fill_in_mm(volume):g} mm cannot be filled: expected 0 to {_MOST_FILL_VOXELS} voxels "
                f"of {self.spacing_mm:g} mm; give less.",
                setting="fill_mm",
            )
        reach = self.reach(volume)
        itemsize = max(volume.array.dtype.itemsize, 4)
        needed = math.prod(grid.shape) * (_SUMS_BYTES + _MASKS_BYTES + itemsize) + BLOCK_PIXELS * BYTES_PER_PIXEL
        needed += holes.slab_voxels(grid.shape, reach) * holes.BYTES_PER_VOXEL if reach else 0
        size = " x ".join(map(str, grid.shape))
        check_memory(needed, f"A grid of {size} voxels for this sweep", self.max_gb, settable=True)
        return grid

    def fill_in_mm(self, volume: Volume) -> float:
        """How far from what was seen holes of a sweep are filled."""
        return volume.spacing_mm[0] if self.fill_mm is None else self.fill_mm

    def reach(self, volume: Volume) -> int:
        """The same in whole voxels."""
        return math.ceil(self.fill_in_mm(volume) / self.spacing_mm - _ROUNDING)


def compound(volume: Volume, how: Compounding, *, progress: Progress = silent) -> Compounded:
    """The mean of the pixels in each voxel, in the image's own type; frames that overlap are averaged.

    Frames are taken one by one: beside the image and the result there are two numbers for a voxel, and a block of
    pixels. Frames that were not tracked are left out.

    Args:
        volume: a sweep.
        how: it is done.
        progress: told of "frames".

    Raises:
        InputError: see `Compounding.grid`.
    """
    grid = how.grid(volume)
    splatter = Splatter(volume.sweep, grid, how.weighting)
    total, weight = splatter.zeros(), splatter.zeros()
    splatter.add(volume.array, total, weight, progress=progress)
    known = weight > 0
    np.divide(total, weight, out=total, where=known)
    del weight
    values, known = total.reshape(grid.shape), known.reshape(grid.shape)
    reach = how.reach(volume)
    filled = holes.fill_grey(values, known, reach) if reach else np.zeros(known.shape, bool)
    return _compounded(grid, _in_type(values, volume.array.dtype), known, filled)


def compound_labels(volume: Volume, labels: np.ndarray, how: Compounding, *, progress: Progress = silent) -> Compounded:
    """The label that most pixels in each voxel have, by their weights; between frames, that which most have around.

    Args:
        volume: the sweep.
        labels: (frame, row, column) codes; 0 is no label, and counts as one.
        how: it is done, as for the image.
        progress: told of "frames", for each label anew.

    Raises:
        GeometryError: other frames than the sweep's.
        InputError: see `Compounding.grid`.
    """
    if labels.shape != volume.array.shape:
        raise GeometryError(
            f"The labels have shape {labels.shape}: expected that of the sweep, {volume.array.shape} (frame, row, "
            "column); save them on its frames."
        )
    grid = how.grid(volume)
    splatter = Splatter(volume.sweep, grid, how.weighting)
    most, votes = splatter.zeros(), splatter.zeros()
    codes = np.zeros(most.size, labels.dtype)
    known = np.zeros(most.size, bool)
    present = sorted({0, *present_codes(labels)})
    for code in present:
        votes[:] = 0
        splatter.add(_Holding(labels, code), votes, progress=progress)
        known |= votes > 0
        codes[votes > most] = code
        np.maximum(most, votes, out=most)
    del most, votes
    codes, known = codes.reshape(grid.shape), known.reshape(grid.shape)
    reach = how.reach(volume)
    filled = holes.fill_labels(codes, known, reach, present) if reach else np.zeros(known.shape, bool)
    return _compounded(grid, codes, known, filled)


class _Holding:
    """Frames in which 1 is a code and 0 any other, each made when it is asked for."""

    def __init__(self, labels: np.ndarray, code: int):
        self.labels, self.code = labels, code

    def __getitem__(self, frame: int) -> np.ndarray:
        return self.labels[frame] == self.code


def _in_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers in the type of the image, whole ones rounded."""
    if dtype.kind not in "iu":
        return values
    return np.rint(values, out=values).astype(dtype)


def _compounded(grid: Grid, array: np.ndarray, known: np.ndarray, filled: np.ndarray) -> Compounded:
    return Compounded(grid.volume(array), float(known.mean()), float(filled.mean()))
