"""The pixels of a DICOM series, decoded frame by frame into memory that is taken once it is known to be needed.

A header is not believed: uncompressed pixels must be in the file, and a compressed frame must say the size that the
header does before it is decoded.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.volumes.formats.dicom.claims import frames_in, pixel_bytes, syntax_of
from ifss_keras.volumes.formats.dicom.series import Series, parsing, read_header
from ifss_keras.volumes.formats.stored import grey, one_line

_J2K = b"\xff\x4f\xff\x51"
_J2K_WITHIN = 4096  # bytes of a JP2 file in which its codestream begins
_JPEG = b"\xff\xd8"
_SIZED = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7}  # markers of JPEG and JPEG-LS that say a size
_NO_LENGTH = {0x01, *range(0xD0, 0xD9)}
_RESCALED = "PixelValueTransformationSequence"


def read_pixels(series: Series, order: np.ndarray, max_gb: float | None) -> np.ndarray:
    """The grey values (column, row, slice) as they are shown: MONOCHROME1, in which larger is darker, is inverted
    within its stored bits; colours become luma. They keep the stored type unless a rescale slope or intercept changes
    them; then they are float32.

    Args:
        order: the frame behind each slice.
        max_gb: see `check_memory`.

    Raises:
        InputError: pixels are missing, damaged or compressed in a way that cannot be read here, or need more memory
            than allowed.
    """
    scales = [_scale(series, frame) for frame in series.described]
    scaled = any(scale != (1.0, 0.0) for scale in scales)
    frames = _frames(series, max_gb)
    first = next(frames)
    dtype = np.dtype(np.float32) if scaled else first.dtype.newbyteorder("=")
    count, (rows, columns) = len(order), series.frame_shape
    check_memory(count * rows * columns * dtype.itemsize, str(series.path), max_gb, settable=True)
    slices = np.empty((count, rows, columns), dtype)
    places = np.argsort(order)
    of_frames = scales if len(scales) == count else scales * count
    for place, frame, (slope, intercept) in zip(places, itertools.chain([first], frames), of_frames, strict=True):
        slices[place] = frame
        if scaled:
            slices[place] *= np.float32(slope)
            slices[place] += np.float32(intercept)
    return slices.transpose(2, 1, 0)


def decoded(path: Path, header: Any) -> Iterator[np.ndarray]:
    """The frames of one file, (row, column) or (row, column, 3) for colours, as pydicom decodes them.

    Args:
        header: of the file, `NumberOfFrames`, `Rows` and `Columns` in it.

    Raises:
        InputError: as many are not there, they are damaged, or their compression cannot be read here.
    """
    from pydicom.pixels import iter_pixels

    _check_compression(path, header)
    shape, packed = (header.Rows, header.Columns), header.BitsAllocated == 1
    packed = packed and not syntax_of(path, header).is_compressed
    frames = _unpacked(path, header) if packed else iter_pixels(path)
    for _ in range(frames_in(header)):
        with parsing(path):
            frame = next(frames)
            if frame.shape[:2] != shape:
                raise ValueError(f"a frame of {frame.shape}, not {shape}")
        yield frame
    with parsing(path):
        if next(frames, None) is not None:
            raise ValueError(f"more than {frames_in(header)} frames")


def _unpacked(path: Path, header: Any) -> Iterator[np.ndarray]:
    """(row, column) 0 or 1 of the frames of a file with one bit for each pixel.

    pydicom 3.0 loses its place in a file where frames do not end with a byte.
    """
    import pydicom

    size = header.Rows * header.Columns
    content = np.frombuffer(pydicom.dcmread(path, specific_tags=["PixelData"]).PixelData, np.uint8)
    for frame in range(frames_in(header)):
        first, last = frame * size, (frame + 1) * size
        bits = np.unpackbits(content[first // 8 : -(-last // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(header.Rows, header.Columns)


def _frames(series: Series, max_gb: float | None) -> Iterator[np.ndarray]:
    """(row, column) of all frames, in the order of the files."""
    check_memory(sum(map(pixel_bytes, series.headers)), str(series.path), max_gb, settable=True)
    for file, header in zip(series.files, series.headers, strict=True):
        coloured = header.get("PhotometricInterpretation") == "PALETTE COLOR"
        palette = read_header(file, None) if coloured else None
        for frame in decoded(file, header):
            yield _as_shown(frame, header, palette, file)


def _as_shown(frame: np.ndarray, header: Any, palette: Any, file: Path) -> np.ndarray:
    """(row, column) grey values of a frame."""
    if palette is not None:
        from pydicom.pixels import apply_color_lut

        with parsing(file):
            frame = apply_color_lut(frame, palette)
    if frame.ndim == 3:
        frame = grey(frame[:, :, None], file)[:, :, 0]
    if header.get("PhotometricInterpretation") == "MONOCHROME1" and frame.dtype.kind in "iu":
        largest = 2 ** int(header.get("BitsStored") or header.BitsAllocated) - 1 if frame.dtype.kind == "u" else -1
        return frame.dtype.type(largest) - frame
    return frame


def _scale(series: Series, frame: int) -> tuple[float, float]:
    """Slope and intercept from stored values to those that are meant."""
    with parsing(series.path):
        slope = float(_or(series.said(frame, _RESCALED, "RescaleSlope"), 1))
        intercept = float(_or(series.said(frame, _RESCALED, "RescaleIntercept"), 0))
    if not (np.isfinite(slope) and np.isfinite(intercept) and slope != 0):
        raise InputError(
            f"{series.path} has a header that cannot be used: expected a slope and an intercept of its grey values, "
            f"received {slope} and {intercept}; export it again."
        )
    return slope, intercept


def _or(value: Any, default: float) -> Any:
    return default if value is None else value


def _check_compression(file: Path, header: Any) -> None:
    """Refuses what no installed decoder reads, and frames that say another size than the header."""
    import pydicom
    from pydicom.encaps import generate_frames
    from pydicom.pixels import get_decoder

    syntax = syntax_of(file, header)
    if not syntax.is_compressed:
        return
    with parsing(file):
        try:
            known = get_decoder(syntax)
        except NotImplementedError:
            raise InputError(
                f"{file} is compressed as {one_line(syntax.name)}, which cannot be read: convert it."
            ) from None
        if not known.is_available:
            raise InputError(
                f"{file} is compressed as {one_line(syntax.name)}, for which no decoder is installed: "
                "expected those of the extra dicom-jpeg; pip install 'ifss_keras[dicom-jpeg]', or convert it."
            )
        pixels = pydicom.dcmread(file, specific_tags=["PixelData"]).PixelData
        for frame in generate_frames(pixels, number_of_frames=frames_in(header)):
            size = coded_size(frame)
            if size not in (None, (header.Rows, header.Columns)):
                raise ValueError(f"a frame of {size}, not {(header.Rows, header.Columns)}")


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns that a compressed frame says; None: it is not JPEG, JPEG-LS or JPEG 2000, or is cut off."""
    at = frame.find(_J2K, 0, _J2K_WITHIN)
    if at >= 0 and len(frame) >= at + 24:
        right, bottom, left, top = struct.unpack(">4I", frame[at + 8 : at + 24])
        return bottom - top, right - left
    at = len(_JPEG) if frame.startswith(_JPEG) else len(frame)
    while at + 9 <= len(frame):
        if frame[at] != 0xFF or frame[at + 1] in (0xFF, *_NO_LENGTH):
            at += 1 if frame[at] != 0xFF or frame[at + 1] == 0xFF else 2
        elif frame[at + 1] in _SIZED:
            return struct.unpack(">HH", frame[at + 5 : at + 9])
        else:
            at += 2 + struct.unpack(">H", frame[at + 2 : at + 4])[0]
    return None
