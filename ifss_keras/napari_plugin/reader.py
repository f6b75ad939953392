"""Files as layers of napari: any that `read_volume` reads, segmentations with the names of their segments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ifss_keras.napari_plugin.layers import LayerData, image_layer, labels_layer
from ifss_keras.volumes.formats.registry import file_of, suffix_of
from ifss_keras.volumes.io import read_labels, read_volume

SEGMENTATIONS = (".seg.nrrd",)  # others look like images, or want theirs beside them


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """What napari is to call with a path; None for a stack of files, whose order only a folder can say."""
    return None if isinstance(path, list) and len(path) != 1 else read_layers


def read_layers(path: str | list[str]) -> list[LayerData]:
    """The layer of a file or a folder.

    Raises:
        InputError: as `read_volume` and `read_labels`.
    """
    path = Path(path[0] if isinstance(path, list) else path)
    if suffix_of(file_of(path)) in SEGMENTATIONS:
        labels = read_labels(path)
        return [labels_layer(labels.array.copy(), labels.source.names, labels, path.name)]
    return [image_layer(read_volume(path), path.name)]
