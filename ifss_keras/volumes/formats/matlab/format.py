"""MATLAB's MAT-files: the one array of three dimensions in a file, or the one that `file.mat:name` names.

MATLAB's usual order is A(row, column, slice): its dimensions 1, 2 and 3 are the stored axes 1, 0 and 2 (j, i, k), so
that slices are axis 2, as everywhere.

Beside the array, in its struct or else among the variables, count: its spacing, three numbers in mm along dimensions 1,
2 and 3 (see `SPACINGS`); `affine`, (4, 4) from [r-1; c-1; s-1; 1] for A(r, c, s) to RAS mm; and of labels `names`, a
struct of `code` (numbers) and `name` (cells of text).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.format import Format, Written
from ifss_keras.volumes.formats.matlab.mat5 import HEADER_BYTES, ORDERS, mat5_variables
from ifss_keras.volumes.formats.matlab.mat73 import mat73_variables
from ifss_keras.volumes.formats.matlab.variable import Variable
from ifss_keras.volumes.formats.stored import Stored, default_affine
from ifss_keras.volumes.volume import Volume, affine_spacing_mm

# Names of spacings, in small letters without underscores.
SPACINGS = (
    *("spacingmm", "spacing", "voxelsizemm", "voxelsize", "voxelspacing", "voxelspacingmm", "voxeldimensions"),
    *("pixelspacing", "pixdim", "elementspacing"),
)
LARGEST_BYTES = 2**31 - 1024  # of a variable of version 5

_NAME = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*", re.ASCII)
_PART = re.compile(rf"(.+\.mat):({_NAME.pattern})", re.ASCII | re.IGNORECASE | re.DOTALL)
_AXES = [1, 0, 2]  # (i, j, k) to MATLAB's dimensions, and back
_MOST_TOLD = 12
_MOST_MM = 1e6  # more is no distance, and less than its inverse neither
_WRITTEN_BY = b"MATLAB 5.0 MAT-file, written by ifss_keras"
_TEXT_BYTES = 116
_HDF5 = b"MATLAB 7.3"
_V4_TYPE = 4  # of the bytes that a version 4 begins with, one at least is 0


def file_of_mat(path: Path) -> Path:
    """`file.mat` of `file.mat:name`; other paths as they are."""
    return _parts(path)[0]


def read_mat(path: Path, max_gb: float | None) -> Stored:
    """An array of three dimensions as (i, j, k), that is (column, row, slice), in the type it is stored in.

    Raises:
        InputError: there is none, or more than one and none is named; or it holds no real numbers, or cannot be read.
    """
    array, held = _chosen(path)
    numbers = array.read(max_gb).transpose(_AXES)
    affine, oriented = _affine(path, _beside(array, held))
    return Stored(numbers, affine, affine is not None, oriented=oriented)


def read_mat_labels(path: Path, max_gb: float | None, like: Volume | None) -> Stored:
    """The same of labels, with the names beside them."""
    stored = read_mat(path, max_gb)
    return Stored(stored.array, stored.affine, stored.has_spacing, oriented=stored.oriented, names=_names(path))


def mat_voxels(path: Path) -> int:
    """How many voxels the header of an array says that there are."""
    return math.prod(_chosen(path)[0].shape)


def write_mat(path: Path, written: Written) -> None:
    """Writes version 5, compressed: `labels` or `image`, `spacing_mm`, `affine`, and `names` where there are any.

    Raises:
        InputError: the voxels are more than that version can hold.
    """
    from scipy.io import savemat

    if written.array.nbytes > LARGEST_BYTES:
        raise InputError(
            f"{path} cannot be written: expected at most 2 GB of voxels, which is what a MAT-file can hold, received "
            f"{written.array.nbytes / 1e9:.3g} GB; write .nii.gz, .mha or .nrrd."
        )
    affine = written.affine[:, [*_AXES, 3]]
    content: dict[str, Any] = {
        "labels" if written.labels else "image": written.array.transpose(_AXES),
        "spacing_mm": np.array([affine_spacing_mm(affine)]),
        "affine": affine,
    }
    if written.names:
        codes, names = zip(*sorted(written.names.items()), strict=True)
        cells = np.empty((len(names), 1), object)
        cells[:, 0] = names
        content["names"] = {"code": np.array(codes, np.int32)[:, None], "name": cells}
    savemat(path, content, do_compression=True, oned_as="row")
    with path.open("r+b") as file:  # scipy writes the time here
        file.write(_WRITTEN_BY.ljust(_TEXT_BYTES))


def _parts(path: Path) -> tuple[Path, str]:
    """The file, and what is named of it; empty if nothing is. (A drive's colon does not come behind `.mat`.)"""
    found = _PART.fullmatch(str(path))
    return (Path(found[1]), found[2]) if found else (path, "")


def _variables(file: Path) -> list[Variable]:
    with file.open("rb") as opened:
        header = opened.read(HEADER_BYTES)
    if header.startswith(_HDF5):
        return mat73_variables(file)
    if len(header) == HEADER_BYTES and header[-2:] in ORDERS and 0 not in header[:_V4_TYPE]:
        return mat5_variables(file)
    if 0 in header[:_V4_TYPE] and len(header) >= 20:
        raise InputError(
            f"{file} is no MAT-file, or one of version 4, which holds no volumes: expected version 5 or newer; save it "
            "by MATLAB's save."
        )
    raise InputError(
        f"{file} is not a MAT-file: expected the header of MATLAB's versions 5 to 7.3, found none that can be read; "
        "give the image itself or correct the file's extension."
    )


def _chosen(path: Path) -> tuple[Variable, list[Variable]]:
    """The array that is meant, and all that the file holds."""
    file, name = _parts(path)
    held = [variable for variable in _variables(file) if _NAME.fullmatch(variable.name)]
    return _named(path, name, held) if name else _only(path, held), held


def _beside(array: Variable, held: list[Variable]) -> list[Variable]:
    """What counts for an array: what is in its struct, and after that what is in none."""
    scopes = dict.fromkeys((array.scope, ""))
    return [variable for scope in scopes for variable in held if variable.scope == scope and variable is not array]


def _named(path: Path, name: str, held: list[Variable]) -> Variable:
    array = next((variable for variable in held if variable.name == name), None)
    if array is None:
        raise InputError(f"{path} is not there: expected one of {_told(held)}; correct the name.")
    if array.read is None or len(array.shape) != 3 or 0 in array.shape:
        raise InputError(
            f"{path} cannot be used: expected an array of three dimensions of real numbers, received {array.told}; "
            "convert it in MATLAB, or name another."
        )
    return array


def _only(path: Path, held: list[Variable]) -> Variable:
    arrays = [variable for variable in held if variable.read and len(variable.shape) == 3 and 0 not in variable.shape]
    if len(arrays) == 1:
        return arrays[0]
    if not arrays:
        raise InputError(
            f"{path} has no array of three dimensions of real numbers: expected one, received {_told(held)}; save the "
            "volume as A(row, column, slice)."
        )
    raise InputError(
        f"{path} has {len(arrays)} arrays of three dimensions, {_told(arrays)}: expected one; write {path}:"
        f"{arrays[0].name} for that one."
    )


def _told(held: list[Variable]) -> str:
    more = f" and {len(held) - _MOST_TOLD} more" if len(held) > _MOST_TOLD else ""
    return (", ".join(variable.told for variable in held[:_MOST_TOLD]) or "nothing") + more


def _affine(path: Path, beside: list[Variable]) -> tuple[np.ndarray | None, bool]:
    """(4, 4) from (i, j, k, 1) to RAS, None if neither it nor a spacing is there; and whether the file has it."""
    spacing = _spacing(path, beside)
    for variable in beside:
        affine = _small(variable)
        if variable.name.rpartition(".")[2] != "affine" or affine.shape != (4, 4) or affine[3].tolist() != [0, 0, 0, 1]:
            continue
        sizes = np.array(affine_spacing_mm(affine))
        if spacing is not None and not np.allclose(sizes, spacing, rtol=1e-3):
            raise InputError(
                f"{path} says two spacings: expected the first three columns of affine to be as long as its spacing "
                f"in mm, received {_numbers_text(sizes)} and {_numbers_text(spacing)}; correct one, or remove affine."
            )
        return affine[:, [*_AXES, 3]], True
    return (None if spacing is None else default_affine(spacing[_AXES])), False


def _spacing(path: Path, beside: list[Variable]) -> np.ndarray | None:
    """Along MATLAB's dimensions, from the nearest that say it."""
    found: dict[str, np.ndarray] = {}
    for variable in beside:
        short = variable.name.rpartition(".")[2].lower().replace("_", "")
        numbers = _small(variable).ravel()
        if short in SPACINGS and numbers.size == 3 and numbers.min() > 1 / _MOST_MM:
            found.setdefault(variable.scope, numbers)
            if variable.scope == next(iter(found)) and not np.allclose(found[variable.scope], numbers):
                first = _numbers_text(found[variable.scope])
                raise InputError(
                    f"{path} says two spacings, {first} and {_numbers_text(numbers)} mm: expected one; remove the "
                    "wrong one."
                )
    return next(iter(found.values()), None)


def _small(variable: Variable) -> np.ndarray:
    """The numbers of a variable that may say where voxels lie; none where it cannot."""
    numbers = variable.value
    if not isinstance(numbers, np.ndarray) or not (np.abs(numbers) < _MOST_MM).all():  # as NaN is not, either
        return np.empty(0)
    return numbers.astype(np.float64)


def _names(path: Path) -> dict[int, str]:
    """Code to name, from the struct `names` beside the array."""
    array, held = _chosen(path)
    values = {variable.name: variable.value for variable in held}
    codes, names = values.get(f"{array.scope}names.code"), values.get(f"{array.scope}names.name")
    if not isinstance(codes, np.ndarray) or not isinstance(names, list) or codes.size != len(names):
        return {}
    said = ((code, name) for code, name in zip(codes.ravel(), names, strict=True) if isinstance(name, str))
    return {int(code): " ".join(name.split()) for code, name in said if np.isfinite(code) and name.isprintable()}


def _numbers_text(numbers: np.ndarray) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)


FORMATS = (
    Format("matlab", (".mat",), read_mat, mat_voxels, write=write_mat, labels=read_mat_labels, file=file_of_mat,
           files=lambda path: [file_of_mat(path)]),
)  # fmt: skip
