"""The voxels in a file, read only if they are as many as its header says.

A header is not believed: before any memory is taken, what it claims is compared with the size of the file (deflate
shortens by no more than 1032 times) and with the memory allowed; a compressed stream is read to its end, so that its
checksum is compared, too. (ITK's reader does neither: it hands on uninitialised memory where a stream ends early.)
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from isal import isal_zlib

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.core.paged import large_zeros

_GZIP = b"\x1f\x8b"
MOST_SHORTENED = 1032
LEVEL = 2  # of compression: masks become as small as at any, images a tenth larger in an eighth of the time
_PIECE_BYTES = 1 << 20
_NOTHING = bytes(_PIECE_BYTES)
_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32


@dataclass(frozen=True)
class Layout:
    """How the voxels of a volume are stored, as a header says.

    Attributes:
        shape: their axes, the fastest first.
        dtype: of one value, in the file's byte order.
        files: that hold equally many, one after the other.
        begin: byte of each file where they, or their compressed stream, begin; None where they are its last ones.
        compressed: a zlib or gzip stream.
        skipped: bytes before them in the decompressed stream.
        stream_bytes: length of that stream, None for up to the end of the file.
        followed: whether other things than padding come behind them in their file or stream.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    files: tuple[Path, ...]
    begin: int | None = 0
    compressed: bool = False
    skipped: int = 0
    stream_bytes: int | None = None
    followed: bool = False

    @property
    def bytes(self) -> int:
        """Of all voxels."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def row_bytes(self) -> int:
        """Of one row along the fastest axis; as many or more behind the last voxel mean that the header is wrong."""
        return self.shape[0] * self.dtype.itemsize


def read_voxels(layout: Layout, path: Path, max_gb: float | None, more_bytes: int = 0) -> np.ndarray:
    """The voxels in Fortran order, in the machine's byte order, in memory of their own: see `large_zeros`.

    Args:
        path: the file of the header, for texts.
        max_gb: see `check_memory`.
        more_bytes: that will be taken beside them.

    Raises:
        InputError: a file is missing, holds fewer or clearly more than the header says, or fails its check; or too
            little memory is allowed.
    """
    share, rest = divmod(layout.bytes, len(layout.files))
    if rest:
        raise InputError(f"{path} names {len(layout.files)} files of voxels: expected them to share its slices evenly.")
    for file in layout.files:
        _check_size(layout, share, file, path)
    check_memory(layout.bytes + layout.skipped + more_bytes, str(path), max_gb, settable=True)
    buffer = large_zeros((layout.bytes,), np.uint8)
    for place, file in enumerate(layout.files):
        part = buffer[place * share : (place + 1) * share]
        try:
            (_decompress if layout.compressed else _copy)(layout, file, part, path)
        except (EOFError, zlib.error):
            raise InputError(
                f"{path} is truncated or corrupted: its compressed voxels end early or fail their check; copy or "
                "export it again."
            ) from None
    values = buffer.view(layout.dtype)
    if not values.dtype.isnative:
        for first in range(0, len(values), _PIECE_BYTES):
            values[first : first + _PIECE_BYTES].byteswap(inplace=True)
        values = values.view(values.dtype.newbyteorder("="))
    return values.reshape(layout.shape, order="F")


def decompressed_start(file: Path, count: int) -> bytes:
    """The first bytes of a gzip stream; fewer where it ends or breaks."""
    start = b""
    with file.open("rb") as opened:
        try:
            for piece in inflated(opened, count):
                start += piece
                if len(start) >= count:
                    break
        except (EOFError, zlib.error):
            pass
    return start[:count]


def is_gzip(file: Path) -> bool:
    """Whether it begins as gzip does."""
    with file.open("rb") as opened:
        return opened.read(len(_GZIP)) == _GZIP


def inflated(file: BinaryIO, most: int = _PIECE_BYTES, limit: int | None = None) -> Iterator[bytes]:
    """The pieces of a zlib stream, or of gzip members one after the other, to the end.

    Args:
        most: bytes of a piece.
        limit: bytes of the file that may be looked at.

    Raises:
        EOFError, zlib.error: it ends early, or fails its check.
    """
    left = math.inf if limit is None else limit
    stream, waiting = isal_zlib.decompressobj(_ZLIB_OR_GZIP), b""
    while True:
        if len(waiting) < len(_GZIP):
            waiting += (read := file.read(int(min(_PIECE_BYTES, left))))
            left -= len(read)
        if stream.eof:
            if not waiting.startswith(_GZIP):
                return
            stream = isal_zlib.decompressobj(_ZLIB_OR_GZIP)
        if not waiting:
            raise EOFError
        try:
            piece = stream.decompress(waiting, most)
        except isal_zlib.error as error:
            raise zlib.error(str(error)) from None
        yield piece
        waiting = stream.unused_data if stream.eof else stream.unconsumed_tail


def deflated(planes: Iterable[np.ndarray], *, gzip: bool) -> Iterator[bytes]:
    """The pieces of a zlib or gzip stream of planes one after the other, each in C order, little-endian."""
    stream = isal_zlib.compressobj(LEVEL, wbits=zlib.MAX_WBITS | (16 if gzip else 0))
    for plane in planes:
        yield stream.compress(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)
    yield stream.flush()


def _check_size(layout: Layout, needed: int, file: Path, path: Path) -> None:
    if not file.is_file():
        raise InputError(f"{path} has its voxels in a file beside it, {file.name!r}, which is missing; copy both.")
    held = file.stat().st_size - (layout.begin or 0)
    if layout.compressed:
        if layout.stream_bytes is not None and layout.stream_bytes > held:
            raise _other_size(path, layout.stream_bytes, f"{max(held, 0)}", "compressed voxels")
        if needed + layout.skipped > (most := max(held, 0) * MOST_SHORTENED):
            raise _other_size(path, needed, f"at most {most}")
    elif held < needed or (layout.begin is not None and not layout.followed and held >= needed + layout.row_bytes):
        raise _other_size(path, needed, f"{max(held, 0)}")


def _copy(layout: Layout, file: Path, part: np.ndarray, path: Path) -> None:
    with file.open("rb") as opened:
        opened.seek(file.stat().st_size - part.size if layout.begin is None else layout.begin)
        for first in range(0, part.size, _PIECE_BYTES):
            piece = part[first : first + _PIECE_BYTES]
            if (count := opened.readinto(memoryview(piece))) < piece.size:  # it became shorter meanwhile
                raise _other_size(path, part.size, str(first + count))


def _decompress(layout: Layout, file: Path, part: np.ndarray, path: Path) -> None:
    """Fills `part`, which holds zeros, from a compressed stream that must end less than a row behind it.

    Zeros are not written once more: a file of a few annotated slices takes memory for these alone.
    """
    first, last = layout.skipped, layout.skipped + part.size
    done = 0
    with file.open("rb") as opened:
        opened.seek(layout.begin or 0)
        for piece in inflated(opened, limit=layout.stream_bytes):
            taken = memoryview(piece)[max(first - done, 0) : max(last - done, 0)]
            if piece != _NOTHING[: len(piece)]:
                begin = max(done - first, 0)
                part[begin : begin + len(taken)] = taken
            done += len(piece)
            if not layout.followed and done - last >= layout.row_bytes:
                raise _other_size(path, part.size, "more")
    if done < last:
        raise _other_size(path, part.size, str(max(done - first, 0)))


def _other_size(path: Path, expected: int, received: str, what: str = "voxels") -> InputError:
    return InputError(
        f"{path} is truncated or corrupted: expected {expected} bytes of {what} as its header says, received "
        f"{received}; copy or export it again."
    )
