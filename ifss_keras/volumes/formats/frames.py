"""A folder of frames, one PNG, JPEG, BMP or TIFF file for each slice, in the order of the numbers in their names.

The stored axes are columns, rows and frames. Other files in the folder are passed over; frames that are not named
alike, differ in size or type, or lack a number between others are refused. Opacity and EXIF's orientation are ignored.
Of labels, grey values and palette indices are codes; only the frames that hold any need to be there, numbered as those
of the image. No frame says how far frames lie apart: the spacing must be given.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.volumes.formats import tiff
from ifss_keras.volumes.formats.format import Format
from ifss_keras.volumes.formats.stored import Stored, grey
from ifss_keras.volumes.volume import Volume

NAME = "frames"

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_JPEG = (".jpg", ".jpeg")
_SUFFIXES = (*_PICTURES, *tiff.SUFFIXES)
_TYPES = {
    "1": "u1",
    "L": "u1",
    "P": "u1",
    "LA": "u1",
    "PA": "u1",
    "RGB": "u1",
    "RGBA": "u1",
    "RGBX": "u1",
    "CMYK": "u1",
}
_TYPES |= {"I;16": "u2", "I;16B": "u2", "I": "i4"}
_STRETCHED = {"L;2": 85, "L;4": 17}  # by what Pillow multiplies grey values of 2 and 4 bits
_FRAME_BYTES = 8  # of a pixel while its frame is decoded


def is_folder_of_frames(path: Path) -> bool:
    """Whether it is a folder with a picture in it."""
    return path.is_dir() and any(_is_frame(entry) for entry in path.iterdir())


def frame_files(folder: Path) -> list[Path]:
    """The frames of a folder, in their order.

    Raises:
        InputError: there are fewer than two, they are named in two ways, or numbers are missing or doubled.
    """
    frames = _by_number(folder)
    if len(frames) < 2:
        raise InputError(f"{folder} holds one frame, {next(iter(frames.values())).name}: expected 2 or more; add them.")
    _refuse_gaps(folder, frames)
    return list(frames.values())


def read_frames(path: Path, max_gb: float | None) -> Stored:
    """The frames as (i, j, k) grey values.

    Raises:
        InputError: see `frame_files`; frames that cannot be read, or differ; or more memory is needed than allowed.
    """
    return _stacked(path, max_gb, _grey)


def read_frame_labels(path: Path, max_gb: float | None, like: Volume | None) -> Stored:
    """The frames as (i, j, k) codes; where they are fewer than those of `like`, each at the frame of its number."""
    if like is not None and like.source.format == NAME:
        whole = list(_by_number(like.source.path))
        given = _by_number(path)
        if len(given) < len(whole):
            return _among(whole, given, path, max_gb)
    return _stacked(path, max_gb, _codes)


def frames_voxels(path: Path) -> int:
    """How many pixels all frames have, by the first one's header."""
    files = frame_files(path)
    return len(files) * math.prod(_size(files[0])[0])


def _is_frame(entry: Path) -> bool:
    return entry.suffix.lower() in _SUFFIXES and not entry.name.startswith(".") and entry.is_file()


def _by_number(folder: Path) -> dict[tuple[int, ...], Path]:
    """The frames of a folder by the numbers in their names, ascending.

    Raises:
        InputError: they are named in two ways, or numbers are doubled.
    """
    named: dict[tuple[str, str], dict[tuple[int, ...], Path]] = {}
    for path in sorted(entry for entry in folder.iterdir() if _is_frame(entry)):
        scheme = (re.sub(r"\d+", "#", path.stem).lower(), path.suffix.lower())
        numbers = tuple(map(int, re.findall(r"\d+", path.stem)))
        other = named.setdefault(scheme, {}).setdefault(numbers, path)
        if other != path:
            raise InputError(
                f"{folder} holds {other.name} and {path.name}, which have the same number: expected each once; "
                "remove one."
            )
    if len(named) > 1:
        first, second = (next(iter(held.values())).name for held in list(named.values())[:2])
        raise InputError(
            f"{folder} holds pictures named in {len(named)} ways, such as {first} and {second}: expected the frames of "
            "one volume, named alike but for their numbers; move the others away."
        )
    (frames,) = named.values()
    return dict(sorted(frames.items()))


def _refuse_gaps(folder: Path, frames: dict[tuple[int, ...], Path]) -> None:
    """Refuses numbers of which some are left out, which would make a muscle shorter than it is."""
    ordered = list(frames)
    table = np.array(ordered, object).reshape(len(ordered), -1)
    varying = [column for column in table.T if len(set(column)) > 1]
    if len(varying) != 1:  # as dates and times are
        return
    steps = np.diff(varying[0])
    for place in np.flatnonzero(steps != steps.min()):
        if all(step % steps.min() == 0 for step in steps):
            before, after = (frames[ordered[place + more]].name for more in (0, 1))
            raise InputError(
                f"{folder} holds {before} and then {after}: expected numbers without gaps, as frames are equally far "
                "apart; add what is missing, or number the frames anew."
            )


def _among(
    whole: list[tuple[int, ...]], given: dict[tuple[int, ...], Path], folder: Path, max_gb: float | None
) -> Stored:
    """The frames that are given, among empty ones, each where its numbers are in all."""
    places = {numbers: index for index, numbers in enumerate(whole)}
    for numbers, file in given.items():
        if numbers not in places:
            raise InputError(
                f"{file} belongs to no frame of the image: expected names with the numbers of its frames, received "
                f"{' '.join(map(str, numbers)) or 'none'}; rename it."
            )
    frames = _frames(folder, list(given.values()), max_gb, _codes)
    check_memory(len(whole) * frames[0].nbytes, str(folder), max_gb, settable=True)
    stacked = np.zeros((len(whole), *frames.shape[1:]), frames.dtype)
    stacked[[places[numbers] for numbers in given]] = frames
    return Stored(stacked.transpose(2, 1, 0), None, has_spacing=False)


def _stacked(folder: Path, max_gb: float | None, read: Callable[[Path], np.ndarray]) -> Stored:
    frames = _frames(folder, frame_files(folder), max_gb, read)
    return Stored(frames.transpose(2, 1, 0), None, has_spacing=False)


def _frames(folder: Path, files: list[Path], max_gb: float | None, read: Callable[[Path], np.ndarray]) -> np.ndarray:
    """(frame, row, column)."""
    (rows, columns), dtype = _size(files[0])
    for file in files:
        size, other = _size(file)
        if (size, other) != ((rows, columns), dtype):
            raise InputError(
                f"{folder} holds frames that differ: expected {rows} x {columns} pixels of {dtype} as in "
                f"{files[0].name}, received {size[0]} x {size[1]} of {other} in {file.name}; export them alike."
            )
    frame_bytes = rows * columns * _FRAME_BYTES
    check_memory(len(files) * rows * columns * dtype.itemsize + frame_bytes, str(folder), max_gb, settable=True)
    frames = np.empty((len(files), rows, columns), dtype)
    for index, file in enumerate(files):
        frames[index] = read(file)
    return frames


def _size(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """(rows, columns) of a frame, and the type of its grey values, as its header says."""
    if path.suffix.lower() in tiff.SUFFIXES:
        return tiff.page_size(path)
    with _opened(path) as picture:
        columns, rows = picture.size
        return (rows, columns), np.dtype(_TYPES[picture.mode])


def _grey(path: Path) -> np.ndarray:
    """(row, column) brightness."""
    if path.suffix.lower() in tiff.SUFFIXES:
        return tiff.read_page(path, codes=False)
    with _opened(path) as picture:
        if picture.mode == "LA":
            return np.asarray(picture)[..., 0]
        if picture.mode in ("P", "PA", "CMYK"):
            picture = picture.convert("RGB")
        return grey(_stored(np.asarray(picture)), path)[..., 0].T


def _codes(path: Path) -> np.ndarray:
    """(row, column) values as they are stored."""
    if path.suffix.lower() in tiff.SUFFIXES:
        return tiff.read_page(path, codes=True)
    if path.suffix.lower() in _JPEG:
        raise InputError(f"{path} cannot hold labels, as JPEG changes values: expected PNG, BMP or TIFF; export it so.")
    with _opened(path) as picture:
        stretched = _STRETCHED.get(_raw_mode(picture), 1)
        values = np.asarray(picture)
        values = values[..., 0] if picture.mode in ("LA", "PA") else values
        return tiff.codes_of(_stored(values), path)[..., 0].T // stretched


def _stored(frame: np.ndarray) -> np.ndarray:
    """(row, column, ...) as (i, j, k, ...) of one slice, colours without opacity."""
    frame = np.swapaxes(frame, 0, 1)[:, :, None]
    return frame[..., :3] if frame.ndim == 4 else frame


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A picture, its pixels not yet decoded; whatever goes wrong with it meanwhile is one sentence.

    Raises:
        InputError: it is damaged, larger than Pillow takes, animated, or of colours with 16 bits.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG", "BMP")) as picture:
                deep = picture.mode[0] != "I" and ";16" in _raw_mode(picture)
                if deep or picture.mode not in _TYPES or getattr(picture, "n_frames", 1) > 1:
                    kind = "animated" if getattr(picture, "n_frames", 1) > 1 else _raw_mode(picture) or picture.mode
                    raise InputError(
                        f"{path} is a picture of the kind {kind}: expected grey or a palette, or colours of 8 bits; "
                        "export it so."
                    )
                yield picture
    except (InputError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(
            f"{path} says that it has more than {Image.MAX_IMAGE_PIXELS} pixels: expected a frame of ultrasound; cut "
            "it."
        ) from None
    except Exception as error:  # whatever Pillow meets in a damaged picture
        text = "".join(sign for sign in " ".join(str(error).replace(str(path), "it").split()) if sign.isprintable())
        raise InputError(
            f"{path} is no picture, or damaged: {text[:200].rstrip('.')}; copy or export it again."
        ) from None


def _raw_mode(picture: Any) -> str:
    """How the pixels lie in the file."""
    arguments = picture.tile[0].args if picture.tile else ""
    return str(arguments if isinstance(arguments, str) else (arguments or [""])[0])


FORMATS = (
    Format(
        NAME,
        (),
        read_frames,
        frames_voxels,
        labels=read_frame_labels,
        files=lambda path: list(_by_number(path).values()),
        takes=is_folder_of_frames,
    ),
)
