"""Which slices of a muscle are annotated when a network carries them on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.bench.cohort import PAPER_SLICES

NONE, FIRST, SPACED = "none", "first three", "spaced"  # what is given
BEGIN = 0.1  # of the largest area: where the first three slices lie


@dataclass(frozen=True)
class Spacing:
    """Annotated slices at equal distances: `run` adjacent ones every `every`."""

    run: int
    every: int

    @classmethod
    def scaled(cls, every: int, slices: int) -> Spacing:
        """The paper's 3 slices every so many of 1400, for volumes of another number of slices.

        A run spans as much of the volume as there, one slice at least, and the share of annotated slices is the same:
        3, 1.5 and 1 % for every 100, 200 and 300.
        """
        run = max(round(3 * slices / PAPER_SLICES), 1)
        return cls(run, max(round(run * every / 3), run))

    def __str__(self):
        return f"{self.run} slice{'s' if self.run > 1 else ''} every {self.every}"


def first_three(areas: np.ndarray) -> list[int]:
    """Three adjacent slices from the first with at least a tenth of the largest area.

    Args:
        areas: (slice,) of one muscle; one above 0 at least.
    """
    first = min(int(np.flatnonzero(areas >= BEGIN * areas.max())[0]), max(len(areas) - 3, 0))
    return [index for index in range(first, min(first + 3, len(areas))) if areas[index]]


def spaced(areas: np.ndarray, spacing: Spacing) -> list[int]:
    """Runs of slices from the first of `first_three` on, those that hold the muscle."""
    starts = range(first_three(areas)[0], len(areas), spacing.every)
    return [index for start in starts for index in range(start, min(start + spacing.run, len(areas))) if areas[index]]
