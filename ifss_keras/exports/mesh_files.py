"""Surfaces as STL, PLY, VTP and 3MF files, in millimetres; each says in which space.

STL and PLY are written by trimesh. 3D Slicer takes the space from `SPACE=LPS` or `SPACE=RAS` in the header of STL and
PLY and from the field array SPACE of VTP, and without it takes LPS
(https://github.com/Slicer/Slicer, vtkMRMLModelStorageNode).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.exports.meshes import LabelMesh
from ifss_keras.exports.threemf import threemf_file
from ifss_keras.exports.vtp import vtp_file

Space = Literal["LPS", "RAS"]
SPACES: tuple[str, ...] = get_args(Space)
_STL_HEADER_BYTES = 80


def in_space(mesh: LabelMesh, space: Space) -> np.ndarray:
    """(vertex, 3) float32 in mm."""
    return mesh.vertices_mm if space == "RAS" else mesh.vertices_mm * np.array([-1, -1, 1], np.float32)


def stl_file(mesh: LabelMesh, space: Space) -> bytes:
    """One label as binary STL."""
    from trimesh.exchange.stl import export_stl

    solid = mesh.solid()
    solid.vertices = in_space(mesh, space)
    header = f"ifss SPACE={space} mm {mesh.name}".encode("ascii", "replace")[:_STL_HEADER_BYTES]
    return header.ljust(_STL_HEADER_BYTES) + export_stl(solid)[_STL_HEADER_BYTES:]


def ply_file(meshes: Sequence[LabelMesh], space: Space) -> bytes:
    """All labels as binary PLY: code and colour are those of the triangles, names stand in comments."""
    import trimesh
    from trimesh.exchange.ply import export_ply

    vertices, faces, label = joined(meshes, space)
    solid = trimesh.Trimesh(vertices, faces, process=False)
    solid.face_attributes["label"] = label
    solid.visual.face_colors = np.repeat([[*mesh.colour, 255] for mesh in meshes], _triangles(meshes), axis=0)
    comments = [f"SPACE={space}", "unit mm", *(f"label {mesh.code} {mesh.name}" for mesh in meshes)]
    told = "".join(f"comment {comment}\n" for comment in comments).encode()
    return export_ply(solid, vertex_normal=False).replace(b"end_header\n", told + b"end_header\n", 1)


def joined(meshes: Sequence[LabelMesh], space: Space) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices in mm, triangles (triangle, 3) and their codes (triangle,), of bodies that share no vertex."""
    begins = np.cumsum([0, *(len(mesh.vertices_mm) for mesh in meshes)])
    faces = np.concatenate([mesh.faces + begin for mesh, begin in zip(meshes, begins, strict=False)])
    label = np.repeat(np.array([mesh.code for mesh in meshes], np.int32), _triangles(meshes))
    return np.concatenate([in_space(mesh, space) for mesh in meshes]), faces.astype(np.int32), label


def _triangles(meshes: Sequence[LabelMesh]) -> list[int]:
    return [len(mesh.faces) for mesh in meshes]


def _vtp(meshes: Sequence[LabelMesh], space: Space) -> bytes:
    return vtp_file(meshes, *joined(meshes, space), space)


def _threemf(meshes: Sequence[LabelMesh], space: Space) -> bytes:
    return threemf_file(meshes, [in_space(mesh, space) for mesh in meshes], space)


# suffix of the formats that hold all labels in one file; STL holds one
_OF_ALL: Mapping[str, Callable[[Sequence[LabelMesh], Space], bytes]] = {
    ".ply": ply_file,
    ".vtp": _vtp,
    ".3mf": _threemf,
}
SUFFIXES = (".stl", *_OF_ALL)


def check_mesh_name(path: Path) -> None:
    """Refuses a file whose suffix is that of no mesh.

    Raises:
        InputError: naming those there are.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path} has an unknown extension: expected one of {', '.join(SUFFIXES)}; rename it.")


def mesh_names(path: Path, labels: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    """Name of each file to the codes that it holds: one for all labels, but an STL for each where there are several.

    Args:
        path: what was asked for.
        labels: code to name; `muscles.stl` becomes `muscles_SOL.stl`, signs that file systems refuse `_`.
    """
    if path.suffix.lower() != ".stl" or len(labels) == 1:
        return {path.name: tuple(labels)}
    tails = {code: re.sub(r"[^\w.-]+", "_", name).strip("_.") or str(code) for code, name in labels.items()}
    alike = [tail.casefold() for tail in tails.values()]
    tails = {code: tail if alike.count(tail.casefold()) == 1 else f"{tail}_{code}" for code, tail in tails.items()}
    return {f"{path.stem}_{tail}{path.suffix}": (code,) for code, tail in tails.items()}


def write_meshes(folder: Path, names: Mapping[str, Sequence[int]], meshes: Sequence[LabelMesh], space: Space) -> None:
    """Writes the files of `mesh_names` into a folder.

    Raises:
        OSError: one could not be written.
    """
    of_code = {mesh.code: mesh for mesh in meshes}
    for name, codes in names.items():
        held = [of_code[code] for code in codes]
        write = _OF_ALL.get(Path(name).suffix.lower())
        (folder / name).write_bytes(write(held, space) if write else stl_file(held[0], space))
