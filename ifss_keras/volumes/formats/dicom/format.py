"""DICOM series, ultrasound cines, segmentations and contours; pydicom reads them, highdicom writes segmentations."""

from __future__ import annotations

from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.dicom.contours import CONTOURS, read_contours
from ifss_keras.volumes.formats.dicom.pixels import read_pixels
from ifss_keras.volumes.formats.dicom.planes import stacked
from ifss_keras.volumes.formats.dicom.segments import SEGMENTATIONS, read_segments
from ifss_keras.volumes.formats.dicom.series import dicom_files, holds_dicom, read_header, read_series
from ifss_keras.volumes.formats.dicom.writing import check_image, write_segments
from ifss_keras.volumes.formats.format import Format
from ifss_keras.volumes.formats.stored import Stored
from ifss_keras.volumes.volume import Volume

SUFFIXES = (".seg.dcm", ".dcm")


def read_dicom(path: Path, max_gb: float | None) -> Stored:
    """The image in a folder or a file: (column, row, slice), slices ascending along the normal of rows and columns.

    A folder is one series. A file of single slices stands for its series in its folder; a file of several frames for
    itself. See `read_pixels` for the values, `stacked` for the place.

    Args:
        max_gb: see `check_memory`.

    Raises:
        InputError: it cannot be used as a volume.
    """
    series = read_series(path)
    stack = stacked(series)
    array = read_pixels(series, stack.order, max_gb)
    return Stored(array, stack.affine, stack.has_spacing, oriented=stack.in_body, has_frame_step=stack.has_frame_step)


def read_dicom_labels(path: Path, max_gb: float | None, like: Volume | None) -> Stored:
    """The labels in a segmentation, in contours, or in an image of label codes.

    A folder may hold one segmentation or one set of contours, and nothing of either beside it.

    Raises:
        InputError: they cannot be used as labels.
    """
    file = _label_file(path)
    if file is None:
        return read_dicom(path, max_gb)
    kind = read_header(file, ["SOPClassUID"]).get("SOPClassUID")
    return (read_contours if kind == CONTOURS else read_segments)(file, max_gb, like)


def dicom_voxels(path: Path) -> int:
    """How many voxels the headers of a series say that there are.

    Raises:
        InputError: it is not one series of images.
    """
    series = read_series(path)
    rows, columns = series.frame_shape
    return series.frames * rows * columns


def dicom_series_files(path: Path) -> list[Path]:
    """The files of a series in the order of its slices; of a segmentation or of contours, its one file.

    Raises:
        InputError: it is not one series.
    """
    file = _label_file(path)
    if file is not None:
        return [file]
    series = read_series(path)
    order = stacked(series).order
    return [series.files[frame] for frame in order] if len(series.files) > 1 else list(series.files)


def _label_file(path: Path) -> Path | None:
    """The segmentation or the contours that a path stands for; None: an image."""
    files = dicom_files(path)
    kinds = {file: read_header(file, ["SOPClassUID"]).get("SOPClassUID") for file in files}
    labels = [file for file, kind in kinds.items() if kind in (CONTOURS, *SEGMENTATIONS)]
    if not path.is_dir():
        return next(iter(labels), None)
    if len(labels) < len(files) or not labels:
        return None
    if len(labels) > 1:
        raise InputError(
            f"{path} holds {len(labels)} files of labels, {labels[0].name} and {labels[1].name} among them: expected "
            "one; give the file that you mean."
        )
    return labels[0]


FORMATS = (
    Format(
        "dicom",
        SUFFIXES,
        read_dicom,
        dicom_voxels,
        write=write_segments,
        labels=read_dicom_labels,
        files=dicom_series_files,
        takes=holds_dicom,
        check_image=check_image,
        names_segments=True,
    ),
)
