"""Arrays as the nnInteractive protocol carries them: a header of its own, then chunks packed by blosc2.

Everything here comes from a stranger, so every size is read and bounded before a byte is unpacked.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import blosc2
import numpy as np

from ifss_keras.core.errors import InputError

MAGIC, VERSION = b"NNIA", 1
CODECS = {1: blosc2.Codec.ZSTD, 2: blosc2.Codec.LZ4}  # by their numbers in the header
KINDS = (
    *("bool", "uint8", "uint16", "uint32", "uint64"),
    *("int8", "int16", "int32", "int64", "float16", "float32", "float64"),
)
CHUNK_BYTES = 1 << 30  # of an array at most in one chunk: blosc2 counts in 32 bits
MOST_AXES = 4

_HEADER, _COUNT, _SIZES = struct.Struct("<4sBBBB"), struct.Struct("<I"), struct.Struct("<QQ")
_CHUNK_HEADER_BYTES = 32
_CODEC_FORMATS = {0, 1, 4}  # not compressed, LZ4 and Zstandard, in the three highest bits of a chunk's flags
_FILTERS = {0, 1, 2}  # none, bytes shuffled, bits shuffled: no others, which may be plug-ins
_SPECIAL = 0x70  # of the last byte of a chunk's header: all zeros and the like


class TooLargeError(InputError):
    """What arrives, or what it would become, is larger than what there is room for."""


@dataclass(frozen=True)
class ArrayHeader:
    """What a packed array says of itself.

    Attributes:
        shape, dtype: of the array.
        begin: where its chunks begin, in bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    begin: int

    @property
    def size_bytes(self) -> int:
        """Of the array, unpacked."""
        return math.prod(self.shape) * self.dtype.itemsize

    @classmethod
    def of(cls, packed: bytes) -> ArrayHeader:
        """The header of a packed array; nothing is unpacked.

        Raises:
            InputError: it is none, or of a kind that is not taken.
        """
        try:
            magic, version, codec, axes, letters = _HEADER.unpack_from(packed, 0)
            begin = _HEADER.size + letters
            kind = bytes(packed[_HEADER.size : begin]).decode("ascii")
            shape = struct.unpack_from(f"<{axes}q", packed, begin)
        except (struct.error, UnicodeDecodeError):
            raise InputError(_BROKEN) from None
        if (magic, version) != (MAGIC, VERSION) or codec not in CODECS or not 1 <= axes <= MOST_AXES:
            raise InputError(_BROKEN)
        if kind not in KINDS:
            raise InputError(f"The array holds {kind!r:.40} values: expected one of {', '.join(KINDS)}.")
        if min(shape) < 1:
            raise InputError(f"The array has shape {shape}: expected sizes of 1 or more.")
        return cls(shape, np.dtype(kind), begin + 8 * axes)


_BROKEN = (
    "The body is no array as nninteractive-client 2 packs it: it is cut off, changed, or of another version; use a "
    "client of that version."
)


def unpack(packed: bytes, most_bytes: int) -> np.ndarray:
    """The array in a body.

    Args:
        packed: as `pack` of any client of the protocol makes it.
        most_bytes: that the array may take.

    Raises:
        TooLargeError: it says that it is larger.
        InputError: it is broken, or packed in a way that no client packs.
    """
    header = ArrayHeader.of(packed)
    if header.size_bytes > most_bytes:
        raise TooLargeError(
            f"The array would take {header.size_bytes / 1e6:,.1f} MB: expected at most {most_bytes / 1e6:,.1f} MB; "
            "send a smaller one."
        )
    array = np.empty(math.prod(header.shape), header.dtype)
    view, done, at = memoryview(packed), 0, header.begin
    try:
        (chunks,) = _COUNT.unpack_from(packed, at)
        at += _COUNT.size
        for _ in range(chunks):
            size, packed_size = _SIZES.unpack_from(packed, at)
            at += _SIZES.size
            chunk = view[at : at + packed_size]
            _check_chunk(chunk, size, packed_size)
            first, after = done // array.itemsize, (done + size) // array.itemsize
            if size % array.itemsize or after > array.size:
                raise InputError(_BROKEN)
            blosc2.decompress2(chunk, dst=array[first:after])
            done, at = done + size, at + packed_size
    except (struct.error, ValueError, RuntimeError, TypeError):
        raise InputError(_BROKEN) from None
    if done != array.nbytes or at != len(packed):
        raise InputError(_BROKEN)
    return array.reshape(header.shape)


def _check_chunk(chunk: memoryview, size: int, packed_size: int) -> None:
    """Refuses a chunk that is not what is said of it, or that would need a plug-in or a file to be read."""
    if not 0 < size <= CHUNK_BYTES or len(chunk) != packed_size or packed_size < _CHUNK_HEADER_BYTES:
        raise InputError(_BROKEN)
    held_size, held_packed_size, _ = blosc2.get_cbuffer_sizes(chunk)
    known = chunk[2] >> 5 in _CODEC_FORMATS and set(chunk[16:22]) <= _FILTERS and not chunk[31] & ~_SPECIAL
    if (held_size, held_packed_size) != (size, packed_size) or not known:
        raise InputError(_BROKEN)


def pack(array: np.ndarray) -> bytes:
    """A body that the clients unpack.

    Args:
        array: 1 to 4 axes, of one of `KINDS`.
    """
    array = np.ascontiguousarray(array)
    kind = array.dtype.name.encode("ascii")
    raw = memoryview(array).cast("B")
    starts = range(0, len(raw), CHUNK_BYTES)
    parts = [_HEADER.pack(MAGIC, VERSION, 1, array.ndim, len(kind)), kind, struct.pack(f"<{array.ndim}q", *array.shape)]
    parts.append(_COUNT.pack(len(starts)))
    for start in starts:
        held = raw[start : start + CHUNK_BYTES]
        chunk = blosc2.compress2(
            held, typesize=array.itemsize, codec=CODECS[1], clevel=1, filters=[blosc2.Filter.NOFILTER]
        )
        parts += [_SIZES.pack(len(held), len(chunk)), chunk]
    return b"".join(parts)
