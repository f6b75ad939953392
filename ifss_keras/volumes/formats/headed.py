"""MetaImage and NRRD files as arrays in stored axis order with an affine in RAS millimetres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ifss_keras.volumes.formats.fields import Header
from ifss_keras.volumes.formats.stored import Stored
from ifss_keras.volumes.formats.voxels import read_voxels


def read_headed(header_of: Callable[[Path], Header], path: Path, max_gb: float | None) -> Stored:
    """The voxels of a file with a text header, in their stored type.

    Args:
        header_of: reads the header of the format.
        max_gb: see `check_memory`.

    Raises:
        InputError: header or voxels cannot be used, or more memory is needed than allowed.
    """
    header = header_of(path)
    array = read_voxels(header.layout, path, max_gb)
    components = header.component_axis is not None
    if components:
        array = np.moveaxis(array, header.component_axis, -1)
    array = array[(slice(None),) * 3 + (0,) * (array.ndim - components - 3)]  # further axes hold one element each
    if components and array.shape[3] == 1:
        array = array[..., 0]
    metadata = dict(header.metadata)
    return Stored(array, header.affine, header.has_spacing, metadata=metadata, oriented=header.oriented)
