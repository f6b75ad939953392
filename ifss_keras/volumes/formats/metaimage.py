"""The headers of MetaImage files (`.mha`, `.mhd`).

Format: https://itk.org/Wiki/ITK/MetaIO/Documentation. MetaImage places voxels in LPS.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.fields import BLANKS, Fields, Header, data_files, frames_third, header_lines, spaced
from ifss_keras.volumes.formats.format import Written
from ifss_keras.volumes.formats.headed import headed_format, numbers_text, write_headed
from ifss_keras.volumes.formats.stored import LPS_TO_RAS, drop_trailing_axes
from ifss_keras.volumes.formats.tracked.plus import is_sequence, sequence_fields
from ifss_keras.volumes.formats.voxels import Layout

_TYPES = {
    f"MET_{name}{array}": np.dtype(code)
    for array in ("", "_ARRAY")
    for name, code in {
        "CHAR": "i1",
        "UCHAR": "u1",
        "SHORT": "i2",
        "USHORT": "u2",
        "INT": "i4",
        "UINT": "u4",
        "LONG": "i4",  # always four bytes in a file
        "ULONG": "u4",
        "LONG_LONG": "i8",
        "ULONG_LONG": "u8",
        "FLOAT": "f4",
        "DOUBLE": "f8",
    }.items()
}
_NAMES = {  # of the types that are written
    dtype.newbyteorder("="): name
    for name, dtype in _TYPES.items()
    if not name.endswith("_ARRAY") and not name.endswith("LONG")
} | {np.dtype("i8"): "MET_LONG_LONG", np.dtype("u8"): "MET_ULONG_LONG"}
_BOOLEANS = {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}
_DATA = "ElementDataFile"  # the last field
_BYTE_ORDER = ("ElementByteOrderMSB", "BinaryDataByteOrderMSB")
_ORIENTATION = ("TransformMatrix", "Orientation", "Rotation")
_ORIGIN = ("Offset", "Position", "Origin")
_SPACING = ("ElementSpacing", "ElementSize")


def metaimage_header(path: Path) -> Header:
    """What the header of a MetaImage file says.

    Raises:
        InputError: it is none, or says what cannot be used.
    """
    fields, begin, listed = _read_fields(path)
    axes = (fields.wholes("NDims", 1) or [0])[0]
    if not 1 <= axes <= 10:
        raise fields.refusal("NDims", "a number of axes")
    sizes = fields.sizes("DimSize", axes)
    metadata = sequence_fields(fields.values)
    frame_axis = 3 if axes == 4 and is_sequence(metadata, path) else None  # behind frames of one plane each
    drop_trailing_axes(frames_third(sizes, frame_axis), path)
    if not fields.choice("BinaryData", _BOOLEANS, "True"):
        raise fields.refusal("BinaryData", "binary voxels, True,")
    components = fields.sizes("ElementNumberOfChannels", 1)[0] if "ElementNumberOfChannels" in fields.values else 1
    big = {fields.choice(name, _BOOLEANS) for name in _BYTE_ORDER if name in fields.values}
    if len(big) > 1:
        raise fields.refusal(_BYTE_ORDER[0], f"the same byte order as in {_BYTE_ORDER[1]}")
    compressed = fields.choice("CompressedData", _BOOLEANS, "False")
    stream_bytes = (fields.wholes("CompressedDataSize", 1) or [0])[0]
    if stream_bytes < 0:
        raise fields.refusal("CompressedDataSize", "a number of bytes")
    if stream_bytes and not compressed:
        raise fields.refusal("CompressedData", "True beside the size of compressed voxels")
    layout = Layout(
        shape=(components, *sizes) if components > 1 else sizes,
        dtype=fields.choice("ElementType", _TYPES).newbyteorder(">" if True in big else "<"),
        **_place(fields, begin, listed),
        compressed=compressed,
        stream_bytes=stream_bytes or None,
    )
    affine, has_spacing = _affine(fields, axes)
    component_axis = 0 if components > 1 else None
    return Header(layout, component_axis, affine, has_spacing, metadata, oriented=True, frame_axis=frame_axis)


def _read_fields(path: Path) -> tuple[Fields, int, list[str]]:
    """The fields, the byte behind them, and the lines from there on if the last field says LIST."""
    fields = Fields(path, {})
    listed: list[str] = []
    with path.open("rb") as file:
        for line in header_lines(file):
            name, separator, value = line.partition(b"=" if b"=" in line else b":")
            if not separator and line.strip():
                break
            key, text = os.fsdecode(name).strip(BLANKS), os.fsdecode(value).strip(BLANKS)
            if fields.values.setdefault(key, text) != text:
                raise fields.refusal(key, f"one value, not {text[:80]!r} as well,")
            if key == _DATA:
                break
        begin = file.tell()
        if fields.values.get(_DATA, "").startswith("LIST"):
            listed = [os.fsdecode(line).strip(BLANKS) for line in header_lines(file) if line.strip()]
    if not fields.values.get(_DATA):
        if "NDims" in fields.values:
            raise fields.refusal(_DATA, "LOCAL or the name of a file")
        raise InputError(
            f"{path} is not a MetaImage image: expected a MetaImage header, found none that can be read; give the "
            "image itself or correct the file's extension."
        )
    return fields, begin, listed


def _place(fields: Fields, begin: int, listed: list[str]) -> dict:
    """The files of the layout, and where in them the voxels begin."""
    if fields.values[_DATA].upper() == "LOCAL":
        if fields.wholes("HeaderSize", 1) not in (None, [0], [-1]):
            raise fields.refusal("HeaderSize", "0 beside voxels in the same file")
        return {"files": (fields.path,), "begin": begin}
    skipped = (fields.wholes("HeaderSize", 1) or [0])[0]
    if skipped < -1:
        raise fields.refusal("HeaderSize", "-1, 0 or a number of bytes")
    return {"files": data_files(fields, _DATA, listed), "begin": None if skipped == -1 else skipped}


def _affine(fields: Fields, axes: int) -> tuple[np.ndarray, bool]:
    given = {name: fields.numbers(name, axes) for name in (*_ORIGIN, *_SPACING) if name in fields.values}
    turns = {name: fields.numbers(name, axes * axes) for name in _ORIENTATION if name in fields.values}
    directions = next(iter(turns.values()), np.eye(axes)).reshape(axes, axes)[:3, :3]  # a row for each axis
    if not np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-3):
        raise fields.refusal(next(iter(turns)), "directions of length 1")
    spacing = next((given[name] for name in _SPACING if name in given), np.zeros(axes))
    spacing, has_spacing = spaced(spacing[:3])
    affine = np.eye(4)
    affine[:3, :3] = directions.T * spacing
    affine[:3, 3] = next((given[name] for name in _ORIGIN if name in given), np.zeros(axes))[:3]
    in_mm = fields.values.get("DistanceUnits", "mm") in ("mm", "?")
    return LPS_TO_RAS @ affine, has_spacing and in_mm


def metaimage_text(written: Written, data_name: str | None, compressed_bytes: int) -> str:
    """The header of what is written, see `write_headed`."""
    lps = LPS_TO_RAS @ written.affine
    spacing_mm = np.linalg.norm(lps[:3, :3], axis=0)
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": f"{compressed_bytes}",
        "TransformMatrix": numbers_text((lps[:3, :3] / spacing_mm).T.ravel()),
        "Offset": numbers_text(lps[:3, 3]),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": numbers_text(spacing_mm),
        "DimSize": " ".join(map(str, written.array.shape)),
        "ElementType": _NAMES[written.array.dtype.newbyteorder("=")],
        _DATA: data_name or "LOCAL",
    }
    return "".join(f"{name} = {value}\n" for name, value in fields.items())


_write = partial(write_headed, metaimage_text, gzip=False)
FORMATS = (
    headed_format("metaimage", (".mha",), metaimage_header, write=_write),
    headed_format(
        "metaimage",
        (".mhd",),
        metaimage_header,
        write=partial(_write, data_ending=".zraw"),
        data_endings=(".zraw", ".raw"),
    ),
)
