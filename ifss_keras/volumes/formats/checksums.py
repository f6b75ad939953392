"""Whether the compressed voxels of a MetaImage or NRRD file are whole.

ITK's readers stop once they have as many bytes as they need and never compare checksums (measured: a flipped
bit changes up to a twentieth of the voxels without an error), so the stream is decompressed once more here.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO

_FIELD = re.compile(rb"\s*(\w[\w ]*?)\s*[:=]+\s*(.*?)\s*$")
_PIECE_BYTES = 1 << 20
_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32


def is_intact(path: Path) -> bool:
    """Whether a compressed stream ends where it should with the right checksum; true if not compressed.

    Args:
        path: a file whose header is known to be a MetaImage or NRRD header; the data may lie beside it.
    """
    data = _compressed_data(path)
    if data is None or not data[0].is_file():  # a list or a pattern of files, or none: ITK finds out
        return True
    return _is_whole(*data)


def is_complete(path: Path) -> bool:
    """Whether a MetaImage or NRRD file that was just written compressed is there to its last byte."""
    data = _compressed_data(path)
    return data is not None and data[0].is_file() and _is_whole(*data)


def data_beside(path: Path) -> Path | None:
    """The one other file that holds the voxels of a MetaImage or NRRD header, None where there is none such."""
    with path.open("rb") as file:
        fields = _header_fields(file)
    beside = _data_file(path, fields)
    several = beside.name.upper().startswith("LIST") or "%" in beside.name
    return None if several or beside == path else beside


def _compressed_data(path: Path) -> tuple[Path, int] | None:
    """The file of the compressed voxels and where in it they begin; None if the header speaks of none."""
    with path.open("rb") as file:
        fields = _header_fields(file)
        begin = file.tell()
    compressed = fields.get(b"compresseddata", b"").lower() == b"true"
    if not compressed and fields.get(b"encoding") not in (b"gzip", b"gz"):
        return None
    data_file = _data_file(path, fields)
    return data_file, begin if data_file == path else 0


def _data_file(path: Path, fields: dict[bytes, bytes]) -> Path:
    """The file of the voxels as the header at `path` names it, which is the header's own where it names none."""
    name = fields.get(b"elementdatafile", fields.get(b"datafile", b"LOCAL"))
    return path if name.upper() == b"LOCAL" else path.parent / os.fsdecode(name)


def _header_fields(file: BinaryIO) -> dict[bytes, bytes]:
    """Key and value of each header line; leaves the file at the first byte after the header."""
    fields: dict[bytes, bytes] = {}
    while (line := file.readline(_PIECE_BYTES)).strip():
        if match := _FIELD.match(line):
            key = match[1].replace(b" ", b"").lower()
            fields.setdefault(key, match[2])
            if key == b"elementdatafile":
                break
    return fields


def _is_whole(path: Path, begin: int) -> bool:
    stream = zlib.decompressobj(_ZLIB_OR_GZIP)
    with path.open("rb") as file:
        file.seek(begin)
        try:
            while not stream.eof:
                piece = stream.unconsumed_tail or file.read(_PIECE_BYTES)
                if not piece:
                    return False
                stream.decompress(piece, 4 * _PIECE_BYTES)
        except zlib.error:
            return False
    return True
