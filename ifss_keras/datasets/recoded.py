"""Labels under the codes of a recipe, where a data set has others for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import replacing
from ifss_keras.datasets.working_copy import WorkingCopy


def recoded_labels(copy: WorkingCopy, codes: Mapping[int, int], wanted: Mapping[int, str]) -> np.ndarray:
    """(slice, row, column) uint8, memory-mapped: the copy's own labels where these will do, else beside them others.

    Args:
        copy: the working copy; what is made here is kept in its folder.
        codes: code in the copy to the one wanted; where others are made, all further labels are 0 there.
        wanted: code to name of all that are wanted, also of those that the copy does not hold.

    Raises:
        InputError: a code above 255.
    """
    if max(wanted) > 255:
        raise InputError(f"labels: expected codes from 1 to 255, received {max(wanted)}: mend the recipe.")
    taken = {code for code in copy.codes if code not in codes} & set(wanted)  # another label has a wanted code
    if not taken and all(code == other for code, other in codes.items()):
        return copy.labels
    table = np.zeros(256, np.uint8)
    table[list(codes)] = list(codes.values())
    told = json.dumps([copy.facts["crc32"]["labels"], table.tolist()])
    path = copy.folder / f"labels-{hashlib.sha256(told.encode()).hexdigest()[:10]}.npy"
    if not path.exists():
        with replacing(path) as unfinished:
            written = np.lib.format.open_memmap(unfinished, "w+", np.uint8, copy.labels.shape)
            for index, plane in enumerate(copy.labels):
                written[index] = table[plane]
            written.flush()
    return np.load(path, mmap_mode="r")
