"""Mesh files: what is read back from each by its specification is what was to be written."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from ifss_keras.core.colours import hex_colour
from ifss_keras.core.errors import InputError
from ifss_keras.exports.mesh_files import SUFFIXES, check_mesh_name, mesh_names, write_meshes
from ifss_keras.exports.meshes import label_meshes
from ifss_keras.volumes.volume import Volume
from tests.exports.mesh_readers import read_3mf, read_ply, read_stl, read_vtp
from tests.exports.solids import enclosed, open_edges

NAMES = {3: 'SOL <left> & "old"', 200: "Gastrocnémien"}
SPACES = {"RAS": np.array([1, 1, 1]), "LPS": np.array([-1, -1, 1])}


@pytest.fixture(scope="module")
def meshes():
    """An ellipsoid 3, a box 200 and a single voxel 7, on unequal axes."""
    z, y, x = np.indices((9, 13, 17))
    labels = np.zeros(z.shape, np.uint8)
    labels[((z - 4) / 3.5) ** 2 + ((y - 5) / 4.2) ** 2 + ((x - 5) / 4) ** 2 < 1] = 3
    labels[2:5, 8:13, 11:17] = 200
    labels[8, 0, 16] = 7
    return label_meshes(Volume.from_array(labels, (1.0, 0.3, 0.4)), NAMES)


@pytest.fixture(params=SPACES)
def written(request, meshes, tmp_path):
    """A function that writes the meshes under a name and gives the file, beside the space of its coordinates."""

    def write(name):
        files = mesh_names(tmp_path / name, {mesh.code: mesh.name for mesh in meshes})
        write_meshes(tmp_path, files, meshes, request.param)
        return {code: tmp_path / file for file, codes in files.items() for code in codes}, request.param

    return write


def check_solid(mesh, vertices, faces, space):
    assert len(open_edges(faces)) == 0
    assert enclosed(vertices, faces) / 1000 == pytest.approx(mesh.voxels_ml, rel=0.001)  # outwards in either space
    ordered = [np.array(sorted(map(tuple, held))) for held in (vertices / SPACES[space], mesh.vertices_mm)]
    np.testing.assert_array_equal(*ordered)


def check_bodies(meshes, vertices, faces, label, space):
    for mesh in meshes:
        own = faces[label == mesh.code]
        assert own.max() - own.min() + 1 == len(np.unique(own))  # bodies share no vertex
        check_solid(mesh, vertices[own.min() : own.max() + 1], own - own.min(), space)


def test_stl_is_a_file_a_label(meshes, written):
    files, space = written("legs.stl")
    assert {path.name for path in files.values()} == {
        "legs_SOL_left_old.stl", "legs_7.stl", "legs_Gastrocnémien.stl",
    }  # fmt: skip
    for mesh in meshes:
        vertices, faces, normals, header = read_stl(files[mesh.code])
        check_solid(mesh, vertices, faces, space)
        assert header.startswith(f"ifss SPACE={space} mm ")
        edges = np.diff(vertices[faces], axis=1)
        assert ((np.cross(edges[:, 0], edges[:, 1]) * normals).sum(axis=1) > 0).all()


def test_ply_holds_codes_colours_and_names(meshes, written):
    files, space = written("legs.ply")
    vertices, faces, label, colours, comments = read_ply(files[3])
    assert set(files.values()) == {files[3]}
    check_bodies(meshes, vertices, faces, label, space)
    for mesh in meshes:
        assert np.unique(colours[label == mesh.code], axis=0).tolist() == [list(mesh.colour)]
        assert f"label {mesh.code} {mesh.name}" in comments
    assert f"SPACE={space}" in comments


def test_vtp_holds_codes_colours_and_names(meshes, written):
    files, space = written("legs.vtp")
    vertices, faces, cells, fields = read_vtp(files[3])
    check_bodies(meshes, vertices, faces, cells["Label"], space)
    for mesh in meshes:
        assert np.unique(cells["Color"][cells["Label"] == mesh.code], axis=0).tolist() == [list(mesh.colour)]
    assert fields == {"SPACE": [space], "LabelNames": [NAMES[3], "7", NAMES[200]], "LabelCodes": [3, 7, 200]}


def test_3mf_holds_an_object_a_label(meshes, written):
    files, space = written("legs.3mf")
    found, told = read_3mf(files[3])
    assert list(found) == [NAMES[3], "7", NAMES[200]]
    assert told == f"SPACE={space}"
    for mesh in meshes:
        vertices, faces, colour = found[mesh.name]
        check_solid(mesh, vertices.astype(np.float32), faces, space)
        assert colour == hex_colour(mesh.colour)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_labels_make_the_same_bytes(suffix, meshes, tmp_path):
    contents = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        folder.mkdir()
        write_meshes(folder, {f"a{suffix}": (3,)}, meshes, "LPS")
        contents.append((folder / f"a{suffix}").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("suffix", [".stl", ".ply"])
def test_trimesh_reads_them(suffix, meshes, tmp_path):
    write_meshes(tmp_path, {f"a{suffix}": (3,)}, meshes, "RAS")
    loaded = trimesh.load_mesh(tmp_path / f"a{suffix}")
    assert loaded.is_watertight
    assert loaded.volume / 1000 == pytest.approx(meshes[0].voxels_ml, rel=0.001)


@pytest.mark.parametrize(
    ("name", "labels", "files"),
    [
        ("m.stl", {7: "SOL"}, {"m.stl": (7,)}),
        ("m.ply", {7: "SOL", 9: "GM"}, {"m.ply": (7, 9)}),
        ("m.STL", {7: "SOL", 9: "GM"}, {"m_SOL.STL": (7,), "m_GM.STL": (9,)}),
        ("m.stl", {7: "a/b", 9: "A b", 11: "a_b"}, {"m_a_b_7.stl": (7,), "m_A_b_9.stl": (9,), "m_a_b_11.stl": (11,)}),
        ("m.stl", {7: "..", 9: "GM"}, {"m_7.stl": (7,), "m_GM.stl": (9,)}),
    ],
)  # fmt: skip
def test_names_of_files(name, labels, files):
    assert mesh_names(Path(name), labels) == files


def test_other_extensions_are_refused():
    with pytest.raises(InputError, match=r"a\.obj has an unknown extension: expected one of \.stl, \.ply"):
        check_mesh_name(Path("a.obj"))
