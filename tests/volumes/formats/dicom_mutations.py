"""Valid DICOM of every kind that is read, and what can go wrong with it."""

import io
from pathlib import Path

import numpy as np
import pydicom
from hypothesis import strategies as st
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from ifss_keras.volumes.formats.dicom.series import quiet_libraries
from ifss_keras.volumes.io import read_volume, write_labels
from tests.volumes.formats.dicom_files import as_jpeg, cine, enhanced, save, slices, structure_set, write_series
from tests.volumes.formats.mutations import Files

ODD = (
    *(
        "",
        "0",
        "-1",
        "1",
        "3",
        "65535",
        "4294967295",
        "1e308",
        "nan",
        "abc",
        "\\",
        "1\\2\\3",
        "0\\0\\0",
        "1\\0\\0\\0\\1\\0",
    ),
    *("0\\0\\0\\0\\0\\0", "MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_FULL_422", "SEG", "LABELMAP", "FRACTIONAL"),
    *("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.5", "1.2.3", "CLOSED_PLANAR", "POINT"),
)


def valid_dicom(folder: Path, affine: np.ndarray) -> list[Files]:
    """One of each kind; `first` is the file or, as ".", the folder that is opened."""
    stored = np.random.default_rng(3).integers(0, 900, (33, 34, 3)).astype(np.int16)
    frames = (stored // 4).astype(np.uint8).T
    series = write_series(folder / "series", slices(stored, affine))
    image = read_volume(series)
    labels = np.zeros(image.array.shape, np.uint8)
    labels[1, 3:9, 4:8], labels[2, 20:, 20:] = 1, 2
    write_labels(folder / "mask.dcm", labels, image)
    contour = np.c_[np.full(4, 1), [(2, 2), (2, 9), (9, 9), (9, 2)], np.ones(4)] @ image.affine[:3].T
    made = [
        Files(".", {file.name: file.read_bytes() for file in series.iterdir()}),
        _file(enhanced(stored, affine)),
        _file(cine(frames)),
        _file(as_jpeg(cine(frames), frames)),
        Files("mask.dcm", {"mask.dcm": (folder / "mask.dcm").read_bytes()}),
        _file(structure_set({1: ("SOL", (1, 2, 3), [contour])})),
    ]
    for syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        compressed = cine(frames)
        compressed.compress(syntax)
        made.append(_file(compressed))
    return made


def _file(made) -> Files:
    buffer = io.BytesIO()
    save(made, buffer)
    return Files("a.dcm", {"a.dcm": buffer.getvalue()})


@st.composite
def mutated_dicom(draw, valid: list[Files]) -> Files:
    """One of them with one to three faults."""
    files = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files.content)))
        change = draw(st.sampled_from((_other_bytes, _cut, _other_element, _other_element)))
        content = draw(change(files.content[name]))
        files = Files(files.first, files.content | {name: content})
    return files


@st.composite
def _other_bytes(draw, content: bytes) -> bytes:
    place = draw(st.integers(0, max(len(content) - 1, 0)))
    inserted = draw(st.binary(min_size=0, max_size=4))
    return content[:place] + inserted + content[place + draw(st.integers(0, 4)) :]


@st.composite
def _cut(draw, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


@st.composite
def _other_element(draw, content: bytes) -> bytes:
    """Another value of an element, anywhere in the sequences; the same bytes where pydicom cannot write that."""
    try:
        with quiet_libraries():
            held = pydicom.dcmread(io.BytesIO(content))
            elements = [(part, element) for part in (held.file_meta, held) for element in part.iterall()]
    except Exception:  # damaged before
        return content
    named = [element for _, element in elements if element.VR not in ("SQ", "OB", "OW")]
    element = named[draw(st.integers(0, max(len(named) - 1, 0)))] if named else None
    odd = draw(st.sampled_from(ODD))
    if element is None:
        return content
    number = {"US": 65535, "SS": -1, "UL": 2**32 - 1, "FD": float("nan"), "FL": float("inf")}.get(element.VR)
    old, raw = element.value, io.BytesIO()
    try:
        with quiet_libraries():
            element.value = draw(st.sampled_from((0, 1, 3, number))) if number is not None else odd
            held.save_as(raw)
    except Exception:  # of another type than its element has
        element.value = old
        return content
    return raw.getvalue()
