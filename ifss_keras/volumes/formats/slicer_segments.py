"""The segments of a 3D Slicer segmentation file (`.seg.nrrd`): their names, colours, values and layers.

Format: https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html ("Segmentation
files").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ifss_keras.core.colours import RGB, label_colours
from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.stored import Stored, one_line
from ifss_keras.volumes.volume import present_codes

_KEY = re.compile(r"Segment(\d{1,9})_(\w+)", re.ASCII)
_TISSUE = (
    "TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list~SCT^85756007^Tissue~"
    "SCT^85756007^Tissue~^^~Anatomic codes - DICOM master list~^^~^^|"
)


@dataclass(frozen=True)
class Segment:
    """One segment as a file describes it; its voxels are those of `layer` that hold `value`; None: without a colour."""

    name: str
    value: int
    layer: int
    colour: RGB | None = None


def parse_segments(metadata: Mapping[str, str], layers: int, path: Path) -> list[Segment]:
    """The segments that the custom fields of a file describe, in their order; none for other files.

    Files from before Slicer 4.11 give neither value nor layer: there each segment is a layer of ones.
    """
    fields: dict[int, dict[str, str]] = {}
    for key, value in metadata.items():
        if match := _KEY.fullmatch(key):
            fields.setdefault(int(match[1]), {})[match[2]] = value
    segments = []
    for position, index in enumerate(sorted(fields)):
        field = fields[index]
        try:
            value = int(field.get("LabelValue", 1))
            layer = int(field.get("Layer", position if layers > 1 else 0))
        except ValueError:
            layer = -1
        if not (0 <= layer < layers and 0 <= value < 2**31):
            received = [one_line(field.get(key, "none"))[:20] for key in ("LabelValue", "Layer")]
            raise InputError(
                f"{path} describes segment {index} with value {received[0]} in layer {received[1]}: expected whole "
                f"numbers from 0 up, a value below 2^31 and a layer below {layers}; save it in 3D Slicer again."
            )
        name = one_line(field.get("Name", "")) or one_line(field.get("ID", "")) or f"Segment_{index}"
        segments.append(Segment(name, value, layer, _colour(field.get("Color", ""))))
    return segments


def _colour(text: str) -> RGB | None:
    """Three shares from 0 to 1 as 0 to 255; None for anything else, as a mask is as good without its colours."""
    try:
        red, green, blue = (round(255 * float(share)) for share in text.split())
    except (ValueError, OverflowError):
        return None
    return (red, green, blue) if 0 <= min(red, green, blue) <= max(red, green, blue) <= 255 else None


def merged_labels(stored: Stored, path: Path) -> Stored:
    """The same labels with one code a voxel, and the names and colours that the file's own fields give them.

    Raises:
        InputError: see `merge_layers`.
    """
    array, segments = merge_layers(stored.array, stored.metadata, path)
    names = {code: segment.name for code, segment in segments.items()}
    colours = {code: segment.colour for code, segment in segments.items() if segment.colour is not None}
    return replace(stored, array=array, names=names, colours=colours)


def merge_layers(array: np.ndarray, metadata: Mapping[str, str], path: Path) -> tuple[np.ndarray, dict[int, Segment]]:
    """One label volume (i, j, k), and the segment of each code that the file describes.

    A single layer keeps its values. Segments of several layers keep theirs if no two share one, as the
    layers of Slicer usually do; otherwise they are numbered 1, 2, ... in the order of the file.

    Args:
        array: (i, j, k) or (i, j, k, layer).

    Raises:
        InputError: if segments overlap, or a file with several values per voxel is no segmentation.
    """
    layers = 1 if array.ndim == 3 else array.shape[3]
    segments = parse_segments(metadata, layers, path)
    if layers == 1:
        _refuse_shared_values(segments, path)
        return array.reshape(array.shape[:3]), {segment.value: segment for segment in segments}
    if not segments:
        raise InputError(
            f"{path} holds {layers} values per voxel: expected one label per voxel, or a .seg.nrrd that "
            "names its segments; export a label volume."
        )
    values = [segment.value for segment in segments]
    codes = values if len(set(values)) == len(values) else list(range(1, len(values) + 1))
    merged = np.zeros(array.shape[:3], np.min_scalar_type(max(codes)), order="F")
    described = dict(zip(codes, segments, strict=True))
    for code, segment in zip(codes, segments, strict=True):
        mask = array[..., segment.layer] == segment.value
        if (taken := merged[mask]).any():
            raise InputError(
                f"{path} has overlapping segments, {described[int(taken.max())].name} and {segment.name}: expected at "
                f"most one label per voxel, received {np.count_nonzero(taken)} voxels with two; remove the "
                "overlap."
            )
        merged[mask] = code
    if np.count_nonzero(merged) != np.count_nonzero(array.any(axis=3)):
        raise InputError(
            f"{path} has labelled voxels that belong to none of its {len(segments)} segments: expected each "
            "value to be described; save it in 3D Slicer again."
        )
    return merged, described


def _refuse_shared_values(segments: Sequence[Segment], path: Path) -> None:
    first: dict[int, Segment] = {}
    for segment in segments:
        if first.setdefault(segment.value, segment) is not segment:
            raise InputError(
                f"{path} gives the segments {first[segment.value].name} and {segment.name} the same value "
                f"{segment.value}: expected a value for each; save it in 3D Slicer again."
            )


def segment_metadata(labels: np.ndarray, names: Mapping[int, str], colours: Mapping[int, RGB]) -> dict[str, str]:
    """The custom fields with which 3D Slicer opens a label volume (i, j, k) as named, coloured segments.

    Every extent is the whole grid: readers exist that crop all segments to the first one's extent.
    """
    present = {code for code in present_codes(labels.transpose()) if code}
    codes = tuple(sorted(present | set(names)))
    metadata = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for index, (code, colour) in enumerate(label_colours(codes, colours).items()):
        fields = {
            "ID": f"Segment_{code}",
            "Name": names.get(code, str(code)),
            "NameAutoGenerated": "0",
            "LabelValue": str(code),
            "Layer": "0",
            "Color": " ".join(f"{channel / 255:.6f}" for channel in colour),
            "ColorAutoGenerated": "0",
            "Extent": " ".join(f"0 {size - 1}" for size in labels.shape),
            "Tags": _TISSUE,
        }
        metadata.update({f"Segment{index}_{key}": value for key, value in fields.items()})
    return metadata
