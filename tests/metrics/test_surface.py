"""Surface distances against closed forms, an all-pairs NumPy reference, and SimpleITK."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.metrics.surface import asd_mm, hausdorff_mm, hd95_mm, surface, surface_distances

SPACING = (3.0, 2.0, 1.0)  # every axis different, so that a swapped axis fails


def box(shape, *ranges):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*limits) for limits in ranges)] = True
    return mask


def surface_points(mask, spacing):
    """(n, 3) mm: voxels with a face neighbour outside, found by looking at all six neighbours in turn."""
    padded = np.pad(mask, 1)
    points = [
        index
        for index in np.argwhere(mask)
        if not all(
            padded[tuple(index + 1 + step)] for step in np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
        )
    ]
    return np.array(points) * np.array(spacing)


def all_pairs(prediction, truth, spacing):
    first, second = surface_points(prediction, spacing), surface_points(truth, spacing)
    distances = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return distances.min(axis=1), distances.min(axis=0)


def test_surface_keeps_the_shell_and_drops_the_core():
    mask = box((5, 6, 7), (0, 5), (1, 6), (1, 6))
    core = box((5, 6, 7), (1, 4), (2, 5), (2, 5))  # the volume's edge counts as outside
    np.testing.assert_array_equal(surface(mask), mask & ~core)


@pytest.mark.parametrize(("axis", "step_mm"), [(0, 3.0), (1, 2.0), (2, 1.0)])
def test_parallel_sheets_are_their_shift_apart(axis, step_mm):
    first, second = np.zeros((8, 8, 8), bool), np.zeros((8, 8, 8), bool)
    np.moveaxis(first, axis, 0)[2] = True
    np.moveaxis(second, axis, 0)[6] = True
    for metric in (hausdorff_mm, hd95_mm, asd_mm):
        assert metric(first, second, SPACING) == pytest.approx(4 * step_mm, rel=1e-6)


def test_two_voxels_are_one_diagonal_apart():
    first, second = box((9, 9, 9), (1, 2), (1, 2), (1, 2)), box((9, 9, 9), (3, 4), (4, 5), (8, 9))
    assert hausdorff_mm(first, second, SPACING) == pytest.approx(np.sqrt(6**2 + 6**2 + 7**2), rel=1e-6)


def test_shifted_cubes():
    first, second = box((12, 12, 12), (2, 8), (2, 8), (2, 8)), box((12, 12, 12), (3, 9), (2, 8), (2, 8))
    found = surface_distances(first, second, SPACING)
    # The side walls coincide; both end faces are one slice from the other cube's end face.
    assert found.hausdorff_mm == pytest.approx(3.0)
    expected = all_pairs(first, second, SPACING)
    assert found.prediction_to_truth_mm.size == 6**3 - 4**3
    assert found.asd_mm == pytest.approx(np.concatenate(expected).mean(), rel=1e-5)


def test_hd95_is_the_larger_direction_not_the_pooled_one():
    truth = box((3, 40, 40), (1, 2), (0, 40), (0, 40))  # 1600 voxels
    prediction = box((3, 40, 40), (1, 2), (0, 1), (0, 40))  # 40 of them, all on the truth
    found = surface_distances(prediction, truth, SPACING)
    assert found.prediction_to_truth_mm.max() == 0.0
    rows_away = np.repeat(np.arange(40), 40) * 2.0
    np.testing.assert_allclose(found.truth_to_prediction_mm, rows_away, rtol=1e-6)
    # Rank 0.95 x 1599 = 1519.05 lies between row 37 (up to rank 1519) and row 38: 74 + 0.05 x 2. With the
    # other direction's 40 zeros pooled in, rank 0.95 x 1639 - 40 = 1517.05 would lie within row 37: 74.
    assert found.hd95_mm == pytest.approx(74.1, rel=1e-6)
    assert found.asd_mm == pytest.approx(rows_away.sum() / 1640, rel=1e-6)


def test_concentric_spheres_are_their_radii_apart():
    grid = np.mgrid[-16:17, -16:17, -16:17] * 0.5
    radius = np.sqrt((grid**2).sum(axis=0))
    found = surface_distances(radius <= 7.5, radius <= 5.0, (0.5, 0.5, 0.5))
    assert found.hausdorff_mm == pytest.approx(2.5, abs=0.5)  # half a voxel on either surface
    assert found.asd_mm == pytest.approx(2.5, abs=0.15)


masks = arrays(bool, (4, 3, 5), elements=st.booleans())
spacings = st.tuples(*[st.floats(0.1, 8.0)] * 3)


@settings(deadline=None, max_examples=60)
@given(masks, masks, spacings)
def test_same_as_all_pairs(prediction, truth, spacing):
    if not (prediction.any() and truth.any()):
        return
    found = surface_distances(prediction, truth, spacing)
    expected = all_pairs(prediction, truth, spacing)
    np.testing.assert_allclose(found.prediction_to_truth_mm, expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.truth_to_prediction_mm, expected[1], rtol=1e-4, atol=1e-6)
    assert found.hausdorff_mm == pytest.approx(max(part.max() for part in expected), rel=1e-4)
    assert found.hd95_mm == pytest.approx(max(np.percentile(part, 95) for part in expected), rel=1e-4)
    assert found.asd_mm == pytest.approx(np.concatenate(expected).mean(), rel=1e-4)


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, 3, 0), (2, 1, 4)])
def test_hausdorff_same_as_simpleitk(shift):
    grid = np.mgrid[:20, :22, :24]
    first = (((grid - np.array([8, 9, 9])[:, None, None, None]) / [[[[5]]], [[[6]]], [[[4]]]]) ** 2).sum(0) <= 1
    second = np.roll(first, shift, axis=(0, 1, 2))
    other = sitk.HausdorffDistanceImageFilter()
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second)]
    for image in images:
        image.SetSpacing((0.5, 0.5, 0.5))
    other.Execute(*images)
    assert hausdorff_mm(first, second, (0.5, 0.5, 0.5)) == pytest.approx(other.GetHausdorffDistance(), rel=1e-5)


def test_position_in_the_volume_does_not_matter():
    first, second = box((6, 7, 8), (0, 3), (0, 4), (0, 5)), box((6, 7, 8), (1, 3), (0, 2), (0, 4))
    alone = surface_distances(first, second, SPACING)
    inside = surface_distances(np.pad(first, 3), np.pad(second, 3), SPACING)
    np.testing.assert_array_equal(alone.prediction_to_truth_mm, inside.prediction_to_truth_mm)
    np.testing.assert_array_equal(alone.truth_to_prediction_mm, inside.truth_to_prediction_mm)


def test_empty_masks():
    empty, full = np.zeros((2, 3, 5), bool), np.ones((2, 3, 5), bool)
    for metric in (hausdorff_mm, hd95_mm, asd_mm):
        assert metric(empty, empty, SPACING) == 0.0
        assert metric(empty, full, SPACING) == np.inf
        assert metric(full, empty, SPACING) == np.inf
        assert metric(full, full, SPACING) == 0.0


@pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), (1, np.nan, 1), (1, -2, 1), 1.0, None])
def test_wrong_spacing_is_refused(spacing):
    with pytest.raises(InputError, match="spacing_mm must be three positive numbers"):
        hausdorff_mm(np.ones((2, 2, 2), bool), np.ones((2, 2, 2), bool), spacing)


def test_other_grid_is_refused():
    with pytest.raises(GeometryError, match="same grid"):
        asd_mm(np.ones((2, 2, 2), bool), np.ones((2, 2, 3), bool), SPACING)
