"""Volumes and labels as layers of napari, and back; layers are told by their attributes, so that none is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.napari_plugin.placement import Placement, volume_at
from ifss_keras.volumes.volume import Volume

KEY = "ifss_keras"  # in a layer's metadata
UNIT = "millimeter"

LayerData = tuple[np.ndarray, dict[str, Any], str]


def image_layer(volume: Volume, name: str) -> LayerData:
    """A volume as a layer that lies where it does; `Placement` says how. The layer's metadata keep the volume."""
    return volume.array, {"name": name, "metadata": {KEY: {"volume": volume}}, **_transform(volume)}, "image"


def labels_layer(labels: np.ndarray, names: Mapping[int, str], volume: Volume, name: str) -> LayerData:
    """Label codes (slice, row, column) of a volume as a layer that lies on it; the metadata keep the codes' names."""
    return labels, {"name": name, "metadata": {KEY: {"names": dict(names)}}, **_transform(volume)}, "labels"


def labels_over(layer, labels: np.ndarray, names: Mapping[int, str], name: str) -> LayerData:
    """The same for labels that lie on an image layer, wherever somebody has put that."""
    kept = {what: getattr(layer, what) for what in ("scale", "translate", "rotate", "shear", "units", "axis_labels")}
    affine = np.asarray(layer.affine.affine_matrix)
    return labels, {"name": name, "affine": affine, "metadata": {KEY: {"names": dict(names)}}, **kept}, "labels"


def matrix_of(layer) -> np.ndarray:
    """(4, 4), from an index (slice, row, column, 1) to the world in mm, by the layer's scale, affine and units.

    Units that are no length, as pixels are, count as millimetres.
    """
    origin, *ends = (np.array(layer.data_to_world(index)) for index in np.vstack([np.zeros(3), np.eye(3)]))
    matrix = np.eye(4)
    matrix[:3] = np.column_stack([*(end - origin for end in ends), origin])
    return np.diag([*map(_in_mm, layer.units), 1.0]) @ matrix


def volume_of(layer) -> Volume:
    """The volume that an image layer shows: as it was read, if it was; stretched as the layer is, see `volume_at`.

    Raises:
        InputError: it is no single volume of grey values in memory, or its voxels are none of a body.
    """
    array = layer.data
    if layer.ndim != 3 or getattr(layer, "rgb", False) or getattr(layer, "multiscale", False):
        raise InputError(
            f"The layer {layer.name} is not one volume of grey values: expected three axes (slice, row, column), no "
            "colours and one scale; choose another, or cut one out."
        )
    if not isinstance(array, np.ndarray):
        raise InputError(
            f"The layer {layer.name} is read piece by piece: expected a volume in memory; replace its data by "
            "numpy.asarray of them."
        )
    known = layer.metadata.get(KEY, {}).get("volume")
    if known is not None and known.array.shape != array.shape:
        known = None
    if known is not None and known.array is not array:
        known = replace(known, array=array)
    return volume_at(array, matrix_of(layer), known)


def names_of(layer) -> dict[int, str]:
    """Label code to name, as far as a labels layer was read with some."""
    return dict(layer.metadata.get(KEY, {}).get("names", {}))


def check_over(labels, image) -> None:
    """Refuses a labels layer that somebody cannot have drawn on an image layer, voxel by voxel.

    Raises:
        InputError: it is no array in memory that can be written to.
        GeometryError: it has another shape, or lies elsewhere.
    """
    if not isinstance(labels.data, np.ndarray) or not labels.data.flags.writeable:
        raise InputError(
            f"The layer {labels.name} cannot be written to: expected labels in memory; make a new layer, or duplicate "
            "it."
        )
    if labels.data.shape != image.data.shape:
        raise GeometryError(
            f"The layer {labels.name} has shape {labels.data.shape} (slice, row, column): expected that of "
            f"{image.name}, {image.data.shape}; make a new one."
        )
    ours, theirs = matrix_of(labels), matrix_of(image)
    if not np.allclose(ours, theirs, atol=1e-3 * np.abs(theirs[:3, :3]).max()):
        raise GeometryError(
            f"The layer {labels.name} lies elsewhere than {image.name}: expected the same scale and affine; make a "
            "new one, or give it the image's."
        )


def same_volume(one: Volume, other: Volume) -> bool:
    """Whether two volumes hold the same voxels in memory, at the same place."""
    same_place = one.spacing_mm == other.spacing_mm and np.array_equal(one.affine, other.affine)
    return same_place and one.array.shape == other.array.shape and np.may_share_memory(one.array, other.array)


def world_of_slice(layer, index: int) -> float:
    """Where a slice lies along the first of the world's axes that a layer has."""
    _, rows, columns = layer.data.shape
    return float(layer.data_to_world((index, (rows - 1) / 2, (columns - 1) / 2))[0])


def slice_at(layer, point: tuple[float, ...]) -> int:
    """The slice of a layer at a point of the world, or the nearest."""
    index = round(float(layer.world_to_data(point[-3:])[0]))
    return min(max(index, 0), len(layer.data) - 1)


def _transform(volume: Volume) -> dict[str, Any]:
    placement = Placement.of(volume)
    return {
        "scale": placement.scale_mm,
        "affine": placement.affine,
        "units": UNIT,
        "axis_labels": placement.axis_labels,
    }


def _in_mm(unit) -> float:
    """Millimetres of a unit of pint's."""
    import pint

    try:
        return float((1 * unit).to(UNIT).magnitude)
    except pint.DimensionalityError:
        return 1.0
