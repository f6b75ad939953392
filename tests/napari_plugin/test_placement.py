"""Where volumes lie in a viewer's world: points go where the file says, slices stay planes, and millilitres stay."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.napari_plugin.placement import Placement, volume_at
from ifss_keras.volumes.volume import Source, Volume

SHAPE = (3, 5, 7)
SPACING_MM = (2.5, 0.8, 0.5)


def volume_with(affine, oriented=True):
    return Volume.from_stored(
        np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE).transpose(2, 1, 0),
        affine[:, [2, 1, 0, 3]],
        Source(oriented=oriented),
    )


def axes(columns, origin_mm=(0.0, 0.0, 0.0)):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = np.column_stack(columns), origin_mm
    return affine


def test_a_volume_of_unknown_sides_is_placed_by_its_spacing_alone():
    placement = Placement.of(Volume.from_array(np.zeros(SHAPE, np.uint8), SPACING_MM))
    np.testing.assert_allclose(placement.matrix, np.diag([*SPACING_MM, 1.0]))
    assert (placement.axis_labels, placement.upright) == (("slice", "row", "column"), True)


def test_the_world_is_the_bodys_in_the_order_and_direction_of_the_slices():
    # slices towards the feet, rows to the left, columns to the front: I, L, A
    affine = axes([(0, 0, -2.5), (-0.8, 0, 0), (0, 0.5, 0)], (10.0, -20.0, 30.0))
    placement = Placement.of(volume_with(affine))
    assert placement.axis_labels == ("I", "L", "A")
    index = np.array([2, 1, 4, 1])
    right, front, head, _ = affine @ index
    np.testing.assert_allclose(placement.matrix @ index, (-head, -right, front, 1))
    np.testing.assert_allclose(placement.scale_mm, SPACING_MM)
    np.testing.assert_allclose(placement.affine[:3, :3], np.eye(3), atol=1e-12)


def turned(axis, angle):
    first, second = (other for other in range(3) if other != axis)
    turn = np.eye(4)
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return turn


@given(st.floats(-0.7, 0.7))
def test_slices_that_are_turned_in_their_plane_stay_turned(angle):
    # slices lie along S, the third axis of RAS, about which they turn
    affine = turned(2, angle) @ axes([(0, 0, 2.5), (0, -0.8, 0), (-0.5, 0, 0)], (4.0, 5.0, 6.0))
    placement = Placement.of(volume_with(affine))
    assert placement.upright
    index = np.array([2, 4, 6, 1])
    right, front, head, _ = affine @ index
    np.testing.assert_allclose(placement.matrix @ index, (head, -front, -right, 1), atol=1e-9)
    assert abs(np.linalg.det(placement.matrix)) == pytest.approx(2.5 * 0.8 * 0.5)
    assert not placement.matrix[0, 1:3].any()
    assert not placement.matrix[1:3, 0].any()


def test_tilted_slices_are_shown_without_their_tilt_at_their_size():
    volume = volume_with(turned(0, 0.3) @ axes([(0, 0, 2.5), (0, -0.8, 0), (-0.5, 0, 0)], (4.0, 5.0, 6.0)))
    placement = Placement.of(volume)
    assert not placement.upright
    np.testing.assert_allclose(placement.matrix, np.diag([*SPACING_MM, 1.0]))
    assert volume_at(volume.array, placement.matrix, volume) is volume


def test_the_rounding_of_a_header_is_no_tilt():
    affine = turned(0, 2e-5) @ axes([(0, 0, 2.5), (0, -0.8, 0), (-0.5, 0, 0)])
    placement = Placement.of(volume_with(affine))
    assert placement.upright
    assert np.count_nonzero(placement.affine[0, 1:3]) == 0


def test_a_given_spacing_is_the_scale():
    volume = replace(volume_with(axes([(0, 0, 2.5), (0, -0.8, 0), (-0.5, 0, 0)])), spacing_mm=(5.0, 0.8, 0.4))
    np.testing.assert_allclose(Placement.of(volume).scale_mm, (5.0, 0.8, 0.4))


@pytest.mark.parametrize("size", [0.5, 1.0, 3.0])
def test_an_array_has_the_millilitres_and_the_place_that_it_is_shown_at(size):
    matrix = turned(0, 0.4) @ np.diag([2.0 * size, 0.8, 0.5, 1.0])
    matrix[:3, 3] = (7.0, 8.0, 9.0)
    volume = volume_at(np.zeros(SHAPE, np.float32), matrix)
    assert volume.voxel_volume_ml == pytest.approx(2.0 * size * 0.8 * 0.5 / 1000)
    head, back, left, _ = matrix @ (2, 3, 4, 1)  # a world of unknown sides counts as S, P, L
    np.testing.assert_allclose(volume.affine @ (2, 3, 4, 1), (-left, -back, head, 1))


def test_an_array_with_scale_alone_is_what_an_array_with_spacing_is():
    array = np.zeros(SHAPE, np.float32)
    ours, theirs = volume_at(array, np.diag([*SPACING_MM, 1.0])), Volume.from_array(array, SPACING_MM)
    np.testing.assert_allclose(ours.affine, theirs.affine)
    assert ours.spacing_mm == pytest.approx(theirs.spacing_mm)


def test_a_known_volume_stays_itself_until_it_is_stretched():
    volume = volume_with(axes([(0, 0, -2.5), (-0.8, 0, 0), (0, 0.5, 0)], (10.0, -20.0, 30.0)))
    matrix = Placement.of(volume).matrix
    assert volume_at(volume.array, matrix, volume) is volume
    moved = matrix.copy()
    moved[:3, 3] += 5.0
    assert volume_at(volume.array, moved, volume) is volume
    stretched = volume_at(volume.array, np.diag([2.0, 1.0, 1.0, 1.0]) @ matrix, volume)
    assert stretched.spacing_mm == pytest.approx((5.0, 0.8, 0.5))
    np.testing.assert_array_equal(stretched.affine, volume.affine)  # files are written on its own grid


@pytest.mark.parametrize(
    ("matrix", "error", "told"),
    [
        (np.diag([0.0, 1, 1, 1]), GeometryError, "has no inverse"),
        (np.diag([80.0, 1, 1, 1]), InputError, "80"),
    ],
)
def test_a_place_that_no_volume_has_is_refused(matrix, error, told):
    with pytest.raises(error, match=told):
        volume_at(np.zeros(SHAPE, np.uint8), matrix)
