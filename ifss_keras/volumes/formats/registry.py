"""Which format a file has, by its suffix, and who reads and writes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.fields import Header
from ifss_keras.volumes.formats.headed import read_headed
from ifss_keras.volumes.formats.itk import write_itk
from ifss_keras.volumes.formats.metaimage import metaimage_header
from ifss_keras.volumes.formats.nifti import nifti_shape, read_nifti, write_nifti
from ifss_keras.volumes.formats.nrrd import nrrd_header
from ifss_keras.volumes.formats.stored import Stored


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: for `Source.format`.
        read: (path, most GB of memory or None for what is free) to `Stored`.
        write: (path, array in stored order, affine to RAS mm, header of the grid's own file or None, custom fields or
            None) to None; what the format cannot hold is left out.
        header: (path) to `Header`, where it has one that can name other files.
        data_endings: of the second file, where the suffix is that of a header without voxels.
        segments: it names and colours labels as 3D Slicer's segments.
    """

    name: str
    read: Callable[[Path, float | None], Stored]
    write: Callable
    header: Callable[[Path], Header] | None = None
    data_endings: tuple[str, ...] = ()
    segments: bool = False


_NIFTI = Format("nifti", read_nifti, write_nifti)


def _headed(name: str, image_io: str, header_of: Callable[[Path], Header]) -> Callable[..., Format]:
    return partial(Format, name, partial(read_headed, header_of), partial(write_itk, image_io, header_of), header_of)


_METAIMAGE = _headed("metaimage", "MetaImageIO", metaimage_header)
_NRRD = _headed("nrrd", "NrrdImageIO", nrrd_header)

# Longer suffixes first: the first that fits is taken.
FORMATS = {
    ".nii.gz": _NIFTI,
    ".nii": _NIFTI,
    ".mha": _METAIMAGE(),
    ".mhd": _METAIMAGE(data_endings=(".zraw", ".raw")),
    ".seg.nrrd": _NRRD(segments=True),
    ".nrrd": _NRRD(),
    ".nhdr": _NRRD(data_endings=(".raw.gz", ".raw")),
}


def format_of(path: Path) -> Format:
    """The format of a file.

    Raises:
        InputError: an unknown suffix; the text lists those there are.
    """
    for suffix, file_format in FORMATS.items():
        if path.name.lower().endswith(suffix):
            return file_format
    raise InputError(
        f"{path} has an unknown extension: expected one of {', '.join(FORMATS)}; convert or rename the file."
    )


def voxels_in(path: Path) -> int:
    """How many voxels a file's header says that there are; components of colours count once.

    Raises:
        InputError: the header cannot be used.
        OSError: the file cannot be read.
    """
    header_of = format_of(path).header
    if header_of is None:
        return math.prod(nifti_shape(path))
    header = header_of(path)
    return math.prod(size for axis, size in enumerate(header.layout.shape) if axis != header.component_axis)


def files_of(path: Path) -> list[Path]:
    """The file of a volume, and where its header says so the others, which hold its voxels.

    Raises:
        InputError: the header cannot be used.
    """
    header_of = format_of(path).header
    others = header_of(path).layout.files if header_of and path.is_file() else ()
    return [path, *(other for other in others if other != path)]


def files_made(path: Path) -> list[Path]:
    """The files that writing to `path` can make or replace."""
    return [path, *(path.with_suffix(ending) for ending in format_of(path).data_endings)]
