"""MetaImage and NRRD files written by SimpleITK."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ifss_keras.core.errors import InputError
from ifss_keras.core.quiet import quiet_stderr
from ifss_keras.volumes.formats.fields import Header
from ifss_keras.volumes.formats.format import Written
from ifss_keras.volumes.formats.slicer_segments import segment_metadata
from ifss_keras.volumes.formats.stored import LPS_TO_RAS
from ifss_keras.volumes.formats.voxels import is_whole


def write_itk(image_io: str, header_of: Callable[[Path], Header], segments: bool, path: Path, written: Written) -> None:
    """Writes voxels compressed.

    Args:
        image_io: ITK's name of the format.
        header_of: reads its headers.
        segments: labels are named and coloured as 3D Slicer's segments.
        path, written: see `Format`.

    Raises:
        OSError: it could not be written to its last byte.
    """
    image = sitk.GetImageFromArray(written.array.transpose(2, 1, 0))
    lps = LPS_TO_RAS @ written.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    if segments and written.labels:
        for key, value in segment_metadata(written.array, written.names, written.colours).items():
            image.SetMetaData(key, value)
    with _named_in_utf8(path) as target:
        _write(image, image_io, target)
    if not _is_complete(header_of, path):  # a full disk is not always an error to ITK
        raise OSError("its end is missing, as on a full disk")


def in_utf8(path: Path | str) -> bool:
    """Whether a name is in UTF-8; any other ends the process in ITK."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _write(image: sitk.Image, image_io: str, path: Path) -> None:
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.SetImageIO(image_io)
    writer.UseCompressionOn()
    with _quiet():
        try:
            writer.Execute(image)
        except RuntimeError as error:
            raise OSError(str(error).strip().splitlines()[-1]) from None


@contextlib.contextmanager
def _named_in_utf8(path: Path) -> Iterator[Path]:
    """`path`, or where it is not in UTF-8 another from which everything moves there."""
    if in_utf8(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / (path.name if in_utf8(path.name) else f"image{path.suffix}")
        yield target
        shutil.move(target, path)
        for other in Path(folder).iterdir():
            shutil.move(other, path.parent / other.name)


def _is_complete(header_of: Callable[[Path], Header], path: Path) -> bool:
    try:
        layout = header_of(path).layout
    except InputError:
        return False
    return layout.files[0].is_file() and is_whole(layout.files[0], layout.begin or 0)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of ITK's meanwhile: the exceptions say the same again."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with quiet_stderr():
            yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
