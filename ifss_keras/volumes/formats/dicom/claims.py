"""What the header of a DICOM file claims of its pixels, compared with the file before any of them is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ifss_keras.core.errors import InputError

_LEAST_FRAME_BYTES = 8  # of a compressed frame: the header of its item
_PER_FRAME = "PerFrameFunctionalGroupsSequence"
_SAMPLES, _BITS = (1, 3, 4), (1, 8, 16, 32, 64)


def frames_in(header: Any) -> int:
    """How many frames a file says that it has."""
    return int(header.get("NumberOfFrames") or 1)


def syntax_of(file: Path, header: Any) -> Any:
    """The transfer syntax of a file.

    Raises:
        InputError: it names none.
    """
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_transfer_syntax:
        raise InputError(f"{file} does not say how it is stored: expected a transfer syntax of DICOM; export it again.")
    return syntax


def check_claims(file: Path, header: Any) -> None:
    """Refuses sizes that there cannot be, or that the file cannot hold.

    Raises:
        InputError: naming them.
    """
    rows, columns, samples, bits = (
        int(header.get(name) or 0) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    frames = frames_in(header)
    if min(rows, columns, frames) < 1 or samples not in _SAMPLES or bits not in _BITS:
        raise InputError(
            f"{file} has a header that cannot be used: expected sizes from 1 up, 1 or 3 values of whole bytes in a "
            f"pixel, received {frames} frames of {rows} x {columns} with {samples} of {bits} bits; export it again."
        )
    least, held = least_bytes(file, header), file.stat().st_size
    if held < least:
        raise InputError(
            f"{file} is truncated or corrupted: expected {least} bytes or more of pixels as its header says, received "
            f"a file of {held}; copy or export it again."
        )
    described = header.get(_PER_FRAME)
    if described is not None and len(described) != frames:
        raise InputError(
            f"{file} is truncated or corrupted: expected a description of each of its {frames} frames, received "
            f"{len(described)}; copy or export it again."
        )


def least_bytes(file: Path, header: Any) -> int:
    """Of the file, to hold what its header says."""
    if syntax_of(file, header).is_compressed:
        return frames_in(header) * _LEAST_FRAME_BYTES
    bits = header.Rows * header.Columns * frames_in(header) * header.SamplesPerPixel * header.BitsAllocated
    shared = header.get("PhotometricInterpretation") == "YBR_FULL_422"  # neighbours share their colours
    return bits * 2 // 3 // 8 if shared else bits // 8


def pixel_bytes(header: Any) -> int:
    """Of all pixels of a file in memory, a value each."""
    return header.Rows * header.Columns * frames_in(header) * max(header.BitsAllocated // 8, 1)
