"""Which volumes a data set has, of whom, and what each is for: read from a CSV or from the names in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifss_keras.core.csv_lines import csv_lines
from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.dicom.series import holds_dicom
from ifss_keras.volumes.formats.registry import suffix_of

COLUMNS = ("subject", "image", "labels", "split")
SPLITS = {"train": "train", "training": "train", "val": "validation", "validation": "validation", "test": "test"}
UNDERSTOOD = (
    "a CSV subject,image,labels[,split]; x1.mha beside masksX1.mha (LEG-3D-US); NAME.nii.gz beside NAME_labels.nii.gz, "
    "NAME_mask.nii.gz, NAME_seg.nii.gz or NAME.seg.nrrd; a folder for each subject with image.nii.gz and "
    "labels.nii.gz or mask.nii.gz; each of these also in the folders train, val and test, with .seg.dcm in place of "
    ".seg.nrrd, and with the folder of a DICOM series as NAME or image; imagesTr/NAME_0000.nii.gz with "
    "labelsTr/NAME.nii.gz (nnU-Net)"
)

_MARK = re.compile(r"[_-](labels?|masks?|seg|segmentation)$", re.IGNORECASE)
_LABELS_FILE = re.compile(r"(labels?|masks?|seg|segmentation)$", re.IGNORECASE)
_LEG_LABELS, _LEG_IMAGE = re.compile(r"masksX(\d+)$"), re.compile(r"x(\d+)$")
_SEGMENTS = (".seg.nrrd", ".seg.dcm")  # suffixes that images do not have
_CHANNEL = re.compile(r"_(\d{4})$")


@dataclass(frozen=True)
class Case:
    """One volume of a data set.

    Attributes:
        subject: whom it shows; several cases may show one.
        image: its file.
        labels: their file; None if it is not annotated.
        split: "train", "validation" or "test"; None if the data set does not say.
    """

    subject: str
    image: Path
    labels: Path | None = None
    split: str | None = None


@dataclass(frozen=True)
class Dataset:
    """The volumes in a folder or a CSV, in the order of their subjects' names.

    Attributes:
        path: of the folder or the CSV.
        cases: one for each volume.
    """

    path: Path
    cases: tuple[Case, ...]


def read_dataset(path: str | Path) -> Dataset:
    """The data set in a folder or a CSV, see `UNDERSTOOD`; no volume is opened.

    Raises:
        InputError: there is none, a line of the CSV that cannot be used, or a folder in which nothing fits.
    """
    path = Path(path)
    if path.is_dir():
        cases = _cases_in_folder(path)
    elif path.is_file():
        cases = _cases_in_csv(path)
    else:
        raise InputError(f"The data set {path} does not exist: expected a folder or a CSV; check the path.")
    if not cases:
        raise InputError(f"The data set {path} has no volume that is understood: expected {UNDERSTOOD}.")
    return Dataset(path, tuple(sorted(cases, key=lambda case: (_natural(case.subject), _natural(str(case.image))))))


def splits(dataset: Dataset, validation_share: float, seed: int) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The annotated cases to train on and those to validate on, never one of the split "test".

    Where the data set names no validation, subjects are drawn: the same seed gives the same ones.

    Args:
        dataset: of two subjects or more.
        validation_share: of the subjects, at least one on either side.
        seed: decides which.

    Raises:
        InputError: fewer than two subjects, nothing on one side, or a subject in two splits.
    """
    for subject, held in subjects_in_two_splits(dataset.cases).items():
        raise InputError(
            f"The data set {dataset.path} has the subject {subject} in the splits {' and '.join(held)}: expected each "
            "subject in one, as what is trained on says nothing when it is validated on; mend the names or the CSV."
        )
    usable = [case for case in dataset.cases if case.labels is not None and case.split != "test"]
    named = tuple(case for case in usable if case.split == "validation")
    if named:
        held_out = {case.subject for case in named}
    else:
        held_out = _drawn(sorted({case.subject for case in usable}, key=_natural), validation_share, seed, dataset.path)
    training = tuple(case for case in usable if case.subject not in held_out)
    if not training:
        raise InputError(
            f"The data set {dataset.path} has nothing to train on: expected annotated volumes outside of validation "
            "and test, received none; mend its splits."
        )
    return training, tuple(case for case in usable if case.subject in held_out)


def subjects_in_two_splits(cases: Iterable[Case]) -> dict[str, list[str]]:
    """Subject to its splits, of those that are in more than one; where no split is named counts as training."""
    held: dict[str, set[str]] = {}
    for case in cases:
        held.setdefault(case.subject, set()).add(case.split or "train")
    return {subject: sorted(names) for subject, names in held.items() if len(names) > 1}


def stem_and_suffix(path: Path) -> tuple[str, str | None]:
    """A file's name without the suffix of its format, and that suffix; None if no volume has such a suffix."""
    suffix = suffix_of(path)
    return (path.name[: -len(suffix)] if suffix else path.stem), suffix


def is_leg_3d_us(labels: Path) -> bool:
    """Whether a label file is named as those of LEG-3D-US are."""
    return bool(_LEG_LABELS.match(stem_and_suffix(labels)[0]))


def _drawn(subjects: list[str], share: float, seed: int, path: Path) -> set[str]:
    if len(subjects) < 2:
        raise InputError(
            f"The data set {path} has {len(subjects)} annotated subject{'s' if len(subjects) != 1 else ''} outside of "
            "test: expected 2 or more, one to train on and another to validate on; add a subject."
        )
    count = min(max(round(share * len(subjects)), 1), len(subjects) - 1)
    return {subjects[place] for place in np.random.default_rng([seed, 11]).permutation(len(subjects))[:count]}


# folders


def _cases_in_folder(folder: Path) -> list[Case]:
    if (folder / "imagesTr").is_dir():
        return [*_nnunet(folder, "Tr", None), *_nnunet(folder, "Ts", "test")]
    parts = {entry: SPLITS[entry.name.lower()] for entry in _folders(folder) if entry.name.lower() in SPLITS}
    if parts:
        return [case for part, split in parts.items() for case in _cases_in_place(part, split)]
    return _cases_in_place(folder, None)


def _nnunet(folder: Path, part: str, split: str | None) -> Iterator[Case]:
    """The first channel of each case."""
    labels = {stem: path for stem, path, _ in _volumes(folder / f"labels{part}")}
    for stem, path, _ in _volumes(folder / f"images{part}"):
        channel = _CHANNEL.search(stem)
        if channel is None or channel[1] == "0000":
            name = _CHANNEL.sub("", stem)
            yield Case(name, path, labels.get(name), split)


def _cases_in_place(folder: Path, split: str | None) -> list[Case]:
    """The pairs of files in a folder, and those in its subjects' folders; with pairs, also images without labels."""
    images, labels = _by_name(folder)
    images |= {name: folder / name for name in labels if name not in images and _is_dicom_folder(folder / name)}
    cases = [Case(name, path, labels.get(name), split) for name, path in images.items()] if labels else []
    for entry in _folders(folder):
        held = {"image": [], "labels": []}
        for stem, path, suffix in _volumes(entry):
            if suffix in _SEGMENTS or _LABELS_FILE.match(stem):
                held["labels"].append(path)
            elif stem.lower() == "image":
                held["image"].append(path)
        held["image"] += [path for path in _folders(entry) if path.name.lower() == "image" and _is_dicom_folder(path)]
        for what, paths in held.items():
            if len(paths) > 1:
                raise _ambiguous(entry, what, paths)
        if held["image"]:
            cases.append(Case(entry.name, held["image"][0], next(iter(held["labels"]), None), split))
    return cases if any(case.labels for case in cases) else []


def _by_name(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """The images and the label files in a folder by what both are named after."""
    volumes = list(_volumes(folder))
    legs = any(_LEG_LABELS.match(stem) for stem, _, _ in volumes)
    images, labels = {}, {}
    for stem, path, suffix in volumes:
        leg = (_LEG_LABELS.match(stem) or _LEG_IMAGE.match(stem)) if legs else None
        if leg:
            name, held = leg[1], labels if _LEG_LABELS.match(stem) else images
        elif suffix in _SEGMENTS or _MARK.search(stem):
            name, held = _MARK.sub("", stem), labels
        else:
            name, held = stem, images
        if name in held:
            raise _ambiguous(folder, name, [held[name], path])
        held[name] = path
    return images, labels


def _ambiguous(folder: Path, what: str, paths: list[Path]) -> InputError:
    names = " and ".join(path.name for path in paths)
    return InputError(f"{folder} holds {names}, both for {what}: expected one file; remove the other, or write a CSV.")


def _volumes(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Name without suffix, path and suffix of each file that a volume may be in."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        stem, suffix = stem_and_suffix(path)
        if suffix is not None and not path.name.startswith(".") and path.is_file():
            yield stem, path, suffix


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_dicom_folder(path: Path) -> bool:
    return path.is_dir() and holds_dicom(path)


def _natural(text: str) -> list:
    """A key by which 2 comes before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


# CSV


def _cases_in_csv(path: Path) -> list[Case]:
    lines = csv_lines(path)
    _, header = next(lines, (1, []))
    header = [name.lower() for name in header]
    if header not in (list(COLUMNS), list(COLUMNS[:3])):
        raise InputError(
            f"The data set {path} begins with {','.join(header)[:80]!r}: expected subject,image,labels or "
            "subject,image,labels,split as its first line; mend it."
        )
    return [_case(path, number, header, row) for number, row in lines]


def _case(path: Path, line: int, header: list[str], row: list[str]) -> Case:
    if len(row) != len(header):
        raise InputError(f"Line {line} of {path} has {len(row)} values: expected {len(header)}; mend the line.")
    held = dict(zip(header, row, strict=True))
    for name in ("subject", "image"):
        if not held[name]:
            raise InputError(f"Line {line} of {path} has no {name}: expected one in every line; mend the line.")
    split = held.get("split", "").lower()
    if split and split not in SPLITS:
        raise InputError(
            f"Line {line} of {path} has the split {split!r}: expected train, validation, val, test or nothing; mend it."
        )
    labels = path.parent / held["labels"] if held["labels"] else None
    return Case(held["subject"], path.parent / held["image"], labels, SPLITS.get(split))
