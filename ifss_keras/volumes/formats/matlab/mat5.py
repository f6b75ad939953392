"""MAT-files of version 5 (MATLAB's -v6 and -v7): which variables there are, and where their numbers lie.

Format: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf. Its elements tell their length first, which is
compared with what there is before anything is read; numbers are then read by `read_voxels`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ifss_keras.volumes.formats.matlab.variable import MOST_CELLS, MOST_DEPTH, SMALL_BYTES, Variable, damaged
from ifss_keras.volumes.formats.voxels import Layout, inflated, read_voxels

HEADER_BYTES = 128
ORDERS = {b"IM": "<", b"MI": ">"}  # the last bytes of the header

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "ascii", 2: "ascii", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_ENDIAN = {"<": "-le", ">": "-be"}
_CELL, _STRUCT, _CHAR, _OPAQUE = 1, 2, 4, 17
_KINDS = (
    *("nothing", "cell", "struct", "object", "char", "sparse", "double", "single"),
    *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "function", "opaque"),
)
_FIRST_NUMERIC, _LAST_NUMERIC = 6, 15
_COMPLEX, _LOGICAL = 0x800, 0x200
_FLAWED = 0xFF  # no class
_MOST_HEADER_BYTES = 1 << 20  # of names and sizes


def mat5_variables(path: Path) -> list[Variable]:
    """The variables of a file and the fields of its structs; of large ones nothing but the header is read.

    Raises:
        InputError: it is truncated or corrupted.
    """
    found: list[Variable] = []
    try:
        with path.open("rb") as file:
            order = ORDERS[file.read(HEADER_BYTES)[-2:]]
            begin, size = HEADER_BYTES, path.stat().st_size
            while begin < size:
                begin = _read_top(path, file, order, begin, size, found)
    except (EOFError, zlib.error, ValueError):
        raise damaged(path, "its variables end early or contradict themselves") from None
    return found


def _read_top(path: Path, file: BinaryIO, order: str, begin: int, size: int, found: list[Variable]) -> int:
    """Adds one variable and its fields to those found; where the next one begins."""
    file.seek(begin)
    plain = _Plain(file)
    kind, count = np.frombuffer(plain.take(8), f"{order}u4").tolist()
    end = begin + 8 + count
    if not 0 < count <= size - begin - 8 or kind not in (_MATRIX, _COMPRESSED):
        raise EOFError
    if kind == _COMPRESSED:
        stream = _Inflated(file, count)
        kind, count = np.frombuffer(stream.take(8), f"{order}u4").tolist()
        if kind != _MATRIX:
            raise ValueError
        place = {"begin": begin + 8, "compressed": True, "stream_bytes": end - begin - 8}
        found.extend(_Elements(path, stream, order, place).variables(count))
    else:
        found.extend(_Elements(path, plain, order, {}).variables(count))
    return end


class _Plain:
    """The bytes of a file, from where it stands."""

    def __init__(self, file: BinaryIO):
        self.file = file

    @property
    def place(self) -> int:
        return self.file.tell()

    def take(self, count: int) -> bytes:
        taken = self.file.read(count)
        if len(taken) < count:
            raise EOFError
        return taken

    def skip(self, count: int) -> None:
        self.file.seek(count, 1)


class _Inflated:
    """The bytes of a zlib stream in a file, from where it stands; only a piece of it is in memory."""

    def __init__(self, file: BinaryIO, count: int):
        self.pieces = inflated(file, limit=count)
        self.held, self.place = b"", 0

    def take(self, count: int) -> bytes:
        while len(self.held) < count:
            self.held += self._next()
        taken, self.held = self.held[:count], self.held[count:]
        self.place += count
        return taken

    def skip(self, count: int) -> None:
        self.place += count
        while len(self.held) < count:
            count -= len(self.held)
            self.held = self._next()
        self.held = self.held[count:]

    def _next(self) -> bytes:
        piece = next(self.pieces, None)
        if piece is None:
            raise EOFError
        return piece


class _Elements:
    """Reads the elements of one variable; `place` says in which stream of the file they lie, if in one."""

    def __init__(self, path: Path, source: _Plain | _Inflated, order: str, place: dict):
        self.path, self.source, self.order, self.place = path, source, order, place

    def variables(self, count: int) -> list[Variable]:
        """The variable whose element, of `count` bytes, begins here, and its fields; none if it has no name."""
        found = list(self._matrix(count, None, 0))
        return found if found and found[0].name else []  # MATLAB keeps a workspace of functions without a name

    def _matrix(self, count: int, name: str | None, depth: int) -> Iterator[Variable]:
        """A variable, and after it its fields; it is left behind its last byte."""
        end = self.source.place + count
        if not count:
            yield Variable(name or "", "nothing", (0, 0))
            return
        flags = next(iter(self._wholes(16)), _FLAWED)
        code = flags & 0xFF
        shape = () if code == _OPAQUE else tuple(self._wholes(256))
        own = self._text(_MOST_HEADER_BYTES)
        name = own if name is None else name
        if code >= len(_KINDS) or (code != _OPAQUE and len(shape) < 2) or min(shape, default=0) < 0:
            raise ValueError
        if flags & _COMPLEX:
            yield Variable(name, "complex", shape)
        elif _FIRST_NUMERIC <= code <= _LAST_NUMERIC:
            yield self._array(name, "logical" if flags & _LOGICAL else _KINDS[code], shape)
        elif code == _CHAR and math.prod(shape) <= SMALL_BYTES:
            yield Variable(name, "char", shape, value=self._text(4 * SMALL_BYTES))
        elif code == _CELL and math.prod(shape) <= MOST_CELLS and depth < MOST_DEPTH:
            cells = [self._cell(depth) for _ in range(math.prod(shape))]
            yield Variable(name, "cell", shape, value=cells)
        elif code == _STRUCT and math.prod(shape) == 1 and depth < MOST_DEPTH:
            yield Variable(name, "struct", shape)
            yield from self._fields(name, depth)
        else:
            yield Variable(name, _KINDS[code], shape)
        if self.source.place > end:
            raise ValueError
        if depth:  # the file says where the next variable begins
            self.source.skip(end - self.source.place)

    def _array(self, name: str, kind: str, shape: tuple[int, ...]) -> Variable:
        code, count, _ = self._tag()
        dtype = np.dtype(self.order + _NUMBERS.get(code, "V1"))
        if dtype.kind == "V" or count != math.prod(shape) * dtype.itemsize:
            raise ValueError
        begin = self.source.place
        where = {**self.place, "skipped": begin} if self.place else {"begin": begin}
        layout = Layout(shape, dtype, (self.path,), **where, followed=True)
        value = None
        if count <= SMALL_BYTES:
            value = np.frombuffer(self.source.take(count), dtype).reshape(shape, order="F")
        return Variable(name, kind, shape, partial(read_voxels, layout, self.path), value)

    def _cell(self, depth: int):
        """The value of one cell."""
        kind, count, _ = self._tag()
        if kind != _MATRIX:
            raise ValueError
        cell, *_ = self._matrix(count, "", depth + 1)
        return cell.value

    def _fields(self, name: str, depth: int) -> Iterator[Variable]:
        (length,) = self._wholes(8)
        names = self._data(_MOST_HEADER_BYTES)[1]
        if not 0 < length <= 1024 or len(names) % length:
            raise ValueError
        for first in range(0, len(names), length):
            field = names[first : first + length].split(b"\0")[0].decode("ascii", "replace")
            kind, count, _ = self._tag()
            if kind != _MATRIX:
                raise ValueError
            yield from self._matrix(count, f"{name}.{field}", depth + 1)

    def _tag(self) -> tuple[int, int, int]:
        """What the next element holds, how many bytes, and how many until the element after it."""
        (word,) = np.frombuffer(self.source.take(4), f"{self.order}u4").tolist()
        if word >> 16:  # up to 4 bytes that come at once
            if word >> 16 > 4:
                raise ValueError
            return word & 0xFFFF, word >> 16, 4
        (count,) = np.frombuffer(self.source.take(4), f"{self.order}u4").tolist()
        return word, count, count + -count % 8

    def _data(self, most: int) -> tuple[int, bytes]:
        """What the next element holds, and its bytes."""
        kind, count, room = self._tag()
        if count > most:
            raise ValueError
        content = self.source.take(count)
        self.source.skip(room - count)
        return kind, content

    def _wholes(self, most: int) -> list[int]:
        kind, content = self._data(most)
        dtype = np.dtype(self.order + _NUMBERS.get(kind, "f8"))
        if dtype.kind == "f":
            raise ValueError
        return np.frombuffer(content, dtype).tolist()

    def _text(self, most: int) -> str:
        kind, content = self._data(most)
        coding = _TEXTS.get(kind, "ascii")
        return content.decode(coding if coding in ("ascii", "utf-8") else coding + _ENDIAN[self.order], "replace")
