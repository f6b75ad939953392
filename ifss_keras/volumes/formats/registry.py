"""Which format a file has, by its suffix, and who reads and writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.checksums import data_beside
from ifss_keras.volumes.formats.itk import read_itk, write_itk
from ifss_keras.volumes.formats.nifti import read_nifti, write_nifti
from ifss_keras.volumes.formats.stored import Stored


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: for `Source.format`.
        read: (path) to `Stored`.
        write: (path, array in stored order, affine to RAS mm, header of the grid's own file or None, custom fields or
            None) to None; what the format cannot hold is left out.
        data_endings: of the second file, where the suffix is that of a header without voxels.
        segments: it names and colours labels as 3D Slicer's segments.
    """

    name: str
    read: Callable[[Path], Stored]
    write: Callable
    data_endings: tuple[str, ...] = ()
    segments: bool = False


_NIFTI = Format("nifti", read_nifti, write_nifti)
_METAIMAGE = partial(Format, "metaimage", partial(read_itk, file_format="metaimage"), partial(write_itk, "metaimage"))
_NRRD = partial(Format, "nrrd", partial(read_itk, file_format="nrrd"), partial(write_itk, "nrrd"))

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


def files_of(path: Path) -> list[Path]:
    """The file of a volume, and where its header says so the second one, which holds its voxels."""
    data = data_beside(path) if path.is_file() and format_of(path).data_endings else None
    return [path] if data is None else [path, data]


def files_made(path: Path) -> list[Path]:
    """The files that writing to `path` can make or replace."""
    return [path, *(path.with_suffix(ending) for ending in format_of(path).data_endings)]
