"""Working copies: volumes of any format as 8-bit arrays that are read from the disk slice by slice.

29 volumes of 1400x512x512 are 21 GB with their labels: they stream from memory-mapped files, which the system keeps in
memory as far as there is room.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.datasets.labels import held_slices, own_names
from ifss_keras.datasets.listing import Case
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.volume import Volume

IMAGE, LABELS, FACTS = "image.npy", "labels.npy", "copy.json"
VERSION = 1
MOST_LABELS = 255  # that 8 bits hold
_BY_CODE = ("codes", "names", "held")
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError)


@dataclass(frozen=True, eq=False)
class WorkingCopy:
    """One volume as training reads it.

    Attributes:
        folder: of the copy.
        image: (slice, row, column) uint8, memory-mapped.
        labels: (slice, row, column) uint8, memory-mapped; 0 is none.
        facts: what copy.json holds: "subject", "spacing_mm" (slice, row, column), "sources" with their fingerprints,
            "intensity" (the grey values that became 0 and 255; null where they are as they were), "shape", "crc32".
        codes: code in `labels` to code in the label file; they differ only where the file has codes above 255.
        names: code in the label file to name, where it has one.
        held: code in `labels` to the slices that it is in, ascending.
    """

    folder: Path
    image: np.ndarray
    labels: np.ndarray
    facts: Mapping[str, Any]
    codes: Mapping[int, int]
    names: Mapping[int, str]
    held: Mapping[int, np.ndarray]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Slice, row, column."""
        return tuple(self.facts["spacing_mm"])

    def is_intact(self) -> bool:
        """Whether both arrays are what was written, by their checksums; reads all of them, slice by slice."""
        return all(_crc32(array) == self.facts["crc32"][name] for name, array in self._arrays().items())

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"image": self.image, "labels": self.labels}


def open_copy(folder: Path) -> WorkingCopy:
    """The working copy in a folder, its arrays not yet read.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts["version"] != VERSION:
            raise ValueError(facts["version"])
        image, labels = (np.load(folder / name, mmap_mode="r") for name in (IMAGE, LABELS))
        codes, names, runs = ({int(code): value for code, value in facts[key].items()} for key in _BY_CODE)
        held = {code: np.concatenate([np.arange(a, b + 1) for a, b in found]) for code, found in runs.items()}
        right = image.shape == labels.shape == tuple(facts["shape"]) and image.dtype == labels.dtype == np.uint8
        if not right or not set(facts["crc32"]) == {"image", "labels"} or len(facts["spacing_mm"]) != 3:
            raise ValueError(folder)
    except _DAMAGED as error:
        raise InputError(
            f"The working copy {folder} is damaged or of another version of ifss: delete the folder to have it made "
            "again."
        ) from error
    return WorkingCopy(folder, image, labels, facts, codes, names, held)


def write_copy(folder: Path, case: Case, sources: Mapping[str, Any]) -> None:
    """Writes the working copy of a case into an empty folder; at any time one volume or less is in memory.

    Grey values of other types than uint8 are mapped linearly from `IntensityRange.from_volume` to 0 to 255 and rounded;
    what is no number becomes 0.

    Args:
        folder: empty.
        case: with labels.
        sources: the fingerprints of its files, as JSON holds them.

    Raises:
        InputError: a file that cannot be used, or more than 255 labels.
        GeometryError: image and labels lie on different grids.
    """
    volume = read_volume(case.image)
    grid = replace(volume, array=np.broadcast_to(np.uint8(0), volume.array.shape))
    intensity, image_crc32 = _write_image(folder / IMAGE, volume)
    del volume  # before the labels are read
    labels = read_labels(case.labels, spacing_mm=grid.spacing_mm, like=grid)
    check_same_grid(grid, labels, str(case.labels), of=str(case.image))
    held = held_slices(labels.array)
    codes = _stored_codes(list(held), case.labels)
    labels_crc32 = _write_labels(folder / LABELS, labels.array, codes)
    in_file = {code: stored for stored, code in codes.items()}
    facts = {
        "version": VERSION,
        "subject": case.subject,
        "shape": list(grid.array.shape),
        "spacing_mm": list(grid.spacing_mm),
        "intensity": None if intensity is None else [intensity.low, intensity.high],
        "codes": codes,
        "names": own_names(case.labels, labels.source.names),
        "held": {in_file[code]: runs(slices) for code, slices in held.items()},
        "crc32": {"image": image_crc32, "labels": labels_crc32},
        "sources": sources,
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    for name in (IMAGE, LABELS, FACTS):  # on the disk before the folder gets its name
        with open(folder / name, "rb") as file:
            os.fsync(file.fileno())


def runs(indices: np.ndarray) -> list[list[int]]:
    """First and last of each run of consecutive numbers, of ascending ones."""
    cuts = np.flatnonzero(np.diff(indices) > 1) + 1
    return [[int(part[0]), int(part[-1])] for part in np.split(indices, cuts) if len(part)]


def _write_image(path: Path, volume: Volume) -> tuple[IntensityRange | None, int]:
    """The range of grey values that was mapped, None where it was not needed, and the checksum."""
    array, crc32 = volume.array, 0
    intensity = None if array.dtype == np.uint8 else IntensityRange.from_volume(array)
    written = np.lib.format.open_memmap(path, "w+", np.uint8, array.shape)
    for index, plane in enumerate(array):
        written[index] = plane if intensity is None else np.rint(255 * intensity.apply(plane)).astype(np.uint8)
        crc32 = zlib.crc32(written[index], crc32)
    written.flush()
    return intensity, crc32


def _write_labels(path: Path, array: np.ndarray, codes: Mapping[int, int]) -> int:
    """The checksum."""
    crc32, in_file = 0, np.array([0, *codes.values()])
    stored = np.array([0, *codes], np.uint8)
    as_they_are = np.array_equal(stored, in_file)
    written = np.lib.format.open_memmap(path, "w+", np.uint8, array.shape)
    for index, plane in enumerate(array):
        written[index] = plane if as_they_are else stored[np.searchsorted(in_file, plane)]
        crc32 = zlib.crc32(written[index], crc32)
    written.flush()
    return crc32


def _stored_codes(codes: list[int], path: Path) -> dict[int, int]:
    """Code as stored to code in the file, ascending; they are the same where all fit into 8 bits."""
    if len(codes) > MOST_LABELS:
        raise InputError(f"{path} holds {len(codes)} labels: expected at most {MOST_LABELS}; keep fewer.")
    stored = codes if not codes or max(codes) <= MOST_LABELS else range(1, len(codes) + 1)
    return dict(zip(stored, codes, strict=True))


def _crc32(array: np.ndarray) -> int:
    crc32 = 0
    for plane in array:
        crc32 = zlib.crc32(np.ascontiguousarray(plane), crc32)
    return crc32
