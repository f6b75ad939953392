"""MAT-files of version 7.3, which are HDF5: which variables there are, and their numbers.

MATLAB's class of a data set is its attribute MATLAB_class; HDF5 counts dimensions from the last to the first. What a
header claims is compared with what is stored before memory is taken, and only links and filters that MATLAB writes are
followed: others can lead into other files, or make much of little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.volumes.formats.matlab.variable import MOST_CELLS, MOST_DEPTH, SMALL_BYTES, Variable, damaged
from ifss_keras.volumes.formats.voxels import MOST_SHORTENED

_FILTERS = {1, 2, 3}  # of HDF5: deflate, shuffle, Fletcher's checksum
_MOST_CHUNK = 64  # times as large as the data set may a chunk of it be, or 1 MB
_MOST_VARIABLES = 10_000
_OWN = ("#refs#", "#subsystem#")  # where MATLAB keeps what cells refer to


def mat73_variables(path: Path) -> list[Variable]:
    """The variables of a file and the fields of its structs; nothing but what is small is read.

    Raises:
        InputError: it is truncated or corrupted.
    """
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return list(_variables(path, file, "", 0, set()))
    except (InputError, MemoryError):
        raise
    except Exception as error:  # h5py has an error of its own for each fault of HDF5's, of many types
        raise damaged(path, _told(error)) from None


def _variables(path: Path, group: Any, prefix: str, depth: int, seen: set[int]) -> Iterator[Variable]:
    """Those in a group; `seen` are the places of groups that were visited, so that none that holds itself is again."""
    import h5py

    place = h5py.h5o.get_info(group.id).addr
    if place in seen or depth > MOST_DEPTH or len(group) > _MOST_VARIABLES:
        return
    seen.add(place)
    for name in group:
        if name in _OWN or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        held, full = group[name], prefix + name
        kind = _text(held.attrs.get("MATLAB_class", b""))
        if isinstance(held, h5py.Dataset):
            yield _variable(path, held, full, kind)
        elif "MATLAB_sparse" in held.attrs:
            yield Variable(full, f"sparse {kind}", ())
        elif isinstance(held, h5py.Group):
            yield Variable(full, "struct", (1, 1))
            yield from _variables(path, held, f"{full}.", depth + 1, seen)


def _variable(path: Path, held: Any, name: str, kind: str) -> Variable:
    shape = tuple(int(size) for size in (held.shape or ())[::-1])
    if held.attrs.get("MATLAB_empty", 0) or held.shape is None:
        return Variable(name, kind or "nothing", (0, 0))
    if kind == "cell" and 0 < math.prod(shape) <= MOST_CELLS:
        return Variable(name, kind, shape, value=_cells(path, held))
    if held.dtype.names:
        return Variable(name, "complex", shape)
    if kind == "char" or held.dtype.kind not in "iuf" or held.dtype.itemsize > 8:
        small = kind == "char" and held.dtype.kind == "u" and 0 < math.prod(shape) <= SMALL_BYTES
        text = "".join(map(chr, _numbers(path, held).ravel("F"))) if small else None
        return Variable(name, kind or str(held.dtype), shape, value=text)
    value = _numbers(path, held) if 0 < math.prod(shape) * held.dtype.itemsize <= SMALL_BYTES else None
    return Variable(name, kind or str(held.dtype), shape, partial(_read, path, name), value)


def _cells(path: Path, held: Any) -> list[Any]:
    """The small values that a cell array refers to."""
    import h5py

    if h5py.check_ref_dtype(held.dtype) is not h5py.Reference:
        raise damaged(path, f"the cells of {held.name} are no references")
    _check(path, held)
    values = []
    for reference in held[()].ravel():
        target = held.file[reference] if reference else None
        if isinstance(target, h5py.Dataset) and _text(target.attrs.get("MATLAB_class", b"")) != "cell":
            values.append(_variable(path, target, "", _text(target.attrs.get("MATLAB_class", b""))).value)
        else:
            values.append(None)
    return values


def _read(path: Path, name: str, max_gb: float | None) -> np.ndarray:
    """The numbers of a data set as (dimension 1, 2, ...)."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            held = file[name.replace(".", "/")]
            check_memory(math.prod(held.shape) * held.dtype.itemsize, str(path), max_gb, settable=True)
            return _numbers(path, held)
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise damaged(path, _told(error)) from None


def _numbers(path: Path, held: Any) -> np.ndarray:
    _check(path, held)
    array = np.empty(held.shape, held.dtype.newbyteorder("="))
    held.read_direct(array)
    return array.T


def _check(path: Path, held: Any) -> None:
    """Refuses a data set that claims more than is stored, or lies in other files, or is packed otherwise."""
    create = held.id.get_create_plist()
    filters = {create.get_filter(index)[0] for index in range(create.get_nfilters())}
    if held.is_virtual or held.external or not filters <= _FILTERS:
        raise InputError(
            f"{path} keeps {held.name} as MATLAB never does: expected it in this file, packed by gzip or not at all; "
            "save it by MATLAB's save with -v7.3."
        )
    claimed = math.prod(held.shape) * held.dtype.itemsize
    stored = min(held.id.get_storage_size(), path.stat().st_size)
    chunk = math.prod(held.chunks or (0,)) * held.dtype.itemsize
    if claimed > stored * (MOST_SHORTENED if filters else 1) or chunk > max(_MOST_CHUNK * claimed, 1 << 20):
        raise damaged(path, f"{held.name} claims {claimed} bytes in chunks of {chunk}, of which {stored} are stored")


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _told(error: Exception) -> str:
    """What a library says of a fault, in one line."""
    text = "".join(sign for sign in " ".join(str(error).split()) if sign.isprintable())
    return text.rstrip(".")[:200] or type(error).__name__
