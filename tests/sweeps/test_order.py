"""Frames along the body: their order, their distances, and how they are laid beside each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError
from ifss_keras.sweeps.order import FrameOrder, check_planes, path_of
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume
from tests.sweeps import hands

MIDDLE = ((hands.PICTURE[0] - 1) / 2, (hands.PICTURE[1] - 1) / 2)


def of(planes):
    return FrameOrder.of_sweep(Sweep.of_planes(planes), MIDDLE, hands.PICTURE)


def test_pauses_and_ways_back_come_into_order_with_true_distances():
    depths = 4 * np.array([0, 2, 5, 5, 5, 4, 3, 4.5, 7, 11.0])
    planes = np.array([hands.plane(np.array([0, 0, z]), np.array([0, 0, 1.0]), np.array([1.0, 0, 0])) for z in depths])
    order = of(planes)
    frames = order.frames.tolist()
    assert (frames[:5], sorted(frames[5:8]), frames[8:]) == ([0, 1, 6, 5, 7], [2, 3, 4], [8, 9])
    np.testing.assert_allclose(order.places_mm, np.sort(depths), atol=0.01)
    assert (np.diff(order.places_mm) > 0).all()
    assert order.step_mm == pytest.approx(44 / 9, rel=1e-3)
    backwards = of(planes[::-1])
    assert backwards.frames[0] == 0  # the order is that of the recording
    np.testing.assert_allclose(backwards.places_mm, 44 - np.sort(depths)[::-1], atol=0.01)


def test_a_fan_advances_by_its_arc_at_the_depth_of_the_point():
    sweep = Sweep.of_planes(hands.fan(41, from_mm=60.0, reach=0.4))
    for row in (20.0, 140.0):
        depth_mm = 60 + (row - MIDDLE[0]) * hands.PIXEL_MM
        advanced = path_of(sweep, (row, MIDDLE[1]))[:, 0]
        np.testing.assert_allclose(abs(advanced), np.linspace(0, 0.8 * depth_mm, 41), rtol=1e-4)


def test_what_stands_still_in_the_body_stands_still_where_frames_are_laid():
    planes = hands.straight(60, wobble=6.0, seed=5)
    planes[:, :3, :3] = planes[:1, :3, :3]  # only moved, not turned
    sweep, masks = hands.swept(planes, lambda points: np.hypot(points[..., 0] - 4, points[..., 1] + 3) < 8)
    volume = Volume(masks.astype(np.uint8), np.eye(4), (1.0, 0.5, 0.5), sweep=sweep)
    order = FrameOrder.of_sweep(sweep, MIDDLE, hands.PICTURE)
    laid = order.laid(volume)
    assert laid.array.shape[1] > hands.PICTURE[0]
    raw, still = (np.array([np.argwhere(plane).mean(axis=0) for plane in held]) for held in (masks, laid.array))
    line = np.column_stack([np.ones(60), order.places_mm])
    unsteady = [held - line @ np.linalg.lstsq(line, held, rcond=None)[0] for held in (raw[order.frames], still)]
    assert np.abs(unsteady[1]).max() < 0.25 * np.abs(unsteady[0]).max()
    where = np.array([pose @ [0, *middle, 1] for pose, middle in zip(laid.sweep.poses, still, strict=True)])
    np.testing.assert_allclose(where[:, :2], np.tile([4, -3], (60, 1)), atol=0.1)


@given(st.integers(3, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_what_is_laid_is_taken_up_again(count, seed):
    rng = np.random.default_rng(seed)
    planes = hands.straight(count, wobble=5.0, seed=seed)[rng.permutation(count)]
    planes[rng.random(count) < 0.2] = np.nan
    if np.isfinite(planes[:, 0, 0]).sum() < 2:
        return
    volume = Volume(
        rng.integers(0, 255, (count, *hands.PICTURE), np.uint8),
        np.eye(4),
        (1.0, 0.5, 0.5),
        sweep=Sweep.of_planes(planes),
    )
    order = FrameOrder.of_sweep(volume.sweep, MIDDLE, hands.PICTURE)
    laid = order.laid(volume)
    np.testing.assert_array_equal(order.taken_up(laid.array), volume.array)
    assert sorted(order.frames) == list(range(count))
    values = rng.random(count)
    np.testing.assert_array_equal(order.by_frame(values[order.frames]), values)
    known = np.isfinite(laid.sweep.poses).all(axis=(1, 2))
    for place in np.flatnonzero(known)[:3]:
        row, column = (side.start for side in order.boxes[place])
        np.testing.assert_allclose(
            laid.sweep.poses[place] @ [0, row + 2, column + 3, 1],
            volume.sweep.poses[order.frames[place]] @ [0, 2, 3, 1],
        )


def test_annotations_lie_where_their_frames_lie():
    planes = hands.to_and_fro(hands.straight(12, wobble=4.0, seed=7))
    rng = np.random.default_rng(8)
    labels = np.zeros((len(planes), *hands.PICTURE), np.uint8)
    labels[[1, 7, len(planes) - 2]] = rng.integers(0, 3, (3, *hands.PICTURE))
    volume = Volume(labels, np.eye(4), (1.0, 0.5, 0.5), sweep=Sweep.of_planes(planes))
    order = FrameOrder.of_sweep(volume.sweep, MIDDLE, hands.PICTURE)
    annotation = Annotation.from_array(labels)
    laid = order.laid_annotation(annotation)
    whole = order.laid(volume).array
    assert (np.diff(laid.slices) > 0).all()
    np.testing.assert_array_equal(laid.masks, whole[laid.slices])
    assert sorted(order.frames[laid.slices]) == annotation.slices.tolist()


def test_a_hand_that_comes_back_tilted_is_not_taken_for_one_that_turns():
    """From the first frame to the last one side goes forwards and the other back, but not on the way between."""
    depths, tilts = np.r_[0:40:2.0, 40:-2:-2.0], np.deg2rad(np.linspace(0, 8, 41))
    planes = []
    for depth, tilt in zip(depths, tilts, strict=True):
        turn = hands.turned((1, 0, 0), tilt)
        planes.append(hands.plane(np.array([0, 0, depth]), turn[:, 2], turn[:, 0]))
    box = slice(40, 120), slice(40, 140)
    check_planes(Sweep.of_planes(np.array(planes)), box, "SOL")
    ends = Sweep.of_planes(np.array(planes)[[0, 40]])
    with pytest.raises(InputError, match="turn about a line inside of SOL"):
        check_planes(ends, box, "SOL")
