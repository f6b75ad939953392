"""Crowded structures: the same from the same seed, what the labels promise, and how they look."""

import numpy as np
import pytest
from scipy import ndimage

from ifss_keras.core.errors import InputError
from ifss_keras.synthetic import crowded_structures
from ifss_keras.synthetic.structures import StructureScene

SEEDS = range(6)


@pytest.fixture(scope="module")
def phantoms():
    return [crowded_structures(seed, slices=24, size=64) for seed in SEEDS]


def test_the_same_seed_gives_the_same_volume(phantoms):
    again = crowded_structures(3, slices=24, size=64)
    np.testing.assert_array_equal(again.image, phantoms[3].image)
    np.testing.assert_array_equal(again.labels, phantoms[3].labels)
    assert (phantoms[2].labels != phantoms[3].labels).any()


def test_grid_and_names(phantoms):
    for phantom in phantoms:
        assert phantom.image.shape == phantom.labels.shape == (24, 64, 64)
        assert phantom.image.dtype == phantom.labels.dtype == np.uint8
        assert phantom.spacing_mm[0] == pytest.approx(200 / 24)
        assert phantom.spacing_mm[1] == phantom.spacing_mm[2]
        assert set(phantom.names) == set(np.unique(phantom.labels)) - {0}
        assert phantom.image.std() > 5


def test_the_geometry_does_not_depend_on_the_pixels():
    fine = crowded_structures(1, slices=24, size=96)
    coarse = crowded_structures(1, slices=24, size=48)
    once = fine.labels.reshape(24, 48, 2, 48, 2)
    same = (once == coarse.labels[:, :, None, :, None]).mean()
    assert same > 0.95


def test_structures_move_begin_or_end_and_split(phantoms):
    begins, moves, pieces = 0, [], 0
    for phantom in phantoms:
        for code in phantom.names:
            masks = phantom.labels == code
            held = np.flatnonzero(masks.any(axis=(1, 2)))
            begins += len(held) < 24
            first, last = (np.array(ndimage.center_of_mass(masks[index])) for index in held[[0, -1]])
            moves.append(np.hypot(*(first - last)))
            pieces += any(ndimage.label(masks[index])[1] > 1 for index in held)
    assert begins > 10
    assert np.mean(moves) > 1.5
    assert pieces > 5


def test_a_jump_moves_image_and_labels_alike():
    scene = StructureScene(5, 12, 64, 200.0)
    scene._motion_mm[:], scene._warp_mm = 0, 0  # the warp belongs to the place, not to the tissue
    _, still = scene.slice(6)
    scene._motion_mm[6] = (4 * scene._pixel_mm, -3 * scene._pixel_mm)
    _, moved = scene.slice(6)
    np.testing.assert_array_equal(moved[8:56, 8:50], still[4:52, 11:53])


def test_refusals():
    with pytest.raises(InputError, match="seed"):
        crowded_structures(-1)
    with pytest.raises(InputError, match="slices"):
        crowded_structures(1, slices=0)
