"""Masks as surfaces in mesh files, and a lab's volumes as a data set of nnU-Net."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.hidden import hidden_folder
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import SUFFIX, Outputs
from ifss_keras.datasets.labels import name_of, own_names
from ifss_keras.datasets.listing import read_dataset
from ifss_keras.exports.mesh_files import Space, check_mesh_name, mesh_names, write_meshes
from ifss_keras.exports.meshes import LabelMesh, label_meshes
from ifss_keras.exports.nnunet import Written, check_dataset_place, write_dataset
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.outputs import lies_on_frames
from ifss_keras.jobs.provenance import Provenance, fingerprints
from ifss_keras.volumes.io import read_labels
from ifss_keras.volumes.volume import present_codes


@dataclass(frozen=True)
class MeshExport:
    """Surfaces that were written.

    Attributes:
        meshes: one for each label.
        files: of each label, by its code.
        space: of the coordinates.
    """

    meshes: Sequence[LabelMesh]
    files: Mapping[int, Path]
    space: Space

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; volumes in mL."""
        return {
            "space": self.space,
            "unit": "mm",
            "meshes": [
                {
                    "code": mesh.code,
                    "name": mesh.name,
                    "file": str(self.files[mesh.code]),
                    "vertices": len(mesh.vertices_mm),
                    "triangles": len(mesh.faces),
                    "watertight": mesh.is_watertight,
                    "volume_ml": mesh.volume_ml,
                    "voxels_ml": mesh.voxels_ml,
                }
                for mesh in self.meshes
            ],
        }


def export_meshes(
    mask: Path,
    output: Path,
    *,
    labels: Mapping[int, str] | None = None,
    space: Space = "LPS",
    smoothing_mm: float | None = None,
    spacing_mm: tuple[float, float, float] | None = None,
    max_gb: float | None = None,
    force: bool = False,
    call: Call | None = None,
    progress: Progress = silent,
) -> MeshExport:
    """A closed surface for each label of a mask, in mesh files.

    Args:
        mask: a label file.
        output: `.stl` (one for each label where there are several, see `mesh_names`), `.ply`, `.vtp` or `.3mf`.
        labels: code to name, before those of the file.
        space: "LPS", which 3D Slicer takes where a file says nothing, or "RAS".
        smoothing_mm: see `label_meshes`.
        spacing_mm: (slice, row, column) in place of the file's.
        max_gb: the most memory that the voxels may take, in 10^9 bytes; None for what is free.
        force: whether files may be replaced that are no earlier surfaces of the same mask, untouched since.
        call: how it was asked for; None: now, from Python.
        progress: told of "surfaces", how many are made.

    Raises:
        InputError: a file that cannot be used, no label in it, a name for one that it lacks, or files of others where
            the surfaces should go.
    """
    check_mesh_name(output)
    _check_file_place(output)
    if lies_on_frames(mask):
        raise InputError(
            f"{mask} lies on the frames of a tracked sweep, which are no voxels: expected a mask of a volume; "
            "reconstruct the sweep with this mask as its labels, and export those."
        )
    volume = read_labels(mask, spacing_mm=spacing_mm, max_gb=max_gb)
    held = [code for code in present_codes(volume.array) if code]
    if unknown := sorted(set(labels or {}) - set(held)):
        raise InputError(
            f"{mask} has no label {unknown[0]}: expected one of {', '.join(map(str, held))}; leave it out.",
            setting="labels",
        )
    names = own_names(mask, volume.source.names) | dict(labels or {})
    files = mesh_names(output, {code: name_of(code, names) for code in held})
    outputs = Outputs(output.with_name(output.name + SUFFIX), tuple(files), fingerprints(mask=mask), force)
    outputs.check_replaceable()
    meshes = label_meshes(volume, names, smoothing_mm=smoothing_mm, max_gb=max_gb, progress=progress)
    provenance = Provenance.now(call or Call(), None, outputs.source)
    with outputs.publishing(provenance.inputs, provenance.facts()) as hidden:
        write_meshes(hidden, files, meshes, space)
    return MeshExport(meshes, {code: output.with_name(name) for name, codes in files.items() for code in codes}, space)


def export_nnunet(
    dataset: Path,
    output: Path,
    *,
    labels: Mapping[int, str] | None = None,
    sparse: bool = False,
    channel: str = "ultrasound",
    licence: str = "not stated",
    max_gb: float | None = None,
    progress: Progress = silent,
) -> Written:
    """A data set as nnU-Net takes it; nothing has its name before all of it is there.

    Args:
        dataset: a folder or a CSV, see `read_dataset`.
        output: a new folder, named as nnU-Net's are: Dataset501_Legs.
        labels, sparse, channel, licence, max_gb, progress: see `write_dataset`.

    Raises:
        InputError: a file that cannot be used, or a folder that is there already or has another name.
        GeometryError: an image and its labels lie on different grids.
    """
    check_dataset_place(output)
    check_folder(output)
    held = read_dataset(dataset)
    with hidden_folder(output.parent) as hidden:
        unfinished = hidden / output.name
        unfinished.mkdir()
        try:
            written = write_dataset(
                unfinished,
                held,
                names=labels or {},
                sparse=sparse,
                channel=channel,
                licence=licence,
                max_gb=max_gb,
                progress=progress,
            )
        except InputError as error:
            error.args = (str(error).replace(f"{hidden}{os.sep}", f"{output.parent}{os.sep}"),)
            raise
        check_dataset_place(output)  # work takes time
        os.rename(unfinished, output)
    return written


def _check_file_place(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} cannot be written: expected a file, it is a folder; give a file name.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: expected an existing folder, {path.parent} is none; create it first."
        )
    check_folder(path.parent)
