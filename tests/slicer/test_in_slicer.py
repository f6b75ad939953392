"""What the project writes as 3D Slicer's own code reads it: voxels, place, names, colours, millilitres, surfaces.

Slicer's code is slicer-core (https://pypi.org/project/slicer-core/) in an environment of its own: `make test-slicer`.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.exports.mesh_files import mesh_names, write_meshes
from ifss_keras.exports.meshes import label_meshes
from ifss_keras.metrics.volume import volume_ml
from ifss_keras.volumes.io import read_labels, read_volume, write_labels

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[2]
NAMES, COLOURS = {3: "Soleus", 7: "Gastrocnémien médial"}, {3: (10, 200, 30), 7: (1, 2, 250)}
FORMATS = (".nii.gz", ".mha", ".nrrd", ".seg.nrrd")
MESHES = (".stl", ".ply", ".vtp")


@pytest.fixture(scope="module")
def slicer():
    """A function that gives what Slicer reads from files: told by name, and their arrays."""
    python = Path(os.environ.get("IFSS_SLICER_PYTHON", CHECKOUT / ".venv-slicer" / "bin" / "python"))
    if not python.is_file():
        pytest.skip(f"no slicer-core: {python} is absent (make test-slicer, or set IFSS_SLICER_PYTHON)")

    def read(folder, paths):
        script = Path(__file__).with_name("in_slicer.py")
        arguments = [str(python), str(script), str(folder), *map(str, paths)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=_bare())
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        return {path.name: (told[path.name], np.load(folder / f"{path.name}.npy")) for path in paths}

    return read


def _bare():
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module", params=["left-handed", "right-handed"])
def written(request, tmp_path_factory, two_muscles, oblique_affine, write_stored, slicer):
    """(slice, row, column) labels, by name what Slicer reads from them, and their oblique grid, 0.5 x 0.8 x 2.5 mm."""
    folder = tmp_path_factory.mktemp("slicer")
    image, labels = two_muscles
    affine = oblique_affine @ np.diag([1, -1 if request.param == "right-handed" else 1, 1, 1])
    write_stored(folder / "image.nii.gz", np.ascontiguousarray(image.transpose(2, 1, 0)), affine)
    like = read_volume(folder / "image.nii.gz")
    paths = [folder / f"mask{suffix}" for suffix in FORMATS]
    for path in paths:
        write_labels(path, labels, like, NAMES, COLOURS)
    return labels, slicer(folder, paths), affine


def on_grid(array, ijk_to_ras, affine):
    """(k, j, i) as the axes of an affine have them: Slicer turns k around where a grid is left-handed."""
    held = np.linalg.solve(affine, np.array(ijk_to_ras))
    last = np.where(np.diag(held)[:3] < 0, np.array(array.shape[::-1]) - 1, 0)
    expected = np.diag([*np.sign(np.diag(held)[:3]), 1])
    expected[:3, 3] = last
    np.testing.assert_allclose(held, expected, atol=1e-4)
    return np.flip(array, [2 - axis for axis in np.flatnonzero(last)])


@pytest.mark.parametrize("suffix", FORMATS)
def test_labels_have_their_voxels_their_place_and_their_millilitres(suffix, written):
    labels, read, affine = written
    told, array = read[f"mask{suffix}"]
    np.testing.assert_array_equal(on_grid(array, told["ijk_to_ras"], affine), labels)
    voxel_mm3 = abs(np.linalg.det(np.array(told["ijk_to_ras"])[:3, :3]))
    for code in NAMES:
        ours = volume_ml(labels == code, (2.5, 0.8, 0.5))
        assert np.count_nonzero(array == code) * voxel_mm3 / 1000 == pytest.approx(ours, rel=1e-5)


def test_segments_have_their_names_colours_and_millilitres(written):
    labels, read, _ = written
    told, _ = read["mask.seg.nrrd"]
    assert told["extent"] == [0, 23, 0, 19, 0, 12]
    assert [(held["value"], held["name"]) for held in told["segments"]] == list(NAMES.items())
    for held in told["segments"]:
        code = held["value"]
        np.testing.assert_allclose(np.multiply(held["colour"], 255), COLOURS[code], atol=1e-3)
        assert held["volume_ml"] == pytest.approx(volume_ml(labels == code, (2.5, 0.8, 0.5)), rel=1e-5)


@pytest.fixture(scope="module", params=["LPS", "RAS"])
def surfaces(request, tmp_path_factory, two_muscles, oblique_affine, write_stored, slicer):
    """The meshes of both labels, and by name what Slicer reads from their files."""
    folder = tmp_path_factory.mktemp(request.param)
    write_stored(folder / "mask.nii.gz", np.ascontiguousarray(two_muscles[1].transpose(2, 1, 0)), oblique_affine)
    meshes, paths = label_meshes(read_labels(folder / "mask.nii.gz"), NAMES), []
    for suffix in MESHES:
        files = mesh_names(folder / f"legs{suffix}", {mesh.code: str(mesh.code) for mesh in meshes})
        write_meshes(folder, files, meshes, request.param)
        paths += [folder / name for name in files]
    return meshes, slicer(folder, paths)


def test_surfaces_lie_on_the_image_in_either_space(surfaces):
    meshes, read = surfaces
    assert set(read) == {"legs_3.stl", "legs_7.stl", "legs.ply", "legs.vtp"}
    of_files = {"legs_3.stl": meshes[:1], "legs_7.stl": meshes[1:], "legs.ply": meshes, "legs.vtp": meshes}
    for name, held in of_files.items():
        told, points = read[name]
        ours = np.concatenate([mesh.vertices_mm for mesh in held])
        assert told["triangles"] == sum(len(mesh.faces) for mesh in held)
        assert told["volume_ml"] == pytest.approx(sum(mesh.voxels_ml for mesh in held), rel=0.002)
        ordered = [np.array(sorted(map(tuple, np.round(held, 3)))) for held in (points, ours)]
        np.testing.assert_allclose(*ordered, atol=2e-3)
    assert "Label" in read["legs.vtp"][0]["arrays"]
