"""Which slices are shown as pictures: those that nobody has looked at yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

TILES = 12
ANNOTATED_TILES = 3  # of these, at most, annotated slices
FEW = 5  # of slices that nobody drew, at least, even if they lie close together
LEAST_SURE_TILES = 4  # and at most, where the area is known worst


def chosen_slices(first: int, last: int, annotated: Iterable[int], least_sure: Sequence[int] = ()) -> list[int]:
    """At most `TILES` slices from `first` to `last`, ascending.

    First those where the area is known worst; then always the one farthest from all that are chosen or annotated,
    which is half-way between two annotated ones; and a few annotated ones. Without any annotated slice, and where
    all are, they are spread evenly.

    Args:
        first, last: the range.
        annotated: slices that somebody drew.
        least_sure: slices where least is known, the worst first.
    """
    known = sorted({index for index in annotated if first <= index <= last})
    free = np.setdiff1d(np.arange(first, last + 1), known)
    if not known or not free.size:
        return _evenly(list(range(first, last + 1)), TILES)
    near = (last - first) / (2 * TILES)
    chosen = _apart([index for index in least_sure if index in free], near)
    while len(chosen) < min(TILES - min(ANNOTATED_TILES, len(known)), free.size):
        distance = np.abs(free[:, None] - [*chosen, *known]).min(axis=1)
        if distance.max() <= near and len(chosen) >= FEW:
            break
        # of several as far, the one that is farthest from the chosen ones
        alone = np.abs(free[:, None] - chosen).min(axis=1) if chosen else np.zeros(free.size)
        chosen.append(int(free[np.lexsort((-alone, -distance))[0]]))
    return sorted([*chosen, *_evenly(known, ANNOTATED_TILES)])


def _apart(indices: Sequence[int], distance: float) -> list[int]:
    """The first `LEAST_SURE_TILES` of them that are farther than `distance` from each other."""
    chosen: list[int] = []
    for index in indices:
        if len(chosen) < LEAST_SURE_TILES and all(abs(index - other) > distance for other in chosen):
            chosen.append(int(index))
    return chosen


def _evenly(indices: Sequence[int], count: int) -> list[int]:
    """At most `count` of them, the first and the last among these."""
    places = np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(int)
    return [int(indices[place]) for place in places]
