"""Volumes in memory: geometry in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.volumes.grid import check_same_grid, grid_offset
from ifss_keras.volumes.volume import Source, Volume, stored_order

SHAPE = (5, 7, 11)


def volume(affine=None, shape=SHAPE):
    affine = np.diag([2.0, 3.0, 0.5, 1.0]) if affine is None else affine
    return Volume.from_stored(np.zeros(shape[::-1], np.uint8), affine[:, [2, 1, 0, 3]], Source())


def test_an_array_becomes_a_volume_without_a_copy():
    array = np.arange(2 * 3 * 5, dtype=np.int16).reshape(2, 3, 5)
    made = Volume.from_array(array, (4.0, 3.0, 2.0))
    assert np.shares_memory(made.array, array)
    assert made.spacing_mm == (4.0, 3.0, 2.0)
    assert made.voxel_volume_ml == pytest.approx(0.024)
    np.testing.assert_allclose(made.affine @ (1, 2, 3, 1), (-6, -6, 4, 1))  # S = 4 s, P = 3 r, L = 2 c


@pytest.mark.parametrize(("axis", "letters"), [(0, "ijk->ikj"), (1, "ijk->jki"), (2, "ijk->kji")])
def test_the_faster_of_the_other_axes_becomes_the_column(axis, letters, oblique_affine):
    stored = np.arange(5 * 7 * 11, dtype=np.int32).reshape(5, 7, 11)
    made = Volume.from_stored(stored, oblique_affine, Source(axis=axis))
    np.testing.assert_array_equal(made.array, np.einsum(letters, stored))
    np.testing.assert_array_equal(made.to_stored(made.array), stored)
    np.testing.assert_array_equal(made.stored_affine, oblique_affine)
    for index in ((0, 0, 0), (4, 6, 10), (1, 3, 8)):
        at = np.argwhere(made.array == stored[index])[0]
        np.testing.assert_allclose(made.affine @ (*at, 1), oblique_affine @ (*index, 1))


def test_spacing_follows_the_slice_axis(oblique_affine):
    stored = np.zeros(SHAPE, np.uint8)
    for axis, expected in ((0, (0.5, 2.5, 0.8)), (1, (0.8, 2.5, 0.5)), (2, (2.5, 0.8, 0.5))):
        made = Volume.from_stored(stored, oblique_affine, Source(axis=axis))
        assert made.spacing_mm == pytest.approx(expected)
        assert made.voxel_volume_ml == pytest.approx(0.001)


def test_an_overridden_spacing_changes_millilitres_and_not_the_affine(oblique_affine):
    made = Volume.from_stored(np.zeros(SHAPE, np.uint8), oblique_affine, Source(), (3.0, 1.0, 2.0))
    assert made.spacing_mm == (3.0, 1.0, 2.0)
    assert made.voxel_volume_ml == pytest.approx(0.006)
    np.testing.assert_array_equal(made.stored_affine, oblique_affine)


def test_millilitres_of_a_sheared_grid_are_its_determinant():
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[0, 2] = 3.0  # slices are 5 mm long to the next one, but their planes 4 mm apart
    made = Volume.from_stored(np.zeros(SHAPE, np.uint8), affine, Source())
    assert made.spacing_mm == pytest.approx((4.0, 3.0, 2.0))
    assert made.voxel_volume_ml == pytest.approx(0.024)
    np.testing.assert_array_equal(made.stored_affine, affine)


def test_arrays_read_from_files_cannot_be_changed_by_accident(oblique_affine):
    made = Volume.from_stored(np.zeros(SHAPE, np.uint8), oblique_affine, Source())
    with pytest.raises(ValueError, match="read-only"):
        made.array[0] = 1


@pytest.mark.parametrize("spacing", [(1, 1), (0, 1, 1), (1, -1, 1), (1, 1, np.nan), (np.inf, 1, 1), "abc", 3])
def test_a_spacing_that_is_no_length_is_refused(spacing):
    with pytest.raises(InputError, match="spacing"):
        Volume.from_array(np.zeros(SHAPE), spacing)


@pytest.mark.parametrize("axis", [-1, 3, 1.5, True, "2"])
def test_an_axis_out_of_range_is_refused(axis):
    with pytest.raises(InputError, match="expected 0, 1 or 2"):
        stored_order(axis)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((4, 5)), "three"),
        (np.zeros((1, 4, 5)), "2D image"),
        (np.zeros((4, 5, 1)), "2D image"),
        (np.full((2, 3, 5), np.nan), "no finite voxel"),
        (np.zeros((2, 3, 5), complex), "real numbers"),
        (np.zeros((0, 3, 5)), "non-empty"),
    ],
)
def test_an_array_that_is_no_volume_is_refused(array, word):
    with pytest.raises(InputError, match=word):
        Volume.from_array(array, (1, 1, 1))


def test_a_flat_affine_is_refused():
    with pytest.raises(InputError, match="three directions"):
        volume(np.diag([2.0, 0.0, 0.5, 1.0]))


def test_some_finite_voxels_are_enough():
    array = np.full((2, 3, 5), np.nan, np.float32)
    array[1, 2, 4] = 1.0
    assert Volume.from_array(array, (1, 1, 1)).array[1, 2, 4] == 1.0


@given(st.tuples(*[st.integers(-20, 20)] * 3), st.floats(-0.05, 0.05))
def test_offset_of_an_aligned_grid_is_found_and_rounded(offset, error):
    rng = np.random.default_rng(0)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * (2.0, 3.0, 0.5)
    affine[:3, 3] = (10, -20, 30)
    moved = affine.copy()
    moved[:, 3] = affine @ (*(np.array(offset) + error), 1)
    assert grid_offset(volume(affine), volume(moved, (2, 3, 5))) == offset


def changed(place, value):
    affine = np.diag([2.0, 3.0, 0.5, 1.0])
    affine[place] = value
    return affine


@pytest.mark.parametrize(
    ("affine", "word"),
    [
        (changed((0, 0), 2.1), r"spacing \(2, 3, 0.5\) mm .* received \(2.1, 3, 0.5\)"),
        (changed((2, 2), 0.51), "spacing"),
        (changed((1, 1), -3.0), "direction"),
        (changed((0, 1), 0.2), "direction"),
        (np.diag([2.0, 3.0, 0.5, 1.0])[[1, 0, 2, 3]], "direction"),
        (changed((0, 3), 1.0), r"origin .* voxel \(0.50, 0.00, 0.00\)"),
        (changed((2, 3), 0.1), "origin"),
    ],
)
def test_another_grid_is_refused_and_the_difference_named(affine, word):
    with pytest.raises(GeometryError, match=word):
        grid_offset(volume(), volume(affine), "refs.nrrd")


def test_the_same_grid_is_one_whatever_axes_are_stored_first(oblique_affine):
    stored = np.zeros(SHAPE, np.uint8)
    first = Volume.from_stored(stored, oblique_affine, Source(axis=2))
    check_same_grid(first, Volume.from_stored(stored, oblique_affine + 1e-6, Source(axis=2)))
    other = Volume.from_stored(stored, oblique_affine, Source(axis=1))
    with pytest.raises(GeometryError, match=r"mask\.nrrd lies on another grid: .* shape .* on the grid of truth\.mha"):
        check_same_grid(first, other, "mask.nrrd", of="truth.mha")
    moved = oblique_affine.copy()
    moved[:, 3] = oblique_affine @ (0, 0, 1, 1)
    with pytest.raises(GeometryError, match=r"shifted by \(1, 0, 0\)"):
        check_same_grid(first, Volume.from_stored(stored, moved, Source(axis=2)))
