"""Surfaces of masks: closed, of the voxels' volume, with every voxel on its own side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ifss_keras.exports.surface import closed_surface, smoothed
from tests.exports.solids import enclosed, open_edges, winding_numbers


def checked(mask, sigma):
    """The surface, after checking that it is closed and has the volume of the voxels."""
    vertices, faces = closed_surface(mask, sigma)
    assert len(open_edges(faces)) == 0
    assert set(faces.ravel()) == set(range(len(vertices)))
    assert enclosed(vertices, faces) == pytest.approx(np.count_nonzero(mask), rel=1e-3)
    return vertices, faces


def check_sides(mask, vertices, faces):
    """Each voxel that the mask holds is surrounded once, each other one, also beyond the array, not at all."""
    wide = np.pad(mask, 2)
    centres = np.argwhere(np.ones_like(wide)) - 2.0
    np.testing.assert_allclose(winding_numbers(centres, vertices, faces), wide.ravel(), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    arrays(bool, st.sampled_from([(2, 3, 5), (3, 5, 2), (7, 2, 3), (1, 1, 4)])),
    st.tuples(*[st.sampled_from([0.0, 0.4, 1.0, 3.0])] * 3),
)
def test_any_mask_has_a_closed_surface_of_its_volume_between_its_voxels(mask, sigma):
    if not mask.any():
        mask[0, 0, 0] = True
    check_sides(mask, *checked(mask, sigma))


@pytest.mark.parametrize("sigma", [0.0, 2.0])
def test_a_single_voxel_is_an_octahedron_around_its_centre(sigma):
    mask = np.zeros((2, 3, 5), bool)
    mask[1, 0, 3] = True
    vertices, faces = checked(mask, (sigma,) * 3)
    assert (len(vertices), len(faces)) == (6, 8)
    radius = (3 / 4) ** (1 / 3)  # of an octahedron of volume 1
    np.testing.assert_allclose(np.linalg.norm(vertices - [1, 0, 3], axis=1), radius, rtol=1e-4)


def test_each_part_has_its_own_volume():
    mask = np.zeros((9, 11, 30), bool)
    z, y, x = np.indices(mask.shape)
    mask[(z - 4) ** 2 + (y - 5) ** 2 + (x - 6) ** 2 < 16] = True
    ball = np.count_nonzero(mask)
    mask[3, 5, 20] = True
    mask[6:8, 5, 25:28] = True
    vertices, faces = checked(mask, (1.0, 1.5, 1.5))
    column = vertices[faces[:, 0], 2]
    for low, high, voxels in ((0, 15, ball), (15, 22, 1), (22, 30, 6)):
        part = faces[(low <= column) & (column < high)]
        assert enclosed(vertices, part) == pytest.approx(voxels, rel=1e-3)


def test_a_cavity_and_a_hole_stay():
    mask = np.ones((5, 7, 9), bool)
    mask[2, 3, 4] = False  # a cavity
    mask[:, 1, 2] = False  # a hole right through
    vertices, faces = checked(mask, (1.0, 1.0, 1.0))
    check_sides(mask, vertices, faces)
    edges = len(faces) * 3 // 2
    assert len(vertices) - edges + len(faces) == 2 + 0  # a sphere around the cavity, and a torus


def test_a_sheet_one_voxel_thin_stays():
    mask = np.zeros((9, 9, 13), bool)
    z, y, x = np.indices(mask.shape)
    mask[(z - 4) ** 2 + (y - 4) ** 2 + (x - 4) ** 2 < 12] = True
    mask[4, 2:7, 4:13] = True
    check_sides(mask, *checked(mask, (1.5, 1.5, 1.5)))


def test_what_fills_the_array_closes_beyond_it():
    vertices, _ = checked(np.ones((2, 3, 5), bool), (0.0, 0.0, 0.0))
    # half a voxel and what the bevelled edges lack
    assert vertices.min(axis=0) == pytest.approx([-0.6, -0.6, -0.6], abs=0.01)
    assert vertices.max(axis=0) == pytest.approx([1.6, 2.6, 4.6], abs=0.01)


def test_smoothing_takes_the_steps_away():
    # a slope of one row in four slices
    slices, rows, _ = np.indices((24, 40, 31))
    mask = rows < 20.1 + slices / 4

    def unevenness(sigma):
        vertices, _ = closed_surface(mask, (sigma,) * 3)
        slope = vertices[(vertices[:, 2] == 15) & (np.abs(vertices[:, 0] - 11.5) < 6) & (vertices[:, 1] > 9)]
        line = np.polyfit(slope[:, 0], slope[:, 1], 1)
        assert line[0] == pytest.approx(0.25, abs=0.02)
        return np.abs(slope[:, 1] - np.polyval(line, slope[:, 0])).max()

    assert unevenness(1.5) < 0.08 < 0.3 < unevenness(0.0)


def test_a_smoothed_mask_has_as_many_voxels_and_lacks_what_is_small():
    mask = np.zeros((9, 12, 20), bool)
    mask[2:7, 3:9, 3:11] = True
    mask[4, 5, 17] = True
    kept, margins = smoothed(mask, (0.5, 1.0, 1.5))
    assert margins == (2, 3, 5)
    assert kept.shape == (9 + 4, 12 + 6, 20 + 10)
    assert np.count_nonzero(kept) == np.count_nonzero(mask)
    inner = kept[2:-2, 3:-3, 5:-5]
    assert np.count_nonzero(inner) == np.count_nonzero(kept)
    assert not inner[4, 5, 17]
    assert inner[4, 5, 6]
