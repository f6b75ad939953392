"""Volumes from planes that are not parallel, against closed forms and against counted voxels."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.sweeps.order import FrameOrder
from ifss_keras.sweeps.planes import thickness_mm, volume_mm3
from ifss_keras.volumes.sweep import Sweep
from tests.sweeps import hands


def measured_ml(sweep, masks):
    """Millilitres of masks (frame, row, column) in the order of the frames along the body."""
    pixels = masks.sum(axis=(1, 2))
    centroids = np.array([np.argwhere(mask).mean(axis=0) if mask.any() else (np.nan, np.nan) for mask in masks])
    middle = np.nanmean(centroids, axis=0)
    frames = FrameOrder.of_sweep(sweep, middle, masks.shape[1:]).frames
    ordered = Sweep(sweep.poses[frames])
    return volume_mm3(ordered, pixels[frames], centroids[frames]) / 1000


HANDS = {
    "straight": hands.straight(100),
    "wobbling": hands.straight(100, wobble=4.0, seed=4),
    "fan": hands.fan(100),
    "to and fro": hands.to_and_fro(hands.straight(100, wobble=3.0, seed=2)),
    "fan to and fro": hands.to_and_fro(hands.fan(100)),
    "backwards": hands.straight(100, wobble=2.0, seed=3)[::-1],
}


@pytest.mark.parametrize("body", [hands.ball, hands.egg], ids=["ball", "egg"])
@pytest.mark.parametrize("hand", HANDS)
def test_a_hundred_frames_measure_round_bodies(hand, body):
    assert measured_ml(*hands.swept(HANDS[hand], body)) == pytest.approx(hands.VOLUMES_ML[body], rel=0.005)


@pytest.mark.parametrize("way", [lambda planes: planes, hands.to_and_fro], ids=["once", "to and fro"])
def test_a_hundred_frames_measure_a_bent_tube(way):
    planes = way(hands.around(100))
    assert measured_ml(*hands.swept(planes, hands.tube)) == pytest.approx(hands.VOLUMES_ML[hands.tube], rel=0.02)
    inner = way(hands.around(100, reach=0.8))  # from end face to end face there is no end to miss
    assert measured_ml(*hands.swept(inner, hands.tube)) == pytest.approx(hands.VOLUMES_ML[hands.tube], rel=0.005)


def test_parallel_planes_measure_as_voxels_do():
    rng = np.random.default_rng(4)
    planes, masks = hands.straight(9), rng.random((9, *hands.PICTURE)) < rng.random((9, 1, 1))
    masks[[0, -1]] = False  # outermost planes stand for half a step only
    counted = masks.sum() * hands.PIXEL_MM**2 * 10.0 / 1000
    assert measured_ml(Sweep.of_planes(planes), masks) == pytest.approx(counted, rel=1e-9)


def test_frames_without_a_pose_stand_for_nothing_and_their_neighbours_for_them():
    planes = hands.straight(11)
    full, pixels = np.full((11, 2), 50.0), np.full(11, 100)
    lost = planes.copy()
    lost[[4, 5]] = np.nan
    thick = thickness_mm(Sweep.of_planes(lost), pixels, full)
    np.testing.assert_allclose(thick, [4, 8, 8, 16, 0, 0, 16, 8, 8, 8, 4])


def test_an_empty_body_has_no_volume_and_normals_may_point_backwards():
    sweep = Sweep.of_planes(hands.straight(5))
    assert volume_mm3(sweep, np.zeros(5, int), np.full((5, 2), np.nan)) == 0
    flipped = replace(sweep, poses=sweep.poses * np.array([-1, 1, 1, 1.0]))
    pixels, middles = np.array([0, 3, 7, 5, 0]), np.full((5, 2), 20.0)
    assert volume_mm3(flipped, pixels, middles) == pytest.approx(volume_mm3(sweep, pixels, middles))
