"""One numbering for the labels of files that name or number theirs differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ifss_keras.core.errors import InputError

RESERVED = ("background", "ignore")  # names that nnU-Net gives a meaning of its own
MOST_LABELS = 253  # that 8 bits hold beside these two


@dataclass(frozen=True)
class FileLabels:
    """The labels of one file.

    Attributes:
        path: the file.
        codes: those that it holds a voxel of, ascending, without 0.
        names: code to name, where it has one.
    """

    path: Path
    codes: tuple[int, ...]
    names: Mapping[int, str]


@dataclass(frozen=True)
class CommonLabels:
    """Labels numbered 1, 2, 3, ...

    Attributes:
        names: in the order of their numbers.
        numbers: for each file, code in it to number.
    """

    names: tuple[str, ...]
    numbers: tuple[Mapping[int, int], ...]


def common_labels(files: Sequence[FileLabels]) -> CommonLabels:
    """Labels of one name, in capitals or not, are one, whatever their codes; they are ordered by their lowest code.

    A code without a name in a file has the name that other files give it, and where none does its own digits.

    Raises:
        InputError: no label, too many, two codes of a file with one name, a code with two names and none in a file that
            holds it, or a name that nnU-Net needs itself.
    """
    given: dict[int, dict[str, str]] = {}  # code: names as compared, as first written
    for file in files:
        for code in file.codes:
            if name := file.names.get(code):
                given.setdefault(code, {}).setdefault(name.casefold(), name)
    named = [{code: _name(file, code, given.get(code, {})) for code in file.codes} for file in files]
    lowest: dict[str, tuple[int, str]] = {}
    for file, names in zip(files, named, strict=True):
        _refuse_one_name_for_two(file, names)
        for code, name in names.items():
            known = lowest.setdefault(name.casefold(), (code, name))
            lowest[name.casefold()] = (min(known[0], code), known[1])
    if not 1 <= len(lowest) <= MOST_LABELS:
        raise InputError(f"The data set has {len(lowest)} labels: expected 1 to {MOST_LABELS}; mend its label files.")
    ordered = sorted(lowest, key=lambda key: (lowest[key][0], key))
    number = {key: place for place, key in enumerate(ordered, 1)}
    return CommonLabels(
        tuple(lowest[key][1] for key in ordered),
        tuple({code: number[name.casefold()] for code, name in names.items()} for names in named),
    )


def _name(file: FileLabels, code: int, given: Mapping[str, str]) -> str:
    name = file.names.get(code)
    if name is None and len(given) > 1:
        raise InputError(
            f"{file.path} does not name its label {code}, which is {' and '.join(given.values())} in other files: "
            "expected one name; give it.",
            setting="labels",
        )
    name = name or next(iter(given.values()), str(code))
    if name.casefold() in RESERVED:
        raise InputError(
            f"The label {code} of {file.path} is called {name}, which has a meaning of its own to nnU-Net: expected "
            "another name; give one.",
            setting="labels",
        )
    return name


def _refuse_one_name_for_two(file: FileLabels, names: Mapping[int, str]) -> None:
    first: dict[str, int] = {}
    for code, name in names.items():
        if (other := first.setdefault(name.casefold(), code)) != code:
            raise InputError(
                f"{file.path} calls both labels {other} and {code} {name}: expected a name for each; give them others.",
                setting="labels",
            )
