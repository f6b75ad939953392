"""What the headers of tracked ultrasound sequences say of each frame: PLUS writes it, 3D Slicer too.

Fields: https://plustoolkit.github.io, "Sequence file". `Seq_Frame0007_ProbeToTrackerTransform` holds a matrix of 4 x 4
in rows, `..TransformStatus` whether the tracker saw it, `Seq_Frame0007_ImageStatus` whether there is an image.
A transform that is the same for all frames has no number: `ImageToProbeTransform`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError

_OF_A_FRAME = re.compile(r"Seq_Frame(\d{4,9})_(\w+)", re.ASCII)
_OF_A_FRAME_MATRIX = re.compile(r"Seq_Frame\d{4,9}_[A-Z]\w*?To[A-Z]\w*Transform", re.ASCII)
_MATRIX = re.compile(r"([A-Z]\w*?)To([A-Z]\w*)", re.ASCII)
_TRANSFORM, _STATUS, ORIENTATION = "Transform", "Status", "UltrasoundImageOrientation"
_OK = "OK"
_ENDINGS = tuple(f"{kind}.{suffix}" for kind in (".igs", ".seq") for suffix in ("mha", "mhd", "nrrd", "nhdr"))

Frames = tuple[str, str]  # from, to: names of coordinate frames


@dataclass(frozen=True, eq=False)
class Transforms:
    """The transforms of a sequence, each from millimetres or pixels of one coordinate frame to those of another.

    Attributes:
        of_frames: (frame, 4, 4) of each, NaN where it is not known.
        static: (4, 4) of each that holds for all frames.
        images: (frame,) whether there is an image.
        timestamps_s: (frame,) or None.
    """

    of_frames: Mapping[Frames, np.ndarray]
    static: Mapping[Frames, np.ndarray]
    images: np.ndarray
    timestamps_s: np.ndarray | None


def is_sequence(metadata: Mapping[str, str], path: Path) -> bool:
    """Whether a file holds frames, as its header's custom fields or its name say."""
    return is_tracked(metadata) or path.name.lower().endswith(_ENDINGS)


def is_tracked(metadata: Mapping[str, str]) -> bool:
    """Whether a header's custom fields hold the transforms of frames."""
    return any(_OF_A_FRAME_MATRIX.fullmatch(name) for name in metadata)


def sequence_fields(values: Mapping[str, str]) -> dict[str, str]:
    """Those fields of a header that belong to a sequence."""
    return {
        name: value
        for name, value in values.items()
        if name == ORIENTATION or _OF_A_FRAME.fullmatch(name) or named_frames(name) is not None
    }


def named_frames(name: str) -> Frames | None:
    """("Image", "Probe") from ImageToProbe or ImageToProbeTransform; None for any other name."""
    found = _MATRIX.fullmatch(name.removesuffix(_TRANSFORM))
    return (found[1], found[2]) if found else None


def sequence_transforms(metadata: Mapping[str, str], frames: int, path: Path) -> Transforms:
    """All transforms in a header.

    Args:
        metadata: its custom fields.
        frames: how many there are.
        path: for texts.

    Raises:
        InputError: a matrix or a time is none, or of a frame that there is not.
    """
    of_frames: dict[Frames, np.ndarray] = {}
    static, images, times = {}, np.ones(frames, bool), np.full(frames, np.nan)
    for key, value in metadata.items():
        numbered = _OF_A_FRAME.fullmatch(key)
        name = numbered[2] if numbered else key
        between = named_frames(name) if name.endswith(_TRANSFORM) else None
        if not numbered:
            if between:
                static[between] = matrix_of(value, f"{path}, field {key}")
            continue
        frame = int(numbered[1])
        if frame >= frames:
            raise InputError(f"{path} has {frames} frames, but a field {key}: expected none beyond; export it again.")
        if between and metadata.get(f"{key}{_STATUS}", _OK) == _OK:
            matrices = of_frames.setdefault(between, np.full((frames, 4, 4), np.nan))
            matrices[frame] = matrix_of(value, f"{path}, field {key}")
        elif name == f"Image{_STATUS}":
            images[frame] = value == _OK
        elif name == "Timestamp":
            times[frame] = _number(value, f"{path}, field {key}")
    return Transforms(of_frames, static, images, times if np.isfinite(times).any() else None)


def matrix_of(text: str, where: str) -> np.ndarray:
    """(4, 4) from 16 numbers, row by row.

    Raises:
        InputError: it is no matrix that can be inverted, or its last row is not 0 0 0 1.
    """
    try:
        matrix = np.array([float(part) for part in text.split()]).reshape(4, 4)
    except ValueError:
        matrix = np.zeros((4, 4))
    if not np.array_equal(matrix[3], (0, 0, 0, 1)) or not np.isfinite(matrix).all():
        text = " ".join(text.split())
        raise InputError(
            f"{where}, holds no matrix: expected 16 numbers, row by row, the last row 0 0 0 1, received "
            f"{text if len(text) < 80 else f'{text[:80]}...'!r}; correct it."
        )
    return matrix


def to_marked_far(orientation: str | None, rows: int, columns: int, path: Path) -> np.ndarray:
    """(4, 4) from a stored pixel (column, row, 0, 1) to that of the image as PLUS turns it before it is transformed.

    There the column grows from the marked side of the probe (M) and the row away from it, to what is far (F), whatever
    the file's own orientation is: its first letter is where the stored column grows to, its second the row; U is
    unmarked, N near. Without orientation the image is taken as it is.

    Raises:
        InputError: an orientation that is not known.
    """
    if orientation in (None, "", "??", "XX"):
        return np.eye(4)
    letters = orientation[:2]
    across = [letter in "MU" for letter in letters]
    if not set(letters) <= set("MUFN") or sum(across) != 1 or orientation[2:] not in ("", "A", "D"):
        raise InputError(
            f"{path} has the image orientation {orientation!r}: expected MF, UF, MN, UN or these turned over, with A "
            "or D behind; correct its UltrasoundImageOrientation."
        )
    turned = np.zeros((4, 4))
    turned[2, 2] = turned[3, 3] = 1
    for stored, letter in enumerate(letters):
        axis = 0 if letter in "MU" else 1
        backwards = letter in "UN"
        turned[axis, stored] = -1 if backwards else 1
        turned[axis, 3] = (columns, rows)[stored] - 1 if backwards else 0
    return turned


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}, holds no number: received {text[:80]!r}; correct it.") from None
