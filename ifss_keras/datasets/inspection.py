"""What is known of each volume of a data set, and what is wrong with it, before hours are spent on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.records import sha256_of_all
from ifss_keras.datasets.labels import LEAST_SLICES, codes_in, held_slices, name_of, own_names
from ifss_keras.datasets.listing import Case
from ifss_keras.datasets.working_copy import MOST_LABELS, runs
from ifss_keras.volumes.formats.registry import file_of, files_of
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.volume import Volume

MOST_ANISOTROPIC = 20.0  # largest over smallest spacing; more is most often a mistake
_SHOWN_RUNS = 4  # of slices that are named in a finding


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in a sentence that names the file; an error stops a training."""

    severity: Literal["error", "warning"]
    text: str


@dataclass(frozen=True)
class LabelFacts:
    """One label in one volume.

    Attributes:
        code, name: of the label.
        slices: how many it is in.
        volume_ml: of all its voxels.
    """

    code: int
    name: str
    slices: int
    volume_ml: float


@dataclass(frozen=True)
class CaseFacts:
    """What is known of one volume.

    Attributes:
        case: which one.
        shape: (slice, row, column).
        spacing_mm: (slice, row, column).
        sha256: of the image's file, or of its files together; behind it the name of the part that it is of a file.
        labels: those that it holds, by their codes.
    """

    case: Case
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    sha256: str
    labels: tuple[LabelFacts, ...] = field(default=())


Look = Callable[[CaseFacts, Volume, Volume], None]  # is shown an annotated volume and its labels while both are there


def inspect_case(case: Case, look: Look | None = None) -> tuple[CaseFacts | None, list[Finding]]:
    """What is known of a volume, None if it cannot be read, and what is wrong with it.

    Only the image and the labels of this one are in memory, in their own types; both are looked at slice by slice.
    """
    try:
        volume = read_volume(case.image)
    except InputError as error:
        return None, [Finding("error", str(error))]
    facts = CaseFacts(case, volume.array.shape, volume.spacing_mm, _sha256(case.image))
    findings = [*_of_spacing(volume, case.image), *_of_image(volume.array, case.image)]
    if case.labels is None:
        return facts, [*findings, Finding("warning", f"{case.image} has no label file, so it is not trained on.")]
    try:
        labels = read_labels(case.labels, spacing_mm=volume.spacing_mm, like=volume)
        check_same_grid(volume, labels, str(case.labels), of=str(case.image))
    except InputError as error:
        return facts, [*findings, Finding("error", str(error))]
    names = own_names(case.labels, labels.source.names)
    held = held_slices(labels.array)
    facts = CaseFacts(**{**vars(facts), "labels": _label_facts(labels, held, names)})
    findings += _of_labels(labels.array, held, names, case.labels)
    if look is not None:
        look(facts, volume, labels)
    return facts, findings


def _sha256(path: Path) -> str:
    return sha256_of_all(files_of(path)) + path.name.removeprefix(file_of(path).name)


def slices_told(indices: Iterable[int]) -> str:
    """Slices in words: "slice 4", "slices 4, 7 to 9"; of many runs the first ones."""
    indices = np.asarray(indices)
    found = runs(indices)
    told = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in found[:_SHOWN_RUNS])
    more = f" and {len(indices) - sum(b - a + 1 for a, b in found[:_SHOWN_RUNS])} more"
    return f"slice{'s' if len(indices) > 1 else ''} {told}{more if len(found) > _SHOWN_RUNS else ''}"


def _label_facts(labels: Volume, held: Mapping[int, np.ndarray], names: Mapping[int, str]) -> tuple[LabelFacts, ...]:
    voxels = dict.fromkeys(held, 0)
    for plane in labels.array:
        for code in codes_in(plane).tolist():
            voxels[code] += int(np.count_nonzero(plane == code))
    return tuple(
        LabelFacts(code, name_of(code, names), len(at), voxels[code] * labels.voxel_volume_ml)
        for code, at in held.items()
    )


def _of_spacing(volume: Volume, path: Path) -> Iterable[Finding]:
    told = " x ".join(f"{size:.4g}" for size in volume.spacing_mm)
    if volume.spacing_mm == (1.0, 1.0, 1.0):
        yield Finding(
            "warning",
            f"{path} says {told} mm, which programs write that know no spacing: check it; mend its header.",
        )
    if max(volume.spacing_mm) > MOST_ANISOTROPIC * min(volume.spacing_mm):
        yield Finding(
            "warning",
            f"{path} says voxels of {told} mm (slice, row, column): expected at most {MOST_ANISOTROPIC:g} times as "
            "long as wide; check the header.",
        )


def _of_image(array: np.ndarray, path: Path) -> Iterable[Finding]:
    empty, doubled, before, values = [], [], None, set()
    for index, plane in enumerate(array):
        finite = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        values |= {finite.min(), finite.max()} if finite.size else set()
        if not finite.any():
            empty.append(index)
        elif before is not None and np.array_equal(plane, before):
            doubled.append(index)
        before = plane
    if len(values) < 2:
        yield Finding("error", f"{path} is constant: expected an image, received one grey value; export it again.")
        return
    if empty:
        yield Finding("warning", f"{path} is empty on {slices_told(empty)}: expected an image there; cut them off.")
    if doubled:
        yield Finding(
            "warning", f"{path} repeats the slice before on {slices_told(doubled)}: expected others; export it again."
        )


def _of_labels(
    labels: np.ndarray, held: Mapping[int, np.ndarray], names: Mapping[int, str], path: Path
) -> Iterable[Finding]:
    if len(held) > MOST_LABELS:
        yield Finding("error", f"{path} holds {len(held)} labels: expected at most {MOST_LABELS}; keep fewer.")
        return
    if not held:
        yield Finding("warning", f"{path} is empty: expected a label, received none; annotate it, or leave it out.")
    at_border = _at_border(labels)
    for code, at in held.items():
        told = f"{path}: {name_of(code, names)}"
        gaps = np.setdiff1d(np.arange(at[0], at[-1] + 1), at)
        if gaps.size:
            yield Finding(
                "warning",
                f"{told} is missing on {slices_told(gaps)}, between slices that hold it: expected it there, too, "
                "unless only some slices were annotated (supervision: files in a recipe).",
            )
        if len(at) < LEAST_SLICES:
            yield Finding(
                "warning", f"{told} is in {len(at)} slices: expected {LEAST_SLICES} or more, so it is not learnt from."
            )
        if code in at_border:
            yield Finding(
                "warning",
                f"{told} reaches the border of the image on {slices_told(at_border[code])}: its volume is cut off "
                "there; check the annotation.",
            )


def _at_border(labels: np.ndarray) -> dict[int, list[int]]:
    """Code to the slices on which it is in the first or last row or column."""
    found: dict[int, list[int]] = {}
    for index, plane in enumerate(labels):
        edges = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
        for code in codes_in(edges).tolist():
            found.setdefault(code, []).append(index)
    return found
