"""Labels of a data set: on which slices each is, what it is called, and which label of a recipe it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ifss_keras.datasets.listing import is_leg_3d_us

LEG_3D_US = {100: "SOL", 150: "GM", 200: "GL"}  # soleus, gastrocnemius medialis and lateralis
LEAST_SLICES = 8  # that a label must be in to be learnt from; where each one is an annotation
FEWEST_SLICES = 2  # where somebody annotated a few


def codes_in(plane: np.ndarray) -> np.ndarray:
    """The codes above 0 in one slice (row, column), ascending."""
    # counting is several times faster than sorting
    held = np.flatnonzero(np.bincount(plane.ravel())) if plane.dtype == np.uint8 else np.unique(plane)
    return held[held > 0]


def held_slices(labels: Iterable[np.ndarray]) -> dict[int, np.ndarray]:
    """Code to the slices that it is in, both ascending, found slice by slice; 0 is none."""
    found: dict[int, list[int]] = {}
    for index, plane in enumerate(labels):
        for code in codes_in(np.asarray(plane)).tolist():
            found.setdefault(code, []).append(index)
    return {code: np.array(found[code]) for code in sorted(found)}


def own_names(path: Path, in_file: Mapping[int, str]) -> dict[int, str]:
    """Code to name, of the labels that a file names itself, or that its own name says: those of LEG-3D-US."""
    return dict(in_file) or (dict(LEG_3D_US) if is_leg_3d_us(path) else {})


def name_of(code: int, names: Mapping[int, str]) -> str:
    """A label's name, its code where it has none."""
    return names.get(code, str(code))


def recoding(held: Iterable[int], names: Mapping[int, str], wanted: Mapping[int, str]) -> dict[int, int]:
    """Code in a file to code in a recipe, of the labels that are both held and wanted.

    Labels are the same that have the same name, in capitals or not. A wanted label that no name fits is the one of its
    own code, unless that has a name of its own in a file whose names do fit others.

    Args:
        held: codes in the file.
        names: of the file's labels, where it has names.
        wanted: code to name in the recipe.
    """
    by_name = {name.casefold(): code for code, name in names.items()}
    found = {by_name[name.casefold()]: code for code, name in wanted.items() if name.casefold() in by_name}
    by_code = {code: code for code in wanted if code not in found.values() and not (found and code in names)}
    both = by_code | found
    return {code: both[code] for code in held if code in both}
