"""Large arrays in a temporary file: a process holds only the pages of them that it used last.

So memory does not grow with a volume, and what its file does meanwhile is nothing to it: the voxels are the process's
own. (To map the file itself would save the copy, but whoever shortens a mapped file ends the process.)
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

MOST_HELD_BYTES = 64 << 20  # of an array that stays in memory
USED_BYTES = 24 << 20  # after so many have been looked at or written, an array's pages are given back
_BLOCK_BYTES = 2 << 20  # that Linux may map at once around what is looked at
_ROOM = 2  # so many times its size must be free for a file


class PagedArray(np.memmap):
    """An array in a temporary file that is gone with it; planes taken of it are plain arrays on that memory.

    Its pages are given back to the system as it is read and written along an axis, plane by plane; what was written
    stays. An operation on all of it at once needs memory for all of it.
    """

    _use = None  # one for all views of an array

    def __array_finalize__(self, source: Any) -> None:
        super().__array_finalize__(source)
        self._use = getattr(source, "_use", None) or _Use()

    def __array_wrap__(self, array, context=None, return_scalar=False):
        if array is self:
            return array
        return array[()] if return_scalar else np.asarray(array)

    def __getitem__(self, index):  # NumPy comes by here, too, where a plane is assigned
        part = super().__getitem__(index)
        if not isinstance(part, np.ndarray):
            return part
        if self._mmap is not None and self._use.exceeded_by(part):
            _give_back(self._mmap)
        return part if part._mmap is not None and part.ndim == self.ndim else part.view(np.ndarray)


class _Use:
    """How much of an array is mapped, at most."""

    def __init__(self):
        self.bytes, self.last_block = 0, -1

    def exceeded_by(self, part: np.ndarray) -> bool:
        """Whether it becomes too much with one more part; then counting begins anew with it."""
        if not part.size:
            return False
        low, high = np.lib.array_utils.byte_bounds(part)
        first, last = low // _BLOCK_BYTES, (high - 1) // _BLOCK_BYTES
        blocks = last - first + (first != self.last_block)
        more = min(blocks * _BLOCK_BYTES, part.nbytes + 2 * _BLOCK_BYTES)
        exceeded = self.bytes + more > USED_BYTES
        self.bytes, self.last_block = more + (0 if exceeded else self.bytes), last
        return exceeded


def large_zeros(shape: Sequence[int], dtype: np.dtype | type, order: str = "C") -> np.ndarray:
    """An array of zeros, in a temporary file if it is larger than `MOST_HELD_BYTES` and there is room for one.

    Args:
        shape, dtype, order: as in `numpy.zeros`.
    """
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size > MOST_HELD_BYTES:
        try:
            with tempfile.TemporaryFile() as file:
                _reserve(file, size)
                return PagedArray(file, dtype, "r+", shape=tuple(shape), order=order)
        except OSError:  # no room, or none that can be mapped
            pass
    return np.zeros(shape, dtype, order)


def as_array(values: Any) -> np.ndarray:
    """The values as `numpy.asarray` has them, but a `PagedArray` stays one."""
    return values if isinstance(values, PagedArray) else np.asarray(values)


def _give_back(mapped: mmap.mmap) -> None:
    """Lets the system take the pages; what was written to them stays. Windows does so by itself."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _reserve(file: BinaryIO, size: int) -> None:
    """Makes a file that long, and sure that it has its room: a page without would end the process."""
    if shutil.disk_usage(tempfile.gettempdir()).free < _ROOM * size:
        raise OSError("too little room for a temporary file")
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
