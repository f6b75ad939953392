"""Which format a file or a folder has. A new format is one more file here, and one more line in `ALL`."""

from __future__ import annotations

from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats import frames, metaimage, nifti, nrrd, tiff
from ifss_keras.volumes.formats.dicom import format as dicom
from ifss_keras.volumes.formats.format import Format
from ifss_keras.volumes.formats.matlab import format as matlab
from ifss_keras.volumes.formats.tracked import stradwin

ALL = (
    *nifti.FORMATS,
    *metaimage.FORMATS,
    *nrrd.FORMATS,
    *dicom.FORMATS,
    *matlab.FORMATS,
    *tiff.FORMATS,
    *frames.FORMATS,
    *stradwin.FORMATS,
)

FORMATS: dict[str, Format] = {suffix: held for held in ALL for suffix in held.suffixes}


def suffix_of(path: Path) -> str | None:
    """The longest suffix of a format that a file's name ends with, in lower case; None: no format has its suffix."""
    return max((suffix for suffix in FORMATS if path.name.lower().endswith(suffix)), key=len, default=None)


def file_of(path: Path) -> Path:
    """The file or folder that a path leads to: itself, unless it names a part of a file, as in `a.mat:name`."""
    for held in ALL:
        if held.file and (file := held.file(path)) != path:
            return file
    return path


def format_of(path: Path) -> Format:
    """The format of a file, by its suffix; of a folder, or where no format has that suffix, by what it holds.

    Raises:
        InputError: none takes it; the text lists the suffixes there are.
    """
    suffix = suffix_of(file_of(path))
    if suffix and not path.is_dir():
        return FORMATS[suffix]
    if path.exists():
        for held in ALL:
            if held.takes and held.takes(path):
                return held
    if path.is_dir():
        raise InputError(
            f"{path} is a folder: expected an image file, or a folder of DICOM files; give the one inside it."
        )
    raise InputError(
        f"{path} has an unknown extension: expected one of {', '.join(FORMATS)}; convert or rename the file."
    )


def writing_format(path: Path) -> Format:
    """The format in which a file of that name is written.

    Raises:
        InputError: its extension is unknown, or that of a format that is only read.
    """
    suffix = suffix_of(path)
    if suffix and FORMATS[suffix].write:
        return FORMATS[suffix]
    written = ", ".join(suffix for suffix, held in FORMATS.items() if held.write)
    fault = "an extension that can only be read" if suffix else "an unknown extension"
    raise InputError(f"{path} has {fault}: expected one of {written}; convert or rename the file.")


def voxels_in(path: Path) -> int:
    """How many voxels a file's header says that there are; components of colours count once.

    Raises:
        InputError: the header cannot be used.
        OSError: the file cannot be read.
    """
    return format_of(path).voxels(path)


def files_of(path: Path) -> list[Path]:
    """The file of a volume, and the others that hold its voxels.

    Raises:
        InputError: the header cannot be used.
    """
    files = format_of(path).files
    return files(path) if files and file_of(path).exists() else [path]


def files_made(path: Path) -> list[Path]:
    """The files that writing to `path` can make or replace."""
    return [path, *(path.with_suffix(ending) for ending in writing_format(path).data_endings)]
