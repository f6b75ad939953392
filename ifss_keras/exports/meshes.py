"""The surfaces of the labels of a volume, in millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ifss_keras.core.colours import RGB, label_colours
from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.datasets.labels import codes_in, name_of
from ifss_keras.exports.surface import closed_surface, smoothed, smoothing_margins
from ifss_keras.volumes.volume import Volume, voxel_spacing_mm

_STEPS = 0.7  # of the largest spacing: a Gaussian that takes away the steps between slices and is little to a muscle
_BYTES_PER_VOXEL = 24  # of a label's box: its mask, its parts, the smoothed mask and what making them takes
_MM3_PER_ML = 1000.0

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class LabelMesh:
    """The closed surface of one label.

    Attributes:
        code, name, colour: of the label.
        vertices_mm: (vertex, 3) float32, RAS.
        faces: (triangle, 3) int32, their normals outwards.
        voxels_ml: the volume of the label's voxels.
    """

    code: int
    name: str
    colour: RGB
    vertices_mm: np.ndarray
    faces: np.ndarray
    voxels_ml: float

    def solid(self) -> Any:
        """As `trimesh.Trimesh`, vertex for vertex."""
        import trimesh

        return trimesh.Trimesh(self.vertices_mm, self.faces, process=False)

    @property
    def volume_ml(self) -> float:
        """What the surface encloses."""
        return float(self.solid().volume) / _MM3_PER_ML

    @property
    def is_watertight(self) -> bool:
        """Whether each edge lies between two triangles, which run through it in opposite directions."""
        solid = self.solid()
        return bool(solid.is_watertight and solid.is_winding_consistent)


def label_meshes(
    labels: Volume,
    names: Mapping[int, str],
    *,
    smoothing_mm: float | None = None,
    max_gb: float | None = None,
    progress: Progress = silent,
) -> list[LabelMesh]:
    """A closed surface for each label, of the volume of its voxels; see `closed_surface`.

    Args:
        labels: codes (slice, row, column).
        names: of some codes; the others are named by their codes.
        smoothing_mm: standard deviation of a Gaussian by which each label is smoothed first, its volume kept (see
            `smoothed`), the same along all axes of a grid that is not sheared; None: only the steps of the voxels are
            taken away, each voxel's centre stays on its side.
        max_gb: see `check_memory`.
        progress: told of "surfaces", how many are made.

    Raises:
        InputError: no label, frames of a tracked sweep, or too little memory.
    """
    if labels.sweep is not None:
        raise InputError(
            f"{labels.source.path} holds the frames of a tracked sweep, which lie on no grid: expected a volume; "
            "reconstruct one first."
        )
    boxes = label_boxes(labels.array)
    if not boxes:
        raise InputError(f"{labels.source.path} holds no label: expected codes above 0, received only 0; annotate it.")
    sigma = tuple((smoothing_mm or 0.0) / step_mm for step_mm in labels.spacing_mm)
    beyond = np.add(smoothing_margins(sigma), 1)
    for box in boxes.values():
        voxels = np.prod([part.stop - part.start for part in box] + 2.0 * beyond)
        check_memory(_BYTES_PER_VOXEL * voxels, f"The surface of {labels.source.path}", max_gb, settable=True)
    colours = label_colours(boxes, labels.source.colours)
    done, made = Counter(progress, "surfaces", len(boxes)), []
    for code, box in boxes.items():
        vertices, faces = _surface(labels, code, box, None if smoothing_mm is None else sigma)
        count = np.count_nonzero(labels.array[box] == code)
        voxels_ml = int(count) * labels.voxel_volume_ml
        made.append(LabelMesh(code, name_of(code, names), colours[code], vertices, faces, voxels_ml))
        done()
    return made


def _surface(
    labels: Volume, code: int, box: Box, sigma: tuple[float, float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (vertex, 3) float32 in RAS mm and triangles of one label."""
    mask, begin = labels.array[box] == code, np.array([part.start for part in box])
    if sigma is not None:
        mask, margins = smoothed(mask, sigma)
        begin = begin - margins
    steps_mm = _STEPS * max(labels.spacing_mm)
    vertices, faces = closed_surface(mask, tuple(steps_mm / step_mm for step_mm in labels.spacing_mm))
    affine = placed(labels)
    placed_mm = ((vertices + begin) @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
    return placed_mm, faces if np.linalg.det(affine) > 0 else np.ascontiguousarray(faces[:, ::-1])


def placed(volume: Volume) -> np.ndarray:
    """(4, 4) from (slice, row, column, 1) to RAS millimetres, by the spacing in use where it overrides the file's."""
    affine = volume.affine.copy()
    affine[:3, :3] *= np.divide(volume.spacing_mm, voxel_spacing_mm(volume.affine))
    return affine


def label_boxes(labels: np.ndarray) -> dict[int, Box]:
    """Code to the smallest box (slice, row, column) that holds all of it, by ascending codes; found slice by slice."""
    ends: dict[int, np.ndarray] = {}
    for index, plane in enumerate(labels):
        for code in codes_in(plane).tolist():
            held = plane == code
            rows, columns = np.flatnonzero(held.any(axis=1)), np.flatnonzero(held.any(axis=0))
            here = np.array([[index, rows[0], columns[0]], [index, rows[-1], columns[-1]]])
            before = ends.setdefault(code, here)
            ends[code] = np.array([np.minimum(before[0], here[0]), np.maximum(before[1], here[1])])
    return {code: tuple(slice(int(a), int(b) + 1) for a, b in ends[code].T) for code in sorted(ends)}
