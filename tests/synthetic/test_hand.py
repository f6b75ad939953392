"""A simulated hand: without any waver it shows the phantom's own slices, with one the planes that it tells."""

import numpy as np
import pytest

from ifss_keras.synthetic import Phantom
from ifss_keras.synthetic.hand import Hand, scan

STILL = Hand(frames=40, wobble_mm=0, wobble_degrees=0, fan_degrees=0, pauses=0, back=0.0, noise_mm=0, noise_degrees=0)


@pytest.fixture(scope="module")
def block():
    """A block whose grey values count slices, and whose labels rows."""
    slices, rows, _ = np.mgrid[:20, :16, :24]
    return Phantom((10 * slices).astype(np.uint8), (rows // 4).astype(np.uint8), (2.0, 0.5, 0.25), {1: "a"})


def test_a_still_hand_shows_the_slices_where_it_is(block):
    made = scan(block, 3, STILL)
    np.testing.assert_array_equal(made.planes, made.tracked_planes)
    depths = made.planes[:, 2, 3]
    inside = (depths >= 0) & (depths <= 38)
    assert depths[0] < 0
    assert depths[-1] > 38
    np.testing.assert_allclose(made.image[inside, 8, 12], 10 * depths[inside] / 2, atol=1)
    assert (made.labels[inside] == block.labels[0]).all()
    assert not made.image[~inside].any()
    np.testing.assert_allclose(made.planes[:, :3, 0], [[0.25, 0, 0]] * 40)


def test_pixels_lie_where_their_plane_says(block):
    made = scan(block, 4, Hand(frames=30, noise_mm=0, noise_degrees=0))
    frame = 15
    column, row = 10, 9
    x, y, z = (made.planes[frame] @ [column, row, 0, 1])[:3]
    assert made.image[frame, row, column] == pytest.approx(10 * z / 2, abs=1)
    assert made.labels[frame, row, column] == round(y / 0.5) // 4
    assert 0 < x < 6


def test_the_hand_goes_back_pauses_and_errs_as_told(block):
    hand = Hand(frames=400, noise_mm=0.3, noise_degrees=0.3)
    made, again, other = scan(block, 5, hand), scan(block, 5, hand), scan(block, 6, hand)
    np.testing.assert_array_equal(made.tracked_planes, again.tracked_planes)
    assert (made.planes != other.planes).any()
    steps = np.diff(scan(block, 5, Hand(frames=400, wobble_mm=0, wobble_degrees=0, fan_degrees=0)).planes[:, 2, 3])
    assert 20 < (steps < 0).sum() < 60
    assert (steps == 0).sum() >= 4
    face = [23 / 2, 0, 0, 1]
    errors = made.tracked_planes @ face - made.planes @ face
    assert errors[:, :3].std() == pytest.approx(0.3, rel=0.1)
    turns = np.einsum("fxi,fxj->fij", made.planes[:, :3, :3], made.tracked_planes[:, :3, :3])
    lean = np.rad2deg(np.arctan2(turns[:, 2, 1] / 0.5, turns[:, 1, 1] / 0.25))
    assert lean.std() == pytest.approx(0.3, rel=0.1)
