"""The fields of a text header, each taken only if it is what its format says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.voxels import Layout

_MOST_LINE_BYTES = 1 << 20
_MOST_HEADER_BYTES = 1 << 26
BLANKS = " \t"  # Python would split at more
_BLANKS = re.compile(rf"[{BLANKS}]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_PATTERN = re.compile(r"[^%]*%0?\d?d[^%]*")
_MOST_FILES = 100_000


@dataclass(frozen=True, eq=False)
class Header:
    """What a text header says of a volume.

    Attributes:
        layout: of the voxels.
        component_axis: the stored axis of colours or layers, if there is one.
        affine: (4, 4), from the first three other axes to RAS millimetres.
        has_spacing: whether it says how far voxels lie apart in millimetres; where not, the affine has 1 mm.
        metadata: custom fields.
        oriented: whether its affine is said to lead to the body's left, front and head.
        frame_axis: for a sequence, which of the axes without that of components holds its frames; None: the third.
    """

    layout: Layout
    component_axis: int | None
    affine: np.ndarray
    has_spacing: bool
    metadata: Mapping[str, str]
    oriented: bool
    frame_axis: int | None = None


@dataclass(frozen=True)
class Fields:
    """The fields of one header.

    Attributes:
        path: the file, for texts.
        values: the text of each field, by its name.
    """

    path: Path
    values: dict[str, str]

    def numbers(self, name: str, count: int) -> np.ndarray | None:
        """So many numbers, NaN among them where the header has it; None without the field."""
        return self._parsed(name, count, _NUMBER, np.float64, "numbers")

    def words(self, name: str) -> list[str]:
        """The words of a field, which blanks separate."""
        return _BLANKS.split(self.values[name].strip(BLANKS))

    def wholes(self, name: str, count: int) -> list[int] | None:
        """So many whole numbers; None without the field."""
        parsed = self._parsed(name, count, _WHOLE, np.int64, "whole numbers")
        return None if parsed is None else parsed.tolist()

    def sizes(self, name: str, count: int) -> tuple[int, ...]:
        """So many sizes, each from 1 up."""
        sizes = self.wholes(name, count) or []
        if not sizes or min(sizes) < 1:
            raise self.refusal(name, f"{count} sizes from 1 up")
        return tuple(sizes)

    def choice(self, name: str, choices: Mapping[str, object], default: str | None = None):
        """What one of the choices stands for."""
        value = self.values.get(name, default)
        if value not in choices:
            raise self.refusal(name, f"one of {', '.join(choices)}")
        return choices[value]

    def refusal(self, name: str, expected: str) -> InputError:
        """A field that cannot be used."""
        received = self.values.get(name)
        received = "none" if received is None else repr(received if len(received) < 80 else f"{received[:80]}...")
        return InputError(
            f"{self.path} has a header that cannot be used: expected {expected} in its field {name!r}, received "
            f"{received}; export it again."
        )

    def _parsed(self, name: str, count: int, pattern: re.Pattern, dtype: type, what: str) -> np.ndarray | None:
        if name not in self.values:
            return None
        parts = self.words(name)
        if len(parts) != count or not all(map(pattern.fullmatch, parts)):
            raise self.refusal(name, f"{count} {what}")
        values = np.array(parts, dtype)
        if np.isinf(values).any():
            raise self.refusal(name, f"{count} {what}")
        return values


def header_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a text header without their ends; the file is read no further than the line that was taken."""
    while file.tell() < _MOST_HEADER_BYTES and (line := file.readline(_MOST_LINE_BYTES)):
        yield line.rstrip(b"\r\n")


def data_files(fields: Fields, name: str, listed: list[str]) -> tuple[Path, ...]:
    """The files of the voxels that a field names: one, those listed in lines after LIST, or those of a pattern."""
    value = fields.values[name]
    names = [value]
    if value.startswith("LIST"):
        names = listed
    elif "%" in value:
        pattern, *numbers = value.split()
        if not _PATTERN.fullmatch(pattern) or len(numbers) < 3 or not all(map(_WHOLE.fullmatch, numbers[:3])):
            raise fields.refusal(name, "a file name, LIST or a pattern of names with first, last and step")
        first, last, step = map(int, numbers[:3])
        if step < 1 or not 0 <= first <= last or (last - first) // step >= _MOST_FILES:
            raise fields.refusal(name, "a pattern of names with first, last and step")
        names = [pattern % number for number in range(first, last + 1, step)]
    if not names or any(sign < " " for name in names for sign in name):
        raise fields.refusal(name, "names of files")
    return tuple(fields.path.parent / name for name in names)


def frames_third(sizes: Sequence[int], frame_axis: int | None) -> list[int]:
    """The sizes of stored axes, that of the frames third."""
    sizes = list(sizes)
    if frame_axis is not None:
        sizes.insert(2, sizes.pop(frame_axis))
    return sizes


def spaced(spacing: np.ndarray | None) -> tuple[np.ndarray, bool]:
    """Three distances with 1 for each that is not said (missing, 0 or NaN), and whether all are said."""
    if spacing is None:
        return np.ones(3), False
    said = np.isfinite(spacing) & (spacing != 0)
    return np.where(said, spacing, 1.0), bool(said.all())
