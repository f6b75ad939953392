"""MetaImage and NRRD files as arrays in stored axis order with an affine in RAS millimetres."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ifss_keras.volumes.formats.fields import Header
from ifss_keras.volumes.formats.format import Format
from ifss_keras.volumes.formats.itk import write_itk
from ifss_keras.volumes.formats.stored import Stored
from ifss_keras.volumes.formats.voxels import read_voxels

HeaderReader = Callable[[Path], Header]


def headed_format(name: str, suffixes: tuple[str, ...], image_io: str, header_of: HeaderReader, **more) -> Format:
    """A format whose files begin with a text header that can name other files.

    Args:
        name, suffixes, more: as in `Format`.
        image_io: ITK's name of the format, which writes it.
        header_of: reads its headers.
    """
    return Format(
        name,
        suffixes,
        partial(read_headed, header_of),
        partial(_voxels, header_of),
        write=partial(write_itk, image_io, header_of, more.get("names_segments", False)),
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


def _voxels(header_of: HeaderReader, path: Path) -> int:
    header = header_of(path)
    return math.prod(size for axis, size in enumerate(header.layout.shape) if axis != header.component_axis)


def _files(header_of: HeaderReader, path: Path) -> list[Path]:
    return [path, *(other for other in header_of(path).layout.files if other != path)]
