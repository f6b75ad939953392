"""DICOM files made by pydicom alone, from arrays (i, j, k) = (column, row, slice) and affines to RAS mm."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RTStructureSetStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
EMPTY = ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime")


def data_set(kind, modality, **more) -> Dataset:
    """A data set with what every image has; `more` by keyword."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = kind, generate_uid(), modality
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(made, keyword, generate_uid())
    made.PatientID, made.PatientName = "7", "Test^Leg"
    for keyword in EMPTY:
        setattr(made, keyword, "")
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


def add_pixels(made: Dataset, frames: np.ndarray, photometric="MONOCHROME2") -> Dataset:
    """Adds pixels (frame, row, column) or (frame, row, column, 3), uncompressed."""
    made.Rows, made.Columns = frames.shape[1:3]
    made.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    if frames.ndim == 4:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = photometric
    bits = 8 * frames.dtype.itemsize
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation = int(frames.dtype.kind == "i")
    content = frames.astype(frames.dtype.newbyteorder("<")).tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    made["PixelData"].VR = "OW" if bits > 8 else "OB"
    return made


def save(made: Dataset, path: Path) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def places(affine: np.ndarray, count: int) -> tuple[list[float], list[float], list[list[float]]]:
    """Orientation, pixel spacing (row, column) and the position of each slice, in LPS."""
    lps = RAS_TO_LPS @ affine
    column_mm, row_mm = np.linalg.norm(lps[:3, :2], axis=0)
    turn = [*(lps[:3, 0] / column_mm), *(lps[:3, 1] / row_mm)]
    return turn, [row_mm, column_mm], [(lps[:3, 3] + k * lps[:3, 2]).tolist() for k in range(count)]


def slices(stored: np.ndarray, affine: np.ndarray, **more) -> list[Dataset]:
    """A CT series of single slices."""
    turn, pixel_mm, positions = places(affine, stored.shape[2])
    common = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")} | more
    made = []
    for k, position in enumerate(positions):
        one = data_set(CTImageStorage, "CT", **common)
        one.InstanceNumber, one.SliceThickness = k + 1, 2
        one.ImageOrientationPatient, one.PixelSpacing, one.ImagePositionPatient = turn, pixel_mm, position
        made.append(add_pixels(one, stored[:, :, k].T[None]))
    return made


def write_series(folder: Path, made: list[Dataset], seed: int = 5) -> Path:
    """Writes slices under names in another order than that of their positions, without suffix."""
    folder.mkdir(exist_ok=True)
    for one, name in zip(made, np.random.default_rng(seed).permutation(len(made)), strict=True):
        save(one, folder / f"I{name:04d}")
    return folder


def enhanced(stored: np.ndarray, affine: np.ndarray, order=None, shared=True) -> Dataset:
    """An enhanced MR image of several frames in any order; what they share once, or in each frame."""
    turn, pixel_mm, positions = places(affine, stored.shape[2])
    order = range(stored.shape[2]) if order is None else order
    made = data_set(EnhancedMRImageStorage, "MR", NumberOfFrames=stored.shape[2])
    made.SharedFunctionalGroupsSequence = [Dataset()]
    made.PerFrameFunctionalGroupsSequence = [Dataset() for _ in order]
    for group, k in zip(made.PerFrameFunctionalGroupsSequence, order, strict=True):
        group.PlanePositionSequence = [_with(ImagePositionPatient=positions[k])]
    for group in made.SharedFunctionalGroupsSequence if shared else made.PerFrameFunctionalGroupsSequence:
        group.PlaneOrientationSequence = [_with(ImageOrientationPatient=turn)]
        group.PixelMeasuresSequence = [_with(PixelSpacing=pixel_mm, SliceThickness=9)]
    return add_pixels(made, stored.transpose(2, 1, 0)[list(order)])


def cine(frames: np.ndarray, row_mm=0.2, column_mm=0.3, photometric="MONOCHROME2") -> Dataset:
    """An ultrasound cine (frame, row, column[, 3]) whose region says how large pixels are, in cm."""
    made = data_set(UltrasoundMultiFrameImageStorage, "US", NumberOfFrames=len(frames))
    del made.FrameOfReferenceUID
    made.SequenceOfUltrasoundRegions = [region(row_mm, column_mm)]
    return add_pixels(made, frames, photometric)


def region(row_mm: float, column_mm: float, units: int = 3) -> Dataset:
    """A two-dimensional region of an ultrasound image."""
    return _with(
        RegionSpatialFormat=1,
        RegionDataType=1,
        PhysicalUnitsXDirection=units,
        PhysicalUnitsYDirection=units,
        PhysicalDeltaX=column_mm / 10,
        PhysicalDeltaY=row_mm / 10,
    )


def as_jpeg(made: Dataset, frames: np.ndarray) -> Dataset:
    """The same with 8-bit frames in JPEG baseline, by Pillow."""
    coded = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=95)
        coded.append(buffer.getvalue())
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    made.PixelData = encapsulate(coded)
    made["PixelData"].VR = "OB"
    return made


def structure_set(structures: dict[int, tuple[str, tuple[int, int, int], list[np.ndarray]]]) -> Dataset:
    """An RTSTRUCT: ROI number to its name, colour and contours (point, xyz) in RAS mm."""
    made = data_set(RTStructureSetStorage, "RTSTRUCT", StructureSetLabel="test")
    made.StructureSetROISequence = [_with(ROINumber=number, ROIName=held[0]) for number, held in structures.items()]
    made.ROIContourSequence = []
    for number, (_, colour, contours) in structures.items():
        items = []
        for points in contours:
            lps = points * [-1, -1, 1]
            item = _with(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=len(lps))
            item.ContourData = [f"{mm:.10g}" for mm in lps.ravel()]
            items.append(item)
        made.ROIContourSequence.append(
            _with(ReferencedROINumber=number, ROIDisplayColor=list(colour), ContourSequence=items)
        )
    return made


def _with(**more) -> Dataset:
    made = Dataset()
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made
