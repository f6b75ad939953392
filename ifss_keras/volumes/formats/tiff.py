"""TIFF files of several pages, and single ones as frames; read by tifffile.

Pages are slices: the stored axes are columns, rows and pages. A spacing is known where ImageJ wrote one with its unit.
As displayed, so that a network sees what people see: where white is 0, brightness is turned around, and a palette gives
grey; of labels, values and indices are codes as they are stored. Opacity and orientation tags are ignored.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.volumes.formats.format import Format
from ifss_keras.volumes.formats.stored import Stored, default_affine, grey
from ifss_keras.volumes.volume import Volume

SUFFIXES = (".tif", ".tiff")
_MM = {"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "centimeter": 10.0, "um": 0.001, "micron": 0.001}
_MM |= {"microns": 0.001, "micrometer": 0.001, "micrometre": 0.001, "µm": 0.001, "μm": 0.001, "\\u00b5m": 0.001}
_FIRST_COLOUR_CHANNELS = 4  # so few are colours rather than slices
_PHOTOMETRICS = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE", "YCBCR")


class _Faults(logging.Handler):
    """Keeps what tifffile only logs, such as pages that are missing."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def read_tiff(path: Path, max_gb: float | None) -> Stored:
    """The pages as (i, j, k) grey values or (i, j, k, 3) colours, i along rows.

    Raises:
        InputError: it is damaged, or holds something else than pages of one size, one after the other.
    """
    with _opened(path) as (tiff, series):
        pages = displayed(_pages(path, series, max_gb), series.keyframe)
        spacing_mm = _imagej_spacing_mm(tiff)
    affine = None if spacing_mm is None else default_affine(spacing_mm)
    return Stored(_as_stored(pages), affine, affine is not None)


def read_tiff_labels(path: Path, max_gb: float | None, like: Volume | None) -> Stored:
    """The same with values as they are stored; of colours those whose channels are equal."""
    with _opened(path) as (tiff, series):
        array = _as_stored(_pages(path, series, max_gb))
        spacing_mm = _imagej_spacing_mm(tiff)
    affine = None if spacing_mm is None else default_affine(spacing_mm)
    return Stored(codes_of(array, path), affine, affine is not None)


def tiff_voxels(path: Path) -> int:
    """How many voxels the header says that there are."""
    with _opened(path) as (_, series):
        return math.prod(shape_of(path, series))


def read_page(path: Path, *, codes: bool) -> np.ndarray:
    """A file of one page as (row, column): grey values as displayed, or label codes as stored."""
    with _opened(path) as (_, series):
        pages = _pages(path, series, None)
        pages = pages if codes else displayed(pages, series.keyframe)
    array = _as_stored(pages)
    return (codes_of(array, path) if codes else grey(array, path))[:, :, 0].T


def page_size(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """(rows, columns) of a file of one page, and the type of its values."""
    with _opened(path) as (_, series):
        pages, rows, columns = shape_of(path, series)
        if pages != 1:
            raise InputError(f"{path} has {pages} pages: expected one in each file of a folder; give this file alone.")
        return (rows, columns), np.dtype(np.uint8) if series.dtype.kind == "b" else series.dtype


def codes_of(array: np.ndarray, path: Path) -> np.ndarray:
    """(i, j, k) label codes of values, or of colours that are all grey.

    Raises:
        InputError: real colours, which are no codes.
    """
    if array.ndim == 3:
        return array
    if not all(np.array_equal(array[..., 0], array[..., channel]) for channel in (1, 2)):
        raise InputError(
            f"{path} holds colours: expected grey values or palette indices, which are the codes of labels; save it so."
        )
    return array[..., 0]


def displayed(pages: np.ndarray, page: Any) -> np.ndarray:
    """(page, row, column) or (page, row, column, 3) as a viewer shows them."""
    photometric = page.photometric.name
    if photometric == "PALETTE" and page.colormap is not None:
        colours = (page.colormap.T >> 8).astype(np.uint8)[:, None, None]
        levels = grey(colours, Path()).ravel()
        if pages.max() >= len(levels):
            raise ValueError(f"an index of {pages.max()} in a palette of {len(levels)}")
        return levels[pages]
    if photometric == "MINISWHITE" and pages.dtype.kind == "u":
        most = (1 << page.bitspersample) - 1
        return most - pages
    return pages


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file and its only series of pages; what goes wrong meanwhile, or is only logged, is one sentence."""
    import tifffile

    faults, log = _Faults(), tifffile.logger()
    log.addHandler(faults)
    told, log.propagate = log.propagate, False
    try:
        with tifffile.TiffFile(path, _multifile=False) as tiff:
            if len(tiff.series) != 1 and not faults.texts:
                raise InputError(
                    f"{path} holds {len(tiff.series)} series of pages that differ: expected pages of one size and "
                    "type; save the volume alone."
                )
            yield tiff, tiff.series[0]
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever tifffile and the codecs meet in a damaged file
        raise _damaged(path, str(error) or type(error).__name__) from None
    finally:
        log.removeHandler(faults)
        log.propagate = told
    if faults.texts:
        raise _damaged(path, faults.texts[0])


def shape_of(path: Path, series: Any) -> tuple[int, int, int]:
    """(pages, rows, columns).

    Raises:
        InputError: there are more axes, or pixels that are no brightness.
    """
    sizes = {axis: size for axis, size in zip(series.axes, series.shape, strict=True) if size > 1 or axis in "YX"}
    others = [axis for axis in sizes if axis not in "YXS"]
    few = sizes.get("C", _FIRST_COLOUR_CHANNELS + 1) <= _FIRST_COLOUR_CHANNELS
    if len(others) > 1 or few or not {"Y", "X"} <= set(sizes):
        told = " x ".join(map(str, series.shape))
        raise InputError(
            f"{path} has the axes {series.axes} of sizes {told}: expected pages of rows and columns, one after the "
            "other; save one channel of one time."
        )
    if series.keyframe.photometric.name not in _PHOTOMETRICS or series.dtype.kind not in "buif":
        raise InputError(
            f"{path} holds {series.keyframe.photometric.name} pixels of {series.dtype}: expected grey, RGB or a "
            "palette; save it so."
        )
    return sizes[others[0]] if others else 1, sizes["Y"], sizes["X"]


def _pages(path: Path, series: Any, max_gb: float | None) -> np.ndarray:
    """(page, row, column) or (page, row, column, 3)."""
    shape = shape_of(path, series)
    _check_stored(path, series)
    samples = dict(zip(series.axes, series.shape, strict=True)).get("S", 1)
    needed = math.prod(shape) * samples * series.dtype.itemsize
    check_memory(needed + (needed // samples if samples > 1 else 0), str(path), max_gb, settable=True)
    array = series.asarray(maxworkers=1)
    array = array.view(np.uint8) if array.dtype.kind == "b" else array
    if "S" not in series.axes:
        return array.reshape(shape)
    array = np.moveaxis(array, series.axes.index("S"), -1).reshape(*shape, samples)
    return array[..., :3] if samples >= 3 else array[..., 0]


def _check_stored(path: Path, series: Any) -> None:
    """Refuses pages that are missing: tifffile would fill them with zeros."""
    size = path.stat().st_size
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > size:
            raise _damaged(path, f"it has {size} bytes and needs {series.dataoffset + series.nbytes}")
        return
    first = series.keyframe
    row_bits = first.imagewidth * first.samplesperpixel * first.bitspersample
    least = first.imagelength * (-(-row_bits // 8)) if first.compression == 1 else 0
    for page in series.pages:
        if page is None:
            raise _damaged(path, "a page is missing")
        short = sum(page.databytecounts) < least
        parts = zip(page.dataoffsets, page.databytecounts, strict=True)
        if short or not all(at > 0 and 0 < count <= size - at for at, count in parts):
            raise _damaged(path, "a page is missing or cut off")


def _as_stored(pages: np.ndarray) -> np.ndarray:
    """(page, row, column, ...) as (i, j, k, ...)."""
    return np.swapaxes(pages, 0, 2)


def _imagej_spacing_mm(tiff: Any) -> tuple[float, float, float] | None:
    """Along i, j and k, where ImageJ says all three and their unit."""
    held = tiff.imagej_metadata if tiff.is_imagej else None
    unit = _MM.get(str((held or {}).get("unit", "")).strip().lower())
    tags = tiff.pages[0].tags
    if unit is None or "spacing" not in held or "XResolution" not in tags or "YResolution" not in tags:
        return None
    try:
        column, row = (tags[name].value[1] / tags[name].value[0] for name in ("XResolution", "YResolution"))
        spacing_mm = (column * unit, row * unit, abs(float(held["spacing"])) * unit)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return spacing_mm if all(math.isfinite(size) and size > 0 for size in spacing_mm) else None


def _damaged(path: Path, what: str) -> InputError:
    text = "".join(sign for sign in " ".join(what.replace(str(path), "").split()) if sign.isprintable())
    return InputError(f"{path} is no TIFF file, or damaged: {text[:200].rstrip('.')}; copy or export it again.")


FORMATS = (Format("tiff", SUFFIXES, read_tiff, tiff_voxels, labels=read_tiff_labels),)
