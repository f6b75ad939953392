"""MAT-files of each version, by scipy, or by h5py as MATLAB writes them."""

import struct

import h5py
import numpy as np
from scipy.io import savemat

MATLAB_CLASS = {"float64": "double", "float32": "single", "bool": "logical"}


def write_v7(path, content, compressed=True):
    savemat(path, content, do_compression=compressed)
    return path


def write_v73(path, content, compressed=True):
    """As `save -v7.3`: 512 bytes of MATLAB's, then HDF5 with dimensions from the last to the first."""
    with h5py.File(path, "w", userblock_size=512) as file:
        _fill(file, content, {"compression": "gzip", "shuffle": True} if compressed else {})
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970 HDF5 schema 1.00 .".ljust(
        124
    )
    with open(path, "r+b") as file:
        file.write(header + struct.pack("<H", 0x0200) + b"IM")
    return path


def _fill(group, content, packed):
    for name, value in content.items():
        if isinstance(value, dict):
            held = group.create_group(name)
            held.attrs["MATLAB_class"] = np.bytes_("struct")
            _fill(held, value, packed)
            continue
        if isinstance(value, list):
            cells = [_numbers(group, f"/#refs#/{name}{place}", cell, {}) for place, cell in enumerate(value)]
            held = group.create_dataset(name, (1, len(cells)), h5py.ref_dtype)
            held[0] = [cell.ref for cell in cells]
            held.attrs["MATLAB_class"] = np.bytes_("cell")
            continue
        _numbers(group, name, value, packed)


def _numbers(group, name, value, packed):
    text = isinstance(value, str)
    array = np.array([list(map(ord, value))], np.uint16) if text else np.atleast_2d(np.asarray(value))
    kind = "char" if text else MATLAB_CLASS.get(str(array.dtype), str(array.dtype))
    stored = array.astype(np.uint8) if kind == "logical" else array
    if stored.dtype.kind == "c":
        stored = stored.view([("real", "<f8"), ("imag", "<f8")])
    held = group.create_dataset(name, data=stored.T, **(packed if stored.size > 8 else {}))
    held.attrs["MATLAB_class"] = np.bytes_(kind)
    return held


def big_endian_v5(name, array):
    """The bytes of a file that a big-endian machine saved by `save -v6`, with one array in it."""
    kinds = {"uint8": (9, 2), "int16": (10, 3), "float32": (7, 7), "float64": (6, 9)}
    kind, stored = kinds[str(array.dtype)]

    def element(code, content):
        return struct.pack(">II", code, len(content)) + content + bytes(-len(content) % 8)

    numbers = array.astype(array.dtype.newbyteorder(">")).tobytes(order="F")
    parts = (
        element(6, struct.pack(">II", kind, 0)),
        element(5, struct.pack(f">{array.ndim}i", *array.shape)),
        element(1, name.encode())
        if len(name) > 4
        else struct.pack(">HH", len(name), 1) + name.encode().ljust(4, b"\0"),
        element(stored, numbers),
    )
    header = b"MATLAB 5.0 MAT-file, Platform: SOL2".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    return header + element(14, b"".join(parts))
