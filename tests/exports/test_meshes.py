"""Surfaces in millimetres: of solids in closed form on plain, oblique and sheared grids, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter

from ifss_keras.core.errors import InputError
from ifss_keras.exports.meshes import label_boxes, label_meshes
from ifss_keras.volumes.io import read_labels
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Source, Volume
from tests.exports.solids import SOLIDS, SPACING_MM, enclosed, open_edges, voxelised


def plain():
    return np.diag([0.3, 0.3, 1.0, 1])


def oblique():
    turn, _ = np.linalg.qr(np.array([[3.0, 1, 2], [-1, 4, 1], [2, -1, 5]]))
    return _placed(turn @ np.diag([0.3, -0.3, 1.0]) * np.sign(np.linalg.det(turn)))


def sheared():
    """Each slice displaced by 0.4 mm against the one before, as in a tilted gantry."""
    return _placed(np.array([[0.3, 0, 0], [0, -0.3, 0.4], [0, 0, 1.0]]))


def _placed(axes):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-31.5, 12.25, 101)
    return affine


def volume_of(array, stored_affine):
    """Labels (slice, row, column) on a grid given by its affine from (i, j, k)."""
    return Volume.from_stored(np.asarray(array, np.uint8).transpose(2, 1, 0), stored_affine, Source(axis=2))


def in_solid(mesh, volume, centre):
    """Vertices in mm from the solid's centre, along slice, row and column of a grid that is not sheared."""
    indices = np.linalg.solve(volume.affine, np.c_[mesh.vertices_mm, np.ones(len(mesh.vertices_mm))].T)[:3].T
    return ((indices - centre) * SPACING_MM).T


@pytest.mark.parametrize("grid", [plain, oblique, sheared])
@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_has_its_volume_and_lies_where_it_is(name, grid):
    mask, centre = voxelised(name)
    distance, _, true_mm3 = SOLIDS[name]
    volume = volume_of(5 * mask, grid())
    (mesh,) = label_meshes(volume, {5: "SOL"})
    assert (mesh.code, mesh.name) == (5, "SOL")
    assert len(open_edges(mesh.faces)) == 0
    assert mesh.is_watertight
    voxels_ml = np.count_nonzero(mask) * 0.09 / 1000
    assert mesh.voxels_ml == pytest.approx(voxels_ml)
    assert enclosed(mesh.vertices_mm, mesh.faces) / 1000 == pytest.approx(voxels_ml, rel=0.0005)
    assert mesh.volume_ml == pytest.approx(voxels_ml, rel=0.0005)
    assert mesh.volume_ml == pytest.approx(true_mm3 / 1000, rel=0.02)  # of 1 mm slices
    offsets_mm = distance(*in_solid(mesh, volume, centre))
    assert np.sqrt((offsets_mm**2).mean()) < 0.15
    assert np.abs(offsets_mm).max() < 0.6


def test_every_label_has_its_own_surface_at_the_border_too():
    labels = np.zeros((5, 7, 11), np.uint16)
    labels[:, :3] = 300
    labels[4, 6, 10] = 7
    volume = volume_of(np.zeros_like(labels), oblique())
    volume = replace(volume, array=labels, source=replace(volume.source, colours={7: (1, 2, 3)}))
    single, slab = label_meshes(volume, {300: "slab"})
    assert [(mesh.code, mesh.name) for mesh in (single, slab)] == [(7, "7"), (300, "slab")]
    assert single.colour == (1, 2, 3) != slab.colour
    for mesh, voxels in ((single, 1), (slab, 5 * 3 * 11)):
        assert mesh.is_watertight
        assert enclosed(mesh.vertices_mm, mesh.faces) == pytest.approx(0.09 * voxels, rel=0.002)
    centre = volume.affine @ [4, 6, 10, 1]
    np.testing.assert_allclose(single.vertices_mm.mean(axis=0), centre[:3], atol=1e-3)


def test_a_spacing_that_is_given_counts():
    mask, _ = voxelised("sphere")
    volume = volume_of(mask, oblique())
    stretched = replace(volume, spacing_mm=(2.0, 0.3, 0.6))
    (mesh,), (other,) = label_meshes(volume, {}), label_meshes(stretched, {})
    assert other.voxels_ml == pytest.approx(4 * mesh.voxels_ml)
    assert other.volume_ml == pytest.approx(4 * mesh.volume_ml, rel=0.001)


def test_smoothing_brings_a_noisy_mask_nearer_to_its_solid_and_keeps_its_volume():
    mask, centre = voxelised("torus")
    noise = gaussian_filter(np.random.default_rng(0).normal(size=mask.shape), (0, 2, 2))  # slices differ
    rough = (gaussian_filter(mask.astype(float), (0, 2, 2)) + noise / noise.std() / 5) > 0.5
    rough &= binary_dilation(mask, iterations=3)
    volume = volume_of(rough, oblique())
    off_mm = {}
    for smoothing_mm in (None, 1.0):
        (mesh,) = label_meshes(volume, {}, smoothing_mm=smoothing_mm)
        assert mesh.is_watertight
        assert mesh.volume_ml == pytest.approx(np.count_nonzero(rough) * 0.09 / 1000, rel=0.001)
        off_mm[smoothing_mm] = np.sqrt((SOLIDS["torus"][0](*in_solid(mesh, volume, centre)) ** 2).mean())
    assert off_mm[1.0] < 0.6 * off_mm[None]


def test_smoothing_reaches_beyond_the_grid():
    labels = np.zeros((7, 20, 20), np.uint8)
    labels[0:2, 0:4, 0:4] = 1
    (mesh,) = label_meshes(volume_of(labels, plain()), {}, smoothing_mm=1.5)
    assert mesh.is_watertight
    assert mesh.volume_ml == pytest.approx(32 * 0.09 / 1000, rel=0.002)
    np.testing.assert_allclose(mesh.vertices_mm.mean(axis=0), [0.45, 0.45, 0.5], atol=0.15)


def test_boxes_hold_all_of_a_label_and_nothing_more():
    labels = np.zeros((5, 6, 7), np.int32)
    labels[1, 2, 3] = labels[3, 1, 5] = 9
    labels[0, 0, 0] = 2**31 - 1
    first = (slice(0, 1),) * 3
    assert label_boxes(labels) == {9: (slice(1, 4), slice(1, 3), slice(3, 6)), 2**31 - 1: first}
    assert list(label_boxes(labels)) == [9, 2**31 - 1]


def test_real_labels_keep_their_millilitres(test_data):
    for name in ("leg_mri_3mm", "lower_leg_us"):
        labels = read_labels(test_data / name / "label.nii.gz")
        for mesh in label_meshes(labels, {}):
            voxels = np.count_nonzero(labels.array == mesh.code)
            assert len(open_edges(mesh.faces)) == 0
            assert mesh.volume_ml == pytest.approx(voxels * np.prod(labels.spacing_mm) / 1000, rel=0.001)


def test_what_cannot_be_a_surface_is_refused():
    empty = volume_of(np.zeros((3, 4, 5)), plain())
    with pytest.raises(InputError, match="holds no label"):
        label_meshes(empty, {})
    held = volume_of(np.ones((3, 40, 50)), plain())
    with pytest.raises(InputError, match=r"needs 0\.0002\d* GB of memory") as refused:
        label_meshes(held, {}, max_gb=1e-5)
    assert refused.value.setting == "max_gb"
    sweep = Sweep.of_planes(np.stack([np.eye(4)] * 3))
    with pytest.raises(InputError, match="tracked sweep"):
        label_meshes(replace(held, sweep=sweep), {})
