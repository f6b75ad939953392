"""Data sets as nnU-Net v2 takes them.

Format: https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md; sparse annotation:
https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/ignore_label.md
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ifss_keras import __version__
from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.datasets.labels import held_slices, own_names
from ifss_keras.datasets.listing import Case, Dataset, stem_and_suffix
from ifss_keras.exports.common_labels import CommonLabels, FileLabels, common_labels
from ifss_keras.volumes.grid import check_same_grid
from ifss_keras.volumes.io import read_labels, read_volume, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

ENDING = ".nii.gz"
_NAME = re.compile(r"Dataset(\d{3})_[A-Za-z0-9][\w-]*", re.ASCII)
_UPRIGHT = 1e-4  # cosine between two axes from which on ITK, which nnU-Net reads with, takes them for sheared


@dataclass(frozen=True)
class Member:
    """A volume of the data set.

    Attributes:
        name: what nnU-Net knows it by.
        case: where it is from.
    """

    name: str
    case: Case

    @property
    def part(self) -> str:
        """ "Tr" if nnU-Net may train on it; "Ts" if it is for a test, or not annotated."""
        return "Ts" if self.case.split == "test" or self.case.labels is None else "Tr"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        members: the volumes.
        labels: name to code, as in dataset.json.
    """

    members: tuple[Member, ...]
    labels: Mapping[str, int]

    def count(self, part: str) -> int:
        """How many volumes are in "Tr" or in "Ts"."""
        return sum(member.part == part for member in self.members)


def check_dataset_place(folder: Path) -> None:
    """Refuses a folder that is there, or whose name or number nnU-Net would not take.

    Raises:
        InputError: naming it.
    """
    match = _NAME.fullmatch(folder.name)
    if not match:
        raise InputError(
            f"{folder} is no name of a data set of nnU-Net: expected Dataset, three digits, _ and letters and digits, "
            "such as Dataset501_Legs; give such a name."
        )
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is there already: expected a new folder; give another name, or remove it.")
    for other in folder.parent.glob(f"Dataset{match[1]}_*"):
        raise InputError(f"{other} has the number {match[1]} already: expected one data set a number; give another.")


def write_dataset(
    folder: Path,
    dataset: Dataset,
    *,
    names: Mapping[int, str],
    sparse: bool = False,
    channel: str = "ultrasound",
    licence: str = "not stated",
    max_gb: float | None = None,
    progress: Progress = silent,
) -> Written:
    """Writes a raw data set of nnU-Net into an empty folder; at any time one volume and its labels are in memory.

    Images keep their type and their grid; labels lie on it to the last bit, numbered 1, 2, ... (`common_labels`).
    Volumes of the split "test" go to imagesTs, their labels to labelsTs, and so do images without labels. Where the
    data set names a validation, splits_final.json says so. cases.csv tells which file each volume is from.

    Args:
        folder: its name is the data set's.
        dataset: with an annotated volume outside of "test".
        names: code to name, before those of the files.
        sparse: slices without any label are not known, nnU-Net's label "ignore"; otherwise they are background.
        channel: what nnU-Net is told the images are; by "CT" it does not scale each by itself.
        licence: of the data.
        max_gb: see `check_memory`.
        progress: told of "volumes", how many files are read, and "labels", how many are numbered.

    Raises:
        InputError: a file that cannot be used, or labels that do not go together.
        GeometryError: an image and its labels lie on different grids.
    """
    members = members_of(dataset)
    if not any(member.part == "Tr" for member in members):
        raise InputError(
            f"The data set {dataset.path} has no annotated volume outside of test: expected one or more; add one."
        )
    done, cases = Counter(progress, "volumes", len(members)), []
    for member in members:
        cases.append(_write_case(folder, member, names, max_gb))
        done()
    held = {member: case.labels for member, case in zip(members, cases, strict=True) if case.labels is not None}
    _refuse_what_labels_lack(dataset, names, held.values(), sparse)
    labels = common_labels(list(held.values()))
    ignore = len(labels.names) + 1 if sparse else None
    done = Counter(progress, "labels", len(held))
    for member, numbers in zip(held, labels.numbers, strict=True):
        _renumber(_labels_path(folder, member), numbers, ignore)
        done()
    written = Written(members, _label_codes(labels, ignore))
    facts = {
        "channel_names": {"0": channel},
        "labels": dict(written.labels),
        "numTraining": written.count("Tr"),
        "file_ending": ENDING,
        "name": folder.name,
        "description": f"{len(members)} volumes of {len({member.case.subject for member in members})} subjects",
        "licence": licence,
        "converted_by": f"ifss_keras {__version__}",
    }
    if any(case.sheared for case in cases):
        facts["overwrite_image_reader_writer"] = "NibabelIO"
    _write_facts(folder, members, facts)
    return written


def members_of(dataset: Dataset) -> tuple[Member, ...]:
    """The volumes, named by their subjects, and by their files too where a subject has several."""
    subjects = [case.subject for case in dataset.cases]
    members, taken = [], set()
    for case in dataset.cases:
        several = subjects.count(case.subject) > 1
        told = f"{case.subject}_{stem_and_suffix(case.image)[0]}" if several else case.subject
        plain = re.sub(r"[^A-Za-z0-9-]+", "_", told).strip("_") or "case"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.casefold())
        members.append(Member(name, case))
    return tuple(members)


@dataclass(frozen=True)
class _Case:
    """What is known of a volume once it is written: its labels, if any, and whether its axes are sheared."""

    labels: FileLabels | None
    sheared: bool


def _write_case(folder: Path, member: Member, names: Mapping[int, str], max_gb: float | None) -> _Case:
    """Writes image and labels, these by their own codes."""
    case = member.case
    volume = read_volume(case.image, max_gb=max_gb)
    if volume.array.dtype.kind == "f" and not all(np.isfinite(plane).all() for plane in volume.array):
        raise InputError(f"{case.image} holds values that are no numbers: expected none, as nnU-Net does; mend it.")
    # without the NIfTI header: a new one says the place once, in mm, for whatever reads it
    grid = replace(volume, source=replace(volume.source, nifti_header=None))
    image_path = folder / f"images{member.part}" / f"{member.name}_0000{ENDING}"
    image_path.parent.mkdir(exist_ok=True)
    write_volume(image_path, volume.array, grid)
    if case.labels is None:
        return _Case(None, _sheared(volume))
    labels = read_labels(case.labels, spacing_mm=volume.spacing_mm, max_gb=max_gb, like=volume)
    check_same_grid(volume, labels, str(case.labels), of=str(case.image))
    labels_path = _labels_path(folder, member)
    labels_path.parent.mkdir(exist_ok=True)
    write_labels(labels_path, labels.array, grid)
    codes = tuple(held_slices(labels.array))
    known = own_names(case.labels, labels.source.names) | dict(names)
    return _Case(FileLabels(case.labels, codes, known), _sheared(volume))


def _labels_path(folder: Path, member: Member) -> Path:
    return folder / f"labels{member.part}" / f"{member.name}{ENDING}"


def _renumber(path: Path, numbers: Mapping[int, int], ignore: int | None) -> None:
    """Writes a label file again, by other codes; slices without a label become `ignore`, unless it is None."""
    labels = read_labels(path)
    codes, told = np.array([0, *numbers]), np.array([0, *numbers.values()], np.uint8)
    renumbered = np.empty(labels.array.shape, np.uint8)
    for index, plane in enumerate(labels.array):
        renumbered[index] = told[np.searchsorted(codes, plane)]
        if ignore is not None and not plane.any():
            renumbered[index] = ignore
    write_labels(path, renumbered, labels)


def _label_codes(labels: CommonLabels, ignore: int | None) -> dict[str, int]:
    found = {"background": 0} | {name: number for number, name in enumerate(labels.names, 1)}
    return found | ({} if ignore is None else {"ignore": ignore})


def _write_facts(folder: Path, members: Sequence[Member], facts: Mapping) -> None:
    (folder / "dataset.json").write_text(json.dumps(facts, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
    trained = [member for member in members if member.part == "Tr"]
    validated = [member.name for member in trained if member.case.split == "validation"]
    if validated:
        fold = {"train": [member.name for member in trained if member.name not in validated], "val": validated}
        (folder / "splits_final.json").write_text(json.dumps([fold], indent=4) + "\n", encoding="utf-8")
    with open(folder / "cases.csv", "w", newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "subject", "image", "labels", "split"])
        for member in members:
            case = member.case
            rows.writerow([member.name, case.subject, case.image, case.labels or "", case.split or ""])


def _refuse_what_labels_lack(
    dataset: Dataset, names: Mapping[int, str], files: Iterable[FileLabels], sparse: bool
) -> None:
    held = {code for file in files for code in file.codes}
    for code in sorted(set(names) - held):
        raise InputError(
            f"The data set {dataset.path} has no label {code}: expected codes that it holds; leave that one out.",
            setting="labels",
        )
    for file in files:
        if sparse and not file.codes:
            raise InputError(f"{file.path} holds no label: expected an annotated slice or more; leave that volume out.")


def _sheared(volume: Volume) -> bool:
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > _UPRIGHT)
