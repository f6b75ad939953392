"""MetaImage and NRRD files as arrays in stored axis order with an affine in RAS millimetres, by SimpleITK.

ITK places voxels in LPS; the change of sign to RAS happens here and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ifss_keras.core.errors import InputError
from ifss_keras.core.quiet import quiet_stderr
from ifss_keras.volumes.formats.checksums import is_complete, is_intact
from ifss_keras.volumes.formats.stored import Stored, drop_trailing_axes

_IMAGE_IO = {"metaimage": "MetaImageIO", "nrrd": "NrrdImageIO"}
_TITLE = {"metaimage": "MetaImage", "nrrd": "NRRD"}
_SPACES_OF_THE_BODY = (
    "left-posterior-superior",
    "right-anterior-superior",
    "left-anterior-superior",
    "lps",
    "ras",
    "las",
)
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_itk(path: Path, file_format: str) -> Stored:
    """The voxels (x, y, z) of a MetaImage or NRRD file in their stored type, without a second copy.

    Args:
        file_format: `"metaimage"` or `"nrrd"`.

    Raises:
        InputError: if the file is not of that format, is truncated or corrupted, or has more than three axes.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_IMAGE_IO[file_format])
    title = _TITLE[file_format]
    incomplete = (
        f"{path} is truncated or corrupted: expected a complete {title} image, its data (perhaps in a file "
        "beside it) are missing, end early or fail their check; copy or export it again."
    )
    with _quiet():
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            if _starts_as(path, file_format):
                raise InputError(incomplete) from None
            raise InputError(
                f"{path} is not a {title} image: expected a {title} header, found none that can be read; "
                "give the image itself or correct the file's extension."
            ) from None
        shape = drop_trailing_axes(reader.GetSize(), path)
        if not is_intact(path):
            raise InputError(incomplete)
        try:
            image = reader.Execute()
        except RuntimeError:
            raise InputError(incomplete) from None
    metadata = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    oriented = file_format == "metaimage" or metadata.get("NRRD_space", "").lower() in _SPACES_OF_THE_BODY
    return Stored(_stored_array(image, shape), _affine_ras(image), metadata=metadata, oriented=oriented)


def write_itk(
    file_format: str,
    path: Path,
    stored: np.ndarray,
    affine: np.ndarray,
    header: Any = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes voxels (x, y, z) with an affine to RAS millimetres, compressed, with custom fields for NRRD.

    `header` is another format's and not looked at.
    """
    image = sitk.GetImageFromArray(stored.transpose(2, 1, 0))
    lps = _LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    for key, value in (metadata or {}).items():
        image.SetMetaData(key, value)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.SetImageIO(_IMAGE_IO[file_format])
    writer.UseCompressionOn()
    with _quiet():
        try:
            writer.Execute(image)
        except RuntimeError as error:
            raise OSError(str(error).strip().splitlines()[-1]) from None
    if not is_complete(path):  # a full disk is not always an error to ITK
        raise OSError("its end is missing, as on a full disk")


def _starts_as(path: Path, file_format: str) -> bool:
    with path.open("rb") as file:
        start = file.read(1024)
    return start.startswith(b"NRRD0") if file_format == "nrrd" else b"NDims" in start


class _Buffer:
    """Lends the voxels of an ITK image to NumPy and keeps the image alive as long as an array uses them."""

    def __init__(self, image: sitk.Image) -> None:
        self._image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__


def _stored_array(image: sitk.Image, shape: tuple[int, int, int]) -> np.ndarray:
    components = image.GetNumberOfComponentsPerPixel()
    array = np.asarray(_Buffer(image))
    if components == 1:
        return array.reshape(shape[::-1]).transpose(2, 1, 0)
    return array.reshape(*shape[::-1], components).transpose(2, 1, 0, 3)


def _affine_ras(image: sitk.Image) -> np.ndarray:
    axes = image.GetDimension()
    direction = np.reshape(image.GetDirection(), (axes, axes))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return _LPS_TO_RAS @ affine


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
