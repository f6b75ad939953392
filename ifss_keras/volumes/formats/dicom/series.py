"""Which files make up a DICOM series, and what their headers say; pydicom reads them, and nothing of it is believed.

A folder is one series of images; what else lies there (segmentations, contours, reports) is left aside. A file of a
series of single slices stands for the series: all files of its folder that belong to it; what cannot be read there is
left aside then, as nobody named it.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.dicom.claims import check_claims, frames_in
from ifss_keras.volumes.formats.stored import one_line

_MAGIC, _MAGIC_AT = b"DICM", 128
_NOT_IMAGES = ("SEG", "RTDOSE", "RTSTRUCT", "RTPLAN", "PR", "KO", "SR", "REG")  # modalities
_MOST_TOLD = 4  # of the series of a folder
_LOGGERS = ("pydicom", "highdicom", "pylibjpeg", "openjpeg", "libjpeg")
_DEFLATED = "1.2.840.10008.1.2.1.99"
_OF_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_TAGS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("SeriesDescription", "InstanceNumber", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SequenceOfUltrasoundRegions"),
    *("SegmentationType", "SegmentSequence", "MaximumFractionalValue", "SpacingBetweenSlices"),
    *("RescaleSlope", "RescaleIntercept", *_OF_GROUPS),
)
_NUMBERS = (
    *("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PlanarConfiguration", "MaximumFractionalValue"),
)
_TEXTS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("PhotometricInterpretation", "SegmentationType"),
)


@dataclass(frozen=True, eq=False)
class Series:
    """The images of a series, in the order of their files' names.

    Attributes:
        path: the folder or the file that was named, for texts.
        files: one for each slice, or one with all frames.
        headers: pydicom's data set of each, without pixels.
    """

    path: Path
    files: tuple[Path, ...]
    headers: tuple[Any, ...]

    @property
    def frames(self) -> int:
        """How many slices or frames there are."""
        return len(self.files) if len(self.files) > 1 else frames_in(self.headers[0])

    @property
    def described(self) -> range:
        """The frames of which something of their own is said; the first one alone, where that holds for all."""
        own = len(self.files) > 1 or self.headers[0].get(_OF_GROUPS[1]) is not None
        return range(self.frames if own else 1)

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of each."""
        return self.headers[0].Rows, self.headers[0].Columns

    def header_of(self, frame: int) -> Any:
        """That of the file in which a frame is."""
        return self.headers[frame if len(self.files) > 1 else 0]

    def said(self, frame: int, group: str, keyword: str) -> Any:
        """What is said of a frame: by its own functional group, the shared one, or the file; None: nothing."""
        header = self.header_of(frame)
        inner = frame if len(self.files) == 1 else 0
        for sequence, place in ((_OF_GROUPS[1], inner), (_OF_GROUPS[0], 0)):
            groups = header.get(sequence) or ()
            held = groups[place].get(group) if place < len(groups) else None
            if held and (value := held[0].get(keyword)) is not None:
                return value
        return header.get(keyword)


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does; its name is not looked at."""
    try:
        with path.open("rb") as file:
            file.seek(_MAGIC_AT)
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def holds_dicom(path: Path) -> bool:
    """Whether a file is DICOM, or a folder has one in it; deeper folders are not looked at."""
    return any(map(is_dicom, _files_in(path))) if path.is_dir() else is_dicom(path)


def dicom_files(path: Path) -> list[Path]:
    """The DICOM files of a folder, or the file."""
    return [file for file in _files_in(path) if is_dicom(file)] if path.is_dir() else [path]


def read_series(path: Path) -> Series:
    """The series in a folder, or that of a file.

    Raises:
        InputError: there is none, more than one, its slices differ in what must be the same, or a file is damaged.
    """
    if path.is_dir():
        found = list(_images(_files_in(path)))
    else:
        header = read_header(path)
        if not _is_image(header):
            raise InputError(
                f"{path} is no image but {_told(header)}: expected an image; give the images it belongs to."
            )
        found = [(path, header)]
        if frames_in(header) == 1 and header.get("SeriesInstanceUID"):
            found = sorted([*found, *_slices_beside(path, header.SeriesInstanceUID)], key=lambda both: both[0].name)
    _refuse_several(path, [header for _, header in found])
    for file, header in found:
        with parsing(file):
            check_claims(file, header)
        _refuse_another_kind(path, file, header, found[0][1])
    return Series(path, *(tuple(part) for part in zip(*found, strict=True)))


def read_header(path: Path, tags: Iterable[str] | None = _TAGS) -> Any:
    """pydicom's data set of a file without its pixels.

    Args:
        tags: keywords of what is wanted; None for all.

    Raises:
        InputError: it is not DICOM, or damaged.
    """
    import pydicom

    if not is_dicom(path):
        raise InputError(f"{path} is not a DICOM file: expected DICM at byte 128; export it again.")
    with parsing(path):
        meta = pydicom.filereader.read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") == _DEFLATED:  # how large it becomes is not said
            raise InputError(f"{path} is deflated as a whole: expected DICOM with another transfer syntax; convert it.")
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags and list(tags))
        for element in header:  # pydicom converts values when they are first asked for
            if element.keyword in _NUMBERS and element.value is not None:
                int(element.value)
            elif element.keyword in _TEXTS and not isinstance(element.value, str | None):
                raise ValueError(f"{element.value} as {element.keyword}")
    return header


@contextlib.contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Lets pydicom look at a file: what it prints is not shown, and whatever it raises becomes one sentence.

    It is made for files that are right, and raises nearly any error of Python's for those that are not.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with quiet_libraries():
            yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} is truncated or corrupted: expected DICOM that can be read, received {fault_of(error)}; copy or "
            "export it again."
        ) from None


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Nothing of pydicom's and highdicom's on the terminal meanwhile."""
    loggers = {name: logging.getLogger(name) for name in _LOGGERS}
    levels = {name: logger.level for name, logger in loggers.items()}
    for logger in loggers.values():
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, logger in loggers.items():
            logger.setLevel(levels[name])


def _told(header: Any) -> str:
    """What a file holds, in words."""
    if header.get("SOPClassUID"):
        return one_line(header.SOPClassUID.name)
    return f"DICOM of the modality {one_line(header.get('Modality') or '') or 'unknown'}"


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _images(files: Iterable[Path]) -> Iterator[tuple[Path, Any]]:
    """Those that are images, with their headers."""
    for file in files:
        if is_dicom(file):
            header = read_header(file)
            if _is_image(header):
                yield file, header


def _slices_beside(path: Path, series: str) -> Iterator[tuple[Path, Any]]:
    """The other files of single slices in a file's folder that are of a series, with their headers."""
    for file in _files_in(path.parent):
        if file != path and is_dicom(file):
            with contextlib.suppress(InputError):
                header = read_header(file)
                if _is_image(header) and header.get("SeriesInstanceUID") == series and frames_in(header) == 1:
                    yield file, header


def _is_image(header: Any) -> bool:
    return bool(header.get("Rows")) and header.get("Modality") not in _NOT_IMAGES


def _refuse_several(path: Path, headers: list[Any]) -> None:
    series: dict[str, list[Any]] = {}
    for header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID")), []).append(header)
    if not series:
        raise InputError(f"{path} holds DICOM files, but no image: expected one series; give its folder or a file.")
    if len(series) > 1:
        named = [f"{held[0].get('SeriesDescription') or 'unnamed'!s} ({len(held)})" for held in series.values()]
        more = f" and {len(named) - _MOST_TOLD} more" if len(named) > _MOST_TOLD else ""
        raise InputError(
            f"{path} holds {len(series)} series, {one_line(', '.join(named[:_MOST_TOLD]))}{more}: expected one; give "
            "one file of the series that you mean."
        )
    if len(headers) > 1 and (several := [header for header in headers if frames_in(header) > 1]):
        raise InputError(
            f"{path} holds {len(headers)} files, {len(several)} of several frames: expected one such file, or files "
            "of one slice each; give the file that you mean."
        )


def _refuse_another_kind(path: Path, file: Path, header: Any, first: Any) -> None:
    for keyword, what in (
        ("Rows", "rows"),
        ("Columns", "columns"),
        ("SamplesPerPixel", "values in a pixel"),
        ("PhotometricInterpretation", "photometric interpretation"),
    ):
        if header.get(keyword) != first.get(keyword):
            raise InputError(
                f"{path} has slices of different kinds: expected {one_line(str(first.get(keyword)))} {what} in each, "
                f"received {one_line(str(header.get(keyword)))} in {file.name}; keep the slices of one volume."
            )


def fault_of(error: Exception) -> str:
    """The first line of an error, short."""
    text = one_line(str(error).strip().partition("\n")[0]).rstrip(".")
    return f"{type(error).__name__}{f' ({text[:120]})' if text else ''}"
