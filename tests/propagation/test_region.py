"""Regions and resampling: closed forms on ramps, constants and Gaussians."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.region import Region, region_around, to_grid, to_grid_part, to_working

SPACINGS = [(1.0, 1.0), (0.3, 0.7), (2.0, 0.5)]


def working_centers_mm(region, size):
    """Row and column coordinates of the working pixels, in mm."""
    within = (np.arange(size) + 0.5) * region.side_mm / size - region.side_mm / 2
    return region.center_mm[0] + within[:, None], region.center_mm[1] + within[None, :]


def grid_centers_mm(shape, spacing_mm):
    return np.arange(shape[0])[:, None] * spacing_mm[0], np.arange(shape[1])[None, :] * spacing_mm[1]


def test_region_is_the_square_around_pixel_edges():
    masks = np.zeros((3, 20, 30), bool)
    masks[0, 5:9, 10] = True
    masks[2, 7, 12:18] = True  # rows 5..8, columns 10..17
    region = region_around(masks, spacing_mm=(2.0, 0.5), margin=1.5)
    assert region.center_mm == (13.0, 6.75)
    assert region.side_mm == pytest.approx(1.5 * 4 * 2.0)
    assert region_around(masks, (2.0, 0.5), margin=1.5, minimum_mm=40.0).side_mm == 40.0
    assert region_around(list(masks), (0.5, 2.0), margin=1.0).side_mm == pytest.approx(8 * 2.0)


def test_region_leaves_its_masks_alone():
    masks = np.zeros((2, 3, 5), bool)
    masks[0, 0, 0] = masks[1, 2, 4] = True
    before = masks.copy()
    region_around(masks, (1.0, 1.0))
    np.testing.assert_array_equal(masks, before)


@pytest.mark.parametrize("masks", [np.zeros((2, 3, 5), bool), [], np.zeros((0, 3, 5), bool)])
def test_region_without_a_pixel_is_refused(masks):
    with pytest.raises(InputError, match="all masks are empty"):
        region_around(masks, (1.0, 1.0))


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("size", [5, 16, 64])
def test_ramps_are_exact_both_ways(spacing_mm, size):
    shape = (90, 70)
    region = Region((0.47 * shape[0] * spacing_mm[0], 0.52 * shape[1] * spacing_mm[1]), side_mm=11.3)
    row, column = grid_centers_mm(shape, spacing_mm)
    ramp = (3 + 0.4 * row - 0.9 * column).astype(np.float32)
    expected_row, expected_column = working_centers_mm(region, size)
    working = to_working(np.stack([ramp, 2 * ramp]), region, spacing_mm, size)
    expected = 3 + 0.4 * expected_row - 0.9 * expected_column
    np.testing.assert_allclose(working, np.stack([expected, 2 * expected]), atol=2e-4)

    rows, columns, values = to_grid_part(working, region, spacing_mm, shape)
    rim = region.side_mm / size + 2 * max(spacing_mm)  # the outermost half pixel has only one neighbour
    inner = (np.abs(row - region.center_mm[0]) < region.side_mm / 2 - rim) & (
        np.abs(column - region.center_mm[1]) < region.side_mm / 2 - rim
    )
    np.testing.assert_allclose(values[0][inner[rows, columns]], ramp[inner], atol=2e-4)


def test_identity_region_copies_the_image():
    image = np.random.default_rng(0).normal(size=(2, 7, 7)).astype(np.float32)
    region = Region((3 * 0.6, 3 * 0.6), side_mm=7 * 0.6)
    np.testing.assert_allclose(to_working(image, region, (0.6, 0.6), 7), image, atol=1e-5)
    np.testing.assert_allclose(to_grid(image, region, (0.6, 0.6), (7, 7)), image, atol=1e-5)


def test_downsampling_by_two_has_the_triangle_weights():
    image = np.zeros((1, 12, 12), np.float32)
    image[0, 5, 4] = 1
    working = to_working(image, Region((5.5, 5.5), 12.0), (1.0, 1.0), 6)
    along_rows = np.array([0, 0, 3, 1, 0, 0]) / 8  # output centres at 0.5, 2.5, 4.5, 6.5, ...
    along_columns = np.array([0, 1, 3, 0, 0, 0]) / 8
    np.testing.assert_allclose(working[0], np.outer(along_rows, along_columns), atol=1e-6)


@given(
    center=st.tuples(st.floats(-20, 60), st.floats(-20, 60)),
    side=st.floats(1, 90),
    size=st.sampled_from([3, 8, 17, 40]),
    spacing_mm=st.sampled_from(SPACINGS),
)
@settings(max_examples=60, deadline=None)
def test_constants_stay_inside_and_nothing_is_outside(center, side, size, spacing_mm):
    shape, region = (23, 41), Region(center, side)
    working = to_working(np.full((1, *shape), 5, np.uint8), region, spacing_mm, size)[0]
    inside = np.ones((size, size), bool)
    for axis, position in enumerate(working_centers_mm(region, size)):
        pixel = position / spacing_mm[axis]
        assume(np.minimum(np.abs(pixel + 0.5), np.abs(pixel - shape[axis] + 0.5)).min() > 1e-6)
        inside &= (pixel > -0.5) & (pixel < shape[axis] - 0.5)
    np.testing.assert_allclose(working, np.where(inside, 5, 0), atol=1e-5)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_grid_is_exactly_zero_outside_the_region(spacing_mm):
    shape, region = (23, 31), Region((9.1, 7.3), 8.2)
    grid = to_grid(np.full((2, 16, 16), 0.75, np.float32), region, spacing_mm, shape)
    row, column = grid_centers_mm(shape, spacing_mm)
    inside = (np.abs(row - 9.1) <= 4.1) & (np.abs(column - 7.3) <= 4.1)
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(grid != 0, np.stack([inside, inside]))
    np.testing.assert_allclose(grid[:, inside], 0.75, atol=1e-6)


def test_region_beyond_the_grid_gives_nothing():
    region = Region((100.0, 100.0), 10.0)
    rows, columns, values = to_grid_part(np.ones((2, 8, 8)), region, (1.0, 1.0), (20, 30))
    assert values.size == 0
    assert np.zeros((20, 30))[rows, columns].size == 0
    np.testing.assert_array_equal(to_grid(np.ones((2, 8, 8)), region, (1.0, 1.0), (20, 30)), 0)
    np.testing.assert_array_equal(to_working(np.ones((2, 20, 30)), region, (1.0, 1.0), 8), 0)


@pytest.mark.parametrize(("spacing_mm", "size"), [((1.0, 1.0), 64), ((0.4, 0.55), 64), ((0.2, 0.2), 96)])
def test_smooth_map_survives_the_round_trip(spacing_mm, size):
    shape = (int(60 / spacing_mm[0]), int(70 / spacing_mm[1]))
    row, column = grid_centers_mm(shape, spacing_mm)
    smooth = np.exp(-((row - 28) ** 2 / 72 + (column - 33) ** 2 / 128)).astype(np.float32)
    region = Region((30.0, 34.0), 56.0)
    back = to_grid(to_working(smooth[None], region, spacing_mm, size), region, spacing_mm, shape)[0]
    inside = (np.abs(row - 30) < 26) & (np.abs(column - 34) < 26)
    assert np.abs(back - smooth)[inside].max() < 0.02
    assert back[inside].sum() == pytest.approx(smooth[inside].sum(), rel=1e-3)


def test_disc_keeps_its_area_on_an_anisotropic_grid():
    spacing_mm, shape, radius = (0.3, 0.5), (200, 130), 17.0
    row, column = grid_centers_mm(shape, spacing_mm)
    disc = (row - 29) ** 2 + (column - 31) ** 2 <= radius**2
    region = region_around([disc], spacing_mm)
    working = to_working(disc[None], region, spacing_mm, 128)
    assert (working > 0.5).sum() * (region.side_mm / 128) ** 2 == pytest.approx(np.pi * radius**2, rel=5e-3)
    back = to_grid(working, region, spacing_mm, shape)[0] > 0.5
    assert back.sum() == pytest.approx(disc.sum(), rel=5e-3)
    assert 2 * (back & disc).sum() / (back.sum() + disc.sum()) > 0.995


def test_anti_aliasing_suppresses_what_the_working_size_cannot_hold():
    board = np.indices((96, 96)).sum(axis=0) % 2
    working = to_working(board[None].astype(np.float32), Region((47.3, 47.1), 80.0), (1.0, 1.0), 16)
    np.testing.assert_allclose(working, 0.5, atol=0.01)


def test_a_slice_alone_gives_the_same_bits_as_in_a_stack():
    stack = np.random.default_rng(0).integers(0, 255, (7, 50, 60), dtype=np.uint8)
    region = Region((24.0, 31.0), 37.0)
    together = to_working(stack, region, (1.0, 0.9), 32)
    for index in range(7):
        np.testing.assert_array_equal(to_working(stack[index : index + 1], region, (1.0, 0.9), 32)[0], together[index])


def test_voxels_that_are_not_finite_are_refused_only_inside_the_region():
    image = np.zeros((1, 40, 40), np.float32)
    image[0, 0, 0] = np.nan
    assert to_working(image, Region((30.0, 30.0), 10.0), (1.0, 1.0), 8).sum() == 0
    with pytest.raises(InputError, match="finite"):
        to_working(image, Region((3.0, 3.0), 10.0), (1.0, 1.0), 8)


def test_a_slice_without_its_axis_is_refused():
    with pytest.raises(InputError, match="slices"):
        to_working(np.zeros((4, 4)), Region((1.0, 1.0), 2.0), (1.0, 1.0), 8)


# regions that are not square


def flat_mask():
    """(20, 40) bool, rows 9 to 10 and columns 5 to 34."""
    mask = np.zeros((20, 40), bool)
    mask[9:11, 5:35] = True
    return mask


@pytest.mark.parametrize(
    ("least_share", "shares"),
    [(1.0, (1.0, 1.0)), (0.5, (0.5, 1.0)), (0.2, (1 - (15 - 2) / 22.5, 1.0))],
    ids=["square", "cut to the least share", "cut to the same margin"],
)
def test_a_flat_mask_gets_a_flat_region(least_share, shares):
    # 2 rows of 1 mm, 30 columns of 0.5 mm: the square is 1.5 * 15 mm wide, its margin 3.75 mm on either side
    region = region_around([flat_mask()], (1.0, 0.5), margin=1.5, least_share=least_share)
    assert region.center_mm == (9.5, 9.75)
    assert region.side_mm == pytest.approx(22.5)
    assert region.shares == pytest.approx(shares)
    assert region.extent_mm == pytest.approx((22.5 * shares[0], 22.5))
    turned = region_around([flat_mask().T], (0.5, 1.0), margin=1.5, least_share=least_share)
    assert turned == Region(region.center_mm[::-1], region.side_mm, region.shares[::-1])


def test_the_margin_is_the_same_on_all_sides_of_a_rectangle():
    region = region_around([flat_mask()], (1.0, 0.5), margin=1.5, least_share=0.1)
    assert region.extent_mm == pytest.approx((2 + 2 * 3.75, 15 + 2 * 3.75))


def test_the_region_is_a_square_by_default():
    region = region_around([flat_mask()], (1.0, 0.5))
    assert region.shares == (1.0, 1.0)
    assert region.extent_mm == (region.side_mm, region.side_mm)
    assert region == Region(region.center_mm, region.side_mm)
    assert region_around([flat_mask()[:, 5:7]], (1.0, 1.0), least_share=0.5).shares == (1.0, 1.0)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_ramps_are_exact_in_a_rectangle_both_ways(spacing_mm):
    shape, size = (90, 70), 32
    region = Region((0.47 * shape[0] * spacing_mm[0], 0.52 * shape[1] * spacing_mm[1]), 12.0, shares=(0.5, 0.75))
    row, column = grid_centers_mm(shape, spacing_mm)
    ramp = (3 + 0.4 * row - 0.9 * column).astype(np.float32)
    working = to_working(ramp[None], region, spacing_mm, size)
    within = (np.arange(size) + 0.5) / size - 0.5
    expected = 3 + 0.4 * (region.center_mm[0] + 6 * within[:, None]) - 0.9 * (region.center_mm[1] + 9 * within[None, :])
    np.testing.assert_allclose(working[0], expected, atol=2e-4)

    back = to_grid(working, region, spacing_mm, shape)[0]
    away = np.abs(row - region.center_mm[0]), np.abs(column - region.center_mm[1])
    np.testing.assert_array_equal(back[(away[0] > 3) | (away[1] > 4.5)], 0)
    rim = 12.0 / size + 2 * max(spacing_mm)
    inner = (away[0] < 3 - rim) & (away[1] < 4.5 - rim)
    assert inner.any() or max(spacing_mm) == 2
    np.testing.assert_allclose(back[inner], ramp[inner], atol=2e-4)


def test_a_flat_ellipse_survives_a_flat_region_better_than_a_square():
    spacing_mm, shape = (0.5, 0.5), (80, 160)
    row, column = grid_centers_mm(shape, spacing_mm)
    ellipse = ((row - 20) / 3) ** 2 + ((column - 40) / 30) ** 2 <= 1
    errors = []
    for least_share in (1.0, 0.25):
        region = region_around([ellipse], spacing_mm, least_share=least_share)
        working = to_working(ellipse[None], region, spacing_mm, 32)
        assert (working > 0.5).mean() * np.prod(region.extent_mm) == pytest.approx(np.pi * 3 * 30, rel=0.05)
        errors.append(((to_grid(working, region, spacing_mm, shape)[0] > 0.5) != ellipse).sum())
    assert errors[1] < errors[0]


def test_what_is_small_on_the_grid_comes_back_with_its_area():
    counts = []
    for shift in np.random.default_rng(3).uniform(-0.5, 0.5, (200, 2)):
        region = Region((10.0 + shift[0], 8.0 + shift[1]), side_mm=7.0)
        row, column = working_centers_mm(region, 96)
        disc = np.hypot(row - region.center_mm[0], column - region.center_mm[1]) < 1.2
        counts.append((to_grid(disc[None].astype(np.float32), region, (1.0, 1.0), (20, 16)) > 0.5).sum())
    assert np.mean(counts) == pytest.approx(np.pi * 1.2**2, rel=0.03)  # averaged over two pixels it would be 13 % less
