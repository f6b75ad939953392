"""Label volumes as DICOM segmentations of the images that they were made from, by highdicom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.colours import label_colours
from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.dicom.muscle_codes import Term, terms_of
from ifss_keras.volumes.formats.dicom.planes import Stack, stacked
from ifss_keras.volumes.formats.dicom.segments import LABEL_CODE
from ifss_keras.volumes.formats.dicom.series import Series, fault_of, quiet_libraries, read_header, read_series
from ifss_keras.volumes.formats.format import Written
from ifss_keras.volumes.volume import Source, present_codes, voxel_spacing_mm

_REFERENCED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID")
_MAY_BE_EMPTY = (  # of type 2: there must be an element, with or without a value
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
_SERIES_NUMBER = 900
_MOST_LABEL_SIGNS = 64  # of a value representation LO


def check_image(path: Path, source: Source) -> None:
    """Refuses to write a segmentation of what is no DICOM image with a place in the patient.

    Args:
        path: that is to be written.
        source: of the image that the labels belong to.

    Raises:
        InputError: there is no such image, or it lacks what a segmentation refers to.
    """
    _referenced(path, source)


def write_segments(path: Path, written: Written) -> None:
    """Writes a binary DICOM segmentation that refers to the image's own files: every slice of every label.

    Segments are numbered 1, 2, ... in the order of the codes; each keeps its code as tracking ID, its name as label,
    and its colour. What it is said to be is found by its name, see `terms_of`.

    Raises:
        InputError: these are no labels, none is there, or the image is not DICOM or another by now.
    """
    import highdicom
    from pydicom.uid import generate_uid

    import ifss_keras

    if not written.labels:
        raise InputError(f"{path} cannot be written: DICOM is written of labels alone; save images as .nii.gz.")
    series, stack = _referenced(path, written.source)
    count = (*series.frame_shape[::-1], series.frames)
    if written.array.shape != count or not np.allclose(written.affine, stack.affine, atol=1e-4):
        raise InputError(
            f"{path} cannot be written: expected the image {written.source.path} as it was read, found another there "
            "now; save the labels as .seg.nrrd."
        )
    codes = sorted({code for code in present_codes(written.array.T) if code} | set(written.names))
    if not codes:
        raise InputError(f"{path} cannot be written: a DICOM segmentation needs a label, there is none; draw one.")
    with _writing(path, written.source):
        segmentation = highdicom.seg.Segmentation(
            source_images=_source_images(series, stack),
            pixel_array=_numbered(written.array, codes, series, stack),
            segmentation_type="BINARY",
            segment_descriptions=_descriptions(codes, written),
            series_instance_uid=generate_uid(),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="ifss_keras",
            manufacturer_model_name="ifss",
            software_versions=ifss_keras.__version__,
            device_serial_number="none",
            content_label="IFSS",
            omit_empty_frames=False,
        )
        segmentation.SeriesDescription = "Muscles by ifss"
        segmentation.save_as(path)


def _referenced(path: Path, source: Source) -> tuple[Series, Stack]:
    if source.format != "dicom" or source.path is None or not source.path.exists():
        raise InputError(
            f"{path} cannot be written: a DICOM segmentation refers to the DICOM images it was made from, which "
            f"{source.path or 'this volume'} is not; save it as .seg.nrrd."
        )
    series = read_series(source.path)
    stack = stacked(series)
    lacking = [name for name in _REFERENCED if not all(header.get(name) for header in series.headers)]
    if lacking or not stack.in_body or not stack.has_spacing:
        what = lacking[0] if lacking else "ImagePositionPatient" if not stack.in_body else "PixelSpacing"
        raise InputError(
            f"{path} cannot be written: a DICOM segmentation needs images with their place in the patient, and "
            f"{source.path} has no {what}; save it as .seg.nrrd."
        )
    return series, stack


@contextlib.contextmanager
def _writing(path: Path, source: Source) -> Iterator[None]:
    """What highdicom raises for images that lack what it takes over from them, as one sentence."""
    try:
        with quiet_libraries():
            yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be written: expected {source.path} to be complete DICOM, received {fault_of(error)}; save "
            "it as .seg.nrrd."
        ) from None


def _source_images(series: Series, stack: Stack) -> list[Any]:
    """pydicom's data sets, without pixels, in the order of the slices."""
    from pydicom.valuerep import DSfloat

    order = stack.order if len(series.files) > 1 else [0]
    step_mm = voxel_spacing_mm(stack.affine[:, [2, 1, 0, 3]])[0]
    images = [read_header(series.files[place], None) for place in order]
    for image in images:
        for keyword in _MAY_BE_EMPTY:
            if keyword not in image:
                setattr(image, keyword, None)
        if not image.get("SliceThickness"):
            image.SliceThickness = DSfloat(step_mm, auto_format=True)
    return images


def _numbered(labels: np.ndarray, codes: list[int], series: Series, stack: Stack) -> np.ndarray:
    """(frame, row, column) segment numbers from 1 in place of codes, frames in the order of the source images."""
    frames = np.zeros(labels.T.shape, np.min_scalar_type(len(codes)))
    order = range(series.frames) if len(series.files) > 1 else stack.order
    for plane, place in zip(labels.T, order, strict=True):
        for number, code in enumerate(codes, 1):
            frames[place][plane == code] = number
    return frames


def _descriptions(codes: list[int], written: Written) -> list[Any]:
    import highdicom
    from pydicom.sr.codedict import codes as terms
    from pydicom.uid import generate_uid

    import ifss_keras

    algorithm = highdicom.AlgorithmIdentificationSequence(
        "ifss", terms.cid7162.ArtificialIntelligence, ifss_keras.__version__
    )
    colours = label_colours(tuple(codes), written.colours)
    described = []
    for number, code in enumerate(codes, 1):
        name = written.names.get(code, str(code))
        category, kind = (_coded(term) for term in terms_of(name))
        described.append(
            highdicom.seg.SegmentDescription(
                segment_number=number,
                segment_label=name[:_MOST_LABEL_SIGNS],
                segmented_property_category=category,
                segmented_property_type=kind,
                algorithm_type="SEMIAUTOMATIC",
                algorithm_identification=algorithm,
                tracking_uid=generate_uid(),
                tracking_id=LABEL_CODE.format(code),
                display_color=highdicom.color.CIELabColor.from_rgb(*colours[code]),
            )
        )
    return described


def _coded(term: Term) -> Any:
    import highdicom

    return highdicom.sr.CodedConcept(term.value, term.scheme, term.meaning)
