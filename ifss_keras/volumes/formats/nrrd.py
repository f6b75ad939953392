"""The headers of NRRD files (`.nrrd`, `.nhdr`).

Format: https://teem.sourceforge.net/nrrd/format.html. As in ITK, a space other than RAS and LAS counts as LPS.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.fields import BLANKS, Fields, Header, data_files, frames_third, header_lines, spaced
from ifss_keras.volumes.formats.format import Written
from ifss_keras.volumes.formats.headed import headed_format, numbers_text, write_headed
from ifss_keras.volumes.formats.slicer_segments import segment_metadata
from ifss_keras.volumes.formats.stored import LPS_TO_RAS, drop_trailing_axes
from ifss_keras.volumes.formats.tracked.plus import is_sequence
from ifss_keras.volumes.formats.voxels import Layout

_TYPES = {
    name: np.dtype(code)
    for code, names in {
        "i1": "signed char, int8, int8_t",
        "u1": "unsigned char, uchar, uint8, uint8_t",
        "i2": "short, short int, signed short, signed short int, int16, int16_t",
        "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
        "i4": "int, signed int, int32, int32_t",
        "u4": "uint, unsigned int, uint32, uint32_t",
        "i8": "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t",
        "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
        "f4": "float",
        "f8": "double",
    }.items()
    for name in names.split(", ")
}
_ENCODINGS = {"raw": False, "gzip": True, "gz": True}
_ENDIANS = {"little": "<", "big": ">"}
_SPATIAL_KINDS = ("domain", "space", "time", "none", "???")
_COMPONENT_KINDS = (
    *("list", "vector", "point", "scalar", "normal", "covariant-vector", "2-vector", "3-vector", "4-vector"),
    *("3-gradient", "3-normal", "3-color", "RGB-color", "4-color", "RGBA-color"),
)
_TO_RAS = {
    **dict.fromkeys(("left-posterior-superior", "LPS", "scanner-xyz", "3D-right-handed", "3D-left-handed"), LPS_TO_RAS),
    **dict.fromkeys(("right-anterior-superior", "RAS"), np.eye(4)),
    **dict.fromkeys(("left-anterior-superior", "LAS"), np.diag([-1.0, 1.0, 1.0, 1.0])),
}
_OF_THE_BODY = (
    *("left-posterior-superior", "right-anterior-superior", "left-anterior-superior"),
    *("LPS", "RAS", "LAS"),
)
_MM = ("mm", "millimeter", "millimeters", "millimetre", "millimetres", "", "???", "none")
_FIELDS = (
    *("content", "number", "type", "dimension", "space", "space dimension", "sizes", "spacings", "thicknesses"),
    *("axis mins", "axis maxs", "centers", "centerings", "kinds", "labels", "units", "min", "max", "old min"),
    *("old max", "endian", "encoding", "line skip", "byte skip", "sample units", "space units", "space origin"),
    *("space directions", "measurement frame", "data file"),
)
_SYNONYMS = {name.replace(" ", ""): name for name in _FIELDS}
_MAGIC = re.compile(rb"NRRD000[1-5]")
_VECTOR = re.compile(r"none|\(([^()]*)\)")


def nrrd_header(path: Path) -> Header:
    """What the header of an NRRD file says.

    Raises:
        InputError: it is none, or says what cannot be used.
    """
    fields, metadata, begin, listed = _read_fields(path)
    axes = (fields.wholes("dimension", 1) or [0])[0]
    if not 1 <= axes <= 16:
        raise fields.refusal("dimension", "a number of axes")
    sizes = fields.sizes("sizes", axes)
    kinds = fields.words("kinds") if "kinds" in fields.values else ["domain"] * axes
    if len(kinds) != axes:
        raise fields.refusal("kinds", f"{axes} words")
    spatial = [axis for axis, kind in enumerate(kinds) if kind in _SPATIAL_KINDS]
    others = [axis for axis, kind in enumerate(kinds) if kind in _COMPONENT_KINDS]
    listing = [axis for axis in others if kinds[axis] == "list"] if is_sequence(metadata, path) else []
    others = [axis for axis in others if axis not in listing]
    if len(others) > 1 or len(listing) > 1 or len(spatial) + len(others) + len(listing) < axes:
        raise fields.refusal("kinds", "axes of space, and at most one of colours or layers")
    placed = sorted(spatial + listing)
    frame_axis = placed.index(listing[0]) if listing else None
    drop_trailing_axes(frames_third([sizes[axis] for axis in placed], frame_axis), path)
    layout = _layout(fields, sizes, begin, listed)
    affine, has_spacing = _affine(fields, axes, spatial)
    oriented = fields.values.get("space") in _OF_THE_BODY
    component_axis = others[0] if others else None
    return Header(layout, component_axis, affine, has_spacing, metadata, oriented, frame_axis)


def _read_fields(path: Path) -> tuple[Fields, dict[str, str], int, list[str]]:
    """The fields, the custom ones, the byte behind them, and the lines after `data file: LIST`."""
    fields, metadata = Fields(path, {}), {}
    listed: list[str] = []
    with path.open("rb") as file:
        lines = header_lines(file)
        if not _MAGIC.fullmatch(next(lines, b"")):
            raise InputError(
                f"{path} is not a NRRD image: expected a NRRD header, found none that can be read; give the image "
                "itself or correct the file's extension."
            )
        for line in lines:
            if not line:
                break
            _add_line(line, fields, metadata)
            if fields.values.get("data file", "").startswith("LIST"):
                listed = [os.fsdecode(line) for line in lines if line]
        return fields, metadata, file.tell(), listed


def _add_line(line: bytes, fields: Fields, metadata: dict[str, str]) -> None:
    key, custom, value = line.partition(b":=")
    broken = b"\r" in line  # the end of a line to some readers
    if line.startswith(b"#") and not broken:
        return
    if custom and not broken:
        text = value.decode("utf-8", errors="replace").replace("\\n", "\n").replace("\\\\", "\\")
        metadata[key.decode("utf-8", errors="replace")] = text
        return
    key, separator, value = line.partition(b": ")
    name = _SYNONYMS.get(os.fsdecode(key).lower().replace(" ", ""))
    if broken or not separator or name is None or name in fields.values:
        raise InputError(
            f"{fields.path} has a header that cannot be used: expected the fields of NRRD, each once, received "
            f"{os.fsdecode(line)[:80]!r}; export it again."
        )
    fields.values[name] = os.fsdecode(value).strip(BLANKS)


def _layout(fields: Fields, sizes: tuple[int, ...], begin: int, listed: list[str]) -> Layout:
    dtype = fields.choice("type", _TYPES)
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder(fields.choice("endian", _ENDIANS))
    compressed = fields.choice("encoding", _ENCODINGS)
    if fields.wholes("line skip", 1) not in (None, [0]):
        raise fields.refusal("line skip", "0 lines")
    skipped = (fields.wholes("byte skip", 1) or [0])[0]
    if skipped < (0 if compressed else -1):
        raise fields.refusal("byte skip", "a number of bytes")
    detached = "data file" in fields.values
    files = data_files(fields, "data file", listed) if fields.values.get("data file") else (fields.path,)
    begin = 0 if detached else begin
    if compressed:
        return Layout(sizes, dtype, files, begin, compressed=True, skipped=skipped)
    return Layout(sizes, dtype, files, None if skipped == -1 else begin + skipped)


def _affine(fields: Fields, axes: int, spatial: list[int]) -> tuple[np.ndarray, bool]:
    """(4, 4) to RAS of the first three spatial axes, and whether it says distances in millimetres."""
    affine = np.eye(4)
    placed = {"space directions", "space origin"} & fields.values.keys()
    if placed and "space" not in fields.values and fields.wholes("space dimension", 1) != [3]:
        raise fields.refusal("space", "a space of 3 dimensions")
    if "space directions" in fields.values:
        if "spacings" in fields.values:
            raise fields.refusal("spacings", "none beside space directions")
        vectors = _vectors(fields, "space directions", axes)
        columns = _three(np.array([vectors[axis] for axis in spatial[:3]]).T)
        _, has_spacing = spaced(np.linalg.norm(columns, axis=0))
        if not has_spacing:
            columns = np.where(np.isfinite(columns).all(0) & columns.any(0), columns, np.eye(3))
        affine[:3, :3] = columns
    else:
        spacings = fields.numbers("spacings", axes)
        spacings, has_spacing = spaced(None if spacings is None else np.resize(spacings[spatial[:3]], 3))
        affine[:3, :3] = np.diag(spacings)
        if "axis mins" in fields.values:
            raise fields.refusal("axis mins", "space directions and a space origin in place of this")
    if "space origin" in fields.values:
        affine[:3, 3] = _vectors(fields, "space origin", 1)[0]
    to_ras = fields.choice("space", _TO_RAS, "LPS")
    said = fields.values.get("space units", fields.values.get("units", ""))
    units = re.findall(r'"([^"]*)"', said) or said.split()  # some writers leave the quotes out
    in_mm = all(unit in _MM for unit in units)
    return to_ras @ affine, has_spacing and in_mm


def _three(columns: np.ndarray) -> np.ndarray:
    """(3, 3) directions; where there are two, of the planes of a sequence, the third is their normal of 1 mm."""
    if columns.shape != (3, 2):
        return columns
    normal = np.cross(*columns.T)
    length = np.linalg.norm(normal)
    return np.column_stack([columns, normal / length if length > 0 else np.zeros(3)])


def _vectors(fields: Fields, name: str, count: int) -> list[np.ndarray]:
    """Vectors of three numbers, NaN for those that are `none`."""
    text = fields.values[name]
    found = list(_VECTOR.finditer(text))
    refusal = fields.refusal(name, f"{count} vectors of three numbers, (x,y,z)")
    if len(found) != count or _VECTOR.sub("", text).strip():
        raise refusal
    vectors = []
    for match in found:
        numbers = match[1] or "nan,nan,nan"
        if numbers.count(",") != 2:
            raise refusal
        vectors.append(Fields(fields.path, {name: numbers.replace(",", " ")}).numbers(name, 3))
    return vectors


def nrrd_text(written: Written, data_name: str | None, compressed_bytes: int) -> str:
    """The header of what is written, see `write_headed`."""
    lps = LPS_TO_RAS @ written.affine
    fields = {
        "type": next(name for name, dtype in _TYPES.items() if dtype == written.array.dtype.newbyteorder("=")),
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, written.array.shape)),
        "space directions": " ".join(f"({numbers_text(column, ',')})" for column in lps[:3, :3].T),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "gzip",
        "space origin": f"({numbers_text(lps[:3, 3], ',')})",
    }
    if data_name is not None:
        fields["data file"] = data_name
    return "".join(["NRRD0004\n", *(f"{name}: {value}\n" for name, value in fields.items()), "\n"])


def segments_text(written: Written, data_name: str | None, compressed_bytes: int) -> str:
    """The same with labels named and coloured as 3D Slicer's segments."""
    text = nrrd_text(written, data_name, compressed_bytes)
    if not written.labels:
        return text
    metadata = segment_metadata(written.array, written.names, written.colours)
    escaped = {key: value.replace("\\", "\\\\").replace("\n", "\\n") for key, value in metadata.items()}
    return text.removesuffix("\n") + "".join([*(f"{key}:={value}\n" for key, value in escaped.items()), "\n"])


FORMATS = (
    headed_format(
        "nrrd",
        (".seg.nrrd",),
        nrrd_header,
        write=partial(write_headed, segments_text, gzip=True),
        names_segments=True,
    ),
    headed_format("nrrd", (".nrrd",), nrrd_header, write=partial(write_headed, nrrd_text, gzip=True)),
    headed_format(
        "nrrd",
        (".nhdr",),
        nrrd_header,
        write=partial(write_headed, nrrd_text, gzip=True, data_ending=".raw.gz"),
        data_endings=(".raw.gz", ".raw"),
    ),
)
