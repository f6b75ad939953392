"""MetaImage and NRRD files as arrays in stored axis order with an affine in RAS millimetres, and back."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from ifss_keras.volumes.formats.fields import Header
from ifss_keras.volumes.formats.format import Format, Written
from ifss_keras.volumes.formats.stored import Stored
from ifss_keras.volumes.formats.voxels import deflated, read_voxels

HeaderReader = Callable[[Path], Header]
HeaderText = Callable[[Written, str | None, int], str]


def headed_format(name: str, suffixes: tuple[str, ...], header_of: HeaderReader, **more) -> Format:
    """A format whose files begin with a text header that can name other files.

    Args:
        name, suffixes, more: as in `Format`.
        header_of: reads its headers.
    """
    return Format(
        name,
        suffixes,
        partial(read_headed, header_of),
        partial(_voxels, header_of),
        files=partial(_files, header_of),
        **more,
    )


def read_headed(header_of: HeaderReader, path: Path, max_gb: float | None) -> Stored:
    """The voxels of a file with a text header, in their stored type.

    Args:
        header_of: reads the header of the format.
        max_gb: see `check_memory`.

    Raises:
        InputError: header or voxels cannot be used, or more memory is needed than allowed.
    """
    header = header_of(path)
    array = read_voxels(header.layout, path, max_gb)
    components = header.component_axis is not None
    if components:
        array = np.moveaxis(array, header.component_axis, -1)
    if header.frame_axis is not None:
        array = np.moveaxis(array, header.frame_axis, 2)
    array = array[(slice(None),) * 3 + (0,) * (array.ndim - components - 3)]  # further axes hold one element each
    if components and array.shape[3] == 1:
        array = array[..., 0]
    metadata = dict(header.metadata)
    return Stored(array, header.affine, header.has_spacing, metadata=metadata, oriented=header.oriented)


def write_headed(
    header_text: HeaderText, path: Path, written: Written, *, gzip: bool, data_ending: str | None = None
) -> None:
    """Writes voxels compressed and little-endian; no more than a slice of them is copied.

    Args:
        header_text: (what is written, name of the file beside it that holds the voxels, or None where they follow, and
            their bytes once compressed) to the header.
        path, written: see `Format`.
        gzip: how the format compresses; otherwise as zlib.
        data_ending: of the file beside it, where there is one.
    """
    pieces = deflated(written.array.T, gzip=gzip)
    if data_ending is not None:
        data = path.with_suffix(data_ending)
        with data.open("wb") as voxels:
            voxels.writelines(pieces)
            size = voxels.tell()
        path.write_bytes(header_text(written, data.name, size).encode("utf-8", "replace"))
        return
    with tempfile.TemporaryFile(dir=path.parent) as voxels, path.open("wb") as file:
        voxels.writelines(pieces)
        file.write(header_text(written, None, voxels.tell()).encode("utf-8", "replace"))
        voxels.seek(0)
        shutil.copyfileobj(voxels, file)


def numbers_text(values: Iterable[float], separator: str = " ") -> str:
    """Numbers as a header holds them, without loss."""
    return separator.join(f"{value + 0.0:.17g}" for value in values)


def _voxels(header_of: HeaderReader, path: Path) -> int:
    header = header_of(path)
    return math.prod(size for axis, size in enumerate(header.layout.shape) if axis != header.component_axis)


def _files(header_of: HeaderReader, path: Path) -> list[Path]:
    return [path, *(other for other in header_of(path).layout.files if other != path)]
