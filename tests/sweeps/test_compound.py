"""Voxels of known sweeps: by hand for single pixels, and bodies of known place, size and grey."""

import numpy as np
import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.sweeps import holes, splat
from ifss_keras.sweeps.compound import Compounding, compound, compound_labels
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume
from tests.volumes.sequences import rigid

EMPTY = Compounding(1.0, fill_mm=0)
SETTINGS = [(weighting, fill_mm) for weighting in splat.WEIGHTINGS for fill_mm in (0, None)]


def sweep_of(frames, poses):
    """A volume of frames (frame, row, column) with poses from (column, row, 0, 1)."""
    sweep = Sweep.of_planes(poses)
    return Volume(frames, np.eye(4), sweep.spacing_mm(*frames.shape[1:]), sweep=sweep)


def parallel(frames, z_mm, pixel_mm=(1.0, 1.0), shift=(0, 0)):
    """Frames at heights z, rows along y, columns along x."""
    poses = np.tile(np.diag([pixel_mm[1], pixel_mm[0], 1.0, 1.0]), (len(frames), 1, 1))
    poses[:, 0, 3], poses[:, 1, 3], poses[:, 2, 3] = *shift, z_mm
    return sweep_of(np.asarray(frames), poses)


@pytest.mark.parametrize("weighting", splat.WEIGHTINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_pixels_on_voxels_come_back_as_they_are(weighting, dtype):
    frames = np.random.default_rng(0).integers(0, 250, (7, 5, 3)).astype(dtype)
    made = compound(parallel(frames, np.arange(7) + 30, shift=(-4, 11)), Compounding(1.0, weighting, 0))
    np.testing.assert_array_equal(made.volume.array, frames)
    assert made.volume.array.dtype == dtype
    assert (made.seen, made.filled) == (1, 0)
    place = np.diag([-1, -1, 1, 1]) @ made.volume.affine @ (2, 4, 1, 1)  # slice, row, column
    np.testing.assert_allclose(place, (-4 + 1, 11 + 4, 30 + 2, 1))


def test_the_axes_of_the_space_are_those_of_the_voxels_whatever_the_frames_are():
    frames = np.random.default_rng(0).integers(0, 250, (7, 5, 3)).astype(np.uint8)
    poses = np.tile(np.eye(4), (7, 1, 1))
    poses[:, :3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]  # columns to -y, rows to -z
    poses[:, 0, 3] = np.arange(7)
    made = compound(sweep_of(frames, poses), EMPTY)
    np.testing.assert_array_equal(made.volume.array, frames.transpose(1, 2, 0)[::-1, ::-1])


def test_a_pixel_is_shared_as_it_is_near():
    frames = np.zeros((2, 2, 2), np.float32)
    frames[0, 0, 1] = 80
    volume = parallel(frames, (0.0, 1.0), pixel_mm=(1.0, 1.25))  # the second column lies a quarter behind a voxel
    made = compound(volume, EMPTY).volume.array
    np.testing.assert_allclose(made[0, 0], (0, 80, 80))  # all of its pixels, however light, are of 80
    frames[0, 0, 0] = 20
    twice = np.concatenate([frames, frames[:1]])
    poses = np.tile(np.diag([1.25, 1.0, 1.0, 1.0]), (3, 1, 1))
    poses[:, 2, 3] = 0, 1, 0
    poses[2, 0, 3] = 0.5  # columns at 0.5 and 1.75
    made = compound(sweep_of(twice, poses), EMPTY).volume.array[0, 0]
    first, second = (20 * 1 + 20 * 0.5) / 1.5, (80 * 0.75 + 20 * 0.5 + 80 * 0.25) / (0.75 + 0.5 + 0.25)
    np.testing.assert_allclose(made, (first, second, 80), rtol=1e-6)


def test_frames_that_overlap_are_averaged_and_numbers_rounded():
    frames = np.stack([np.full((2, 3), grey, np.uint8) for grey in (10, 21, 60, 200)])
    made = compound(parallel(frames, (0.0, 0.0, 0.0, 1.0)), EMPTY).volume.array
    np.testing.assert_array_equal(made, [np.full((2, 3), 30), np.full((2, 3), 200)])


def test_frames_that_were_not_tracked_and_pixels_without_number_are_left_out():
    frames = np.arange(4 * 2 * 3, dtype=np.float32).reshape(4, 2, 3)
    frames[3, 1, 2] = np.nan
    poses = np.tile(np.eye(4), (4, 1, 1))
    poses[:, 2, 3] = 0, np.nan, 2, 1
    made = compound(sweep_of(frames, poses), EMPTY)
    expected = frames[[0, 3, 2]]
    expected[1, 1, 2] = 0
    np.testing.assert_array_equal(made.volume.array, expected)
    assert made.seen == pytest.approx(17 / 18)


def test_the_room_between_frames_is_filled_and_none_beyond():
    frames = np.stack([np.full((5, 7), grey, np.float32) for grey in (10, 50, 90)])
    volume = parallel(frames, (0.0, 4.0, 11.0))
    made = compound(volume, Compounding(1.0, fill_mm=2))
    column = made.volume.array[:, 2, 3]
    np.testing.assert_allclose(column[[0, 2, 4, 11]], (10, 30, 50, 90), rtol=1e-5)
    assert 9.99 < column[1] < 30 < column[3] < 50.01
    np.testing.assert_array_equal(column[5:11], 0)  # six voxels apart
    assert (made.seen, made.filled) == (3 / 12, 3 / 12)
    near = compound(volume, Compounding(1.0, fill_mm=1)).volume.array
    np.testing.assert_array_equal(near, compound(volume, EMPTY).volume.array)


def test_labels_are_those_of_most_pixels():
    labels = np.zeros((6, 2, 3), np.uint16)
    labels[:5, 0, 1] = 300, 7, 300, 7, 7
    labels[:5, 1, 2] = 7, 0, 0, 0, 300
    labels[5] = 300
    volume = parallel(labels, (0.0, 0.0, 0.0, 0.0, 0.0, 4.0))
    made = compound_labels(volume, labels, EMPTY).volume.array
    assert made.dtype == np.uint16
    np.testing.assert_array_equal(made[0], [[0, 7, 0], [0, 0, 0]])
    np.testing.assert_array_equal(made[1:], [np.zeros((2, 3))] * 3 + [np.full((2, 3), 300)])
    filled = compound_labels(volume, labels, Compounding(1.0, fill_mm=2)).volume.array
    np.testing.assert_array_equal(filled[[0, 1, 3, 4], 1, 0], (0, 0, 300, 300))


def sphere(points, centre, radius):
    return (((points - np.reshape(centre, (3, 1, 1))) ** 2).sum(axis=0) <= radius**2).astype(np.uint8)


def box(points, centre, half):
    return (np.abs(points - np.reshape(centre, (3, 1, 1))) <= np.reshape(half, (3, 1, 1))).all(axis=0).astype(np.uint8)


ROWS, COLUMNS, PIXEL_MM, CENTRE = 96, 84, (0.3, 0.35), (3.0, -2.0, 15.0)


def poses_of(motion):
    """Frames through a region around CENTRE, (frame, 4, 4), from a translation, a fan or a turn about an axis."""
    image = np.diag([PIXEL_MM[1], PIXEL_MM[0], 1.0, 1.0])
    image[:2, 3] = -PIXEL_MM[1] * (COLUMNS - 1) / 2, -PIXEL_MM[0] * (ROWS - 1) / 2  # its middle at 0
    if motion == "translation":
        moves = [rigid((0.3, -0.2, 0.5), (0, 0, 0)) @ rigid((0, 0, 0), (0, 0, z)) for z in np.arange(-13, 13.1, 0.7)]
    elif motion == "fan":
        top = PIXEL_MM[0] * (ROWS - 1) / 2 + 20  # the axis, above the image
        moves = [
            rigid((0, 0, 0), (0, -top, 0)) @ rigid((angle, 0, 0), (0, 0, 0)) @ rigid((0, 0, 0), (0, top, 0))
            for angle in np.linspace(-0.4, 0.4, 45)
        ]
    else:
        moves = [rigid((0, angle, 0), (0, 0, 0)) for angle in np.linspace(0, np.pi, 90)]
    return np.array([rigid((0, 0, 0), CENTRE) @ move @ image for move in moves])


BODIES = {
    "sphere": (lambda points: sphere(points, CENTRE, 8.0), 4 / 3 * np.pi * 8**3),
    "box": (lambda points: box(points, CENTRE, (8, 5, 6)), 8 * 8 * 5 * 6),
}


@pytest.mark.parametrize("motion", ["translation", "fan", "rotation"])
@pytest.mark.parametrize("body", BODIES)
def test_a_body_comes_back_in_its_place_size_and_grey(motion, body):
    inside, volume_mm3 = BODIES[body]
    poses = poses_of(motion)
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    pixels = np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)]).reshape(4, -1)
    labels = np.stack([inside((pose @ pixels)[:3].reshape(3, ROWS, COLUMNS)) for pose in poses])
    volume = sweep_of(np.where(labels, 120, 40).astype(np.uint8), poses)
    how = Compounding(0.5)
    made = compound_labels(volume, labels, how).volume
    places = made.affine @ np.vstack([np.array(np.nonzero(made.array)), np.ones(np.count_nonzero(made.array))])
    centroid = np.diag([-1, -1, 1]) @ places[:3].mean(axis=1)
    np.testing.assert_allclose(centroid, CENTRE, atol=0.2)  # faces that lie along the voxels
    assert np.count_nonzero(made.array) * 0.125 == pytest.approx(volume_mm3, rel=0.04)
    grey = compound(volume, how).volume
    np.testing.assert_array_equal(grey.affine, made.affine)
    index = np.indices(grey.array.shape).reshape(3, -1)
    true = np.diag([-1, -1, 1]) @ (grey.affine @ np.vstack([index, np.ones(index.shape[1])]))[:3]
    away = np.linalg.norm(true - np.reshape(CENTRE, (3, 1)), axis=0).reshape(grey.array.shape)
    assert grey.array[away < 4].mean() == 120
    beyond = grey.array[(away > 12) & (grey.array > 0)]
    assert beyond.size > 1000
    assert beyond.mean() == 40


@pytest.mark.parametrize(("weighting", "fill_mm"), SETTINGS)
def test_blocks_and_slabs_change_nothing(monkeypatch, weighting, fill_mm):
    poses = poses_of("fan")[::4]
    frames = np.random.default_rng(0).integers(0, 250, (len(poses), ROWS, COLUMNS)).astype(np.float32)
    volume, how = sweep_of(frames, poses), Compounding(1.0, weighting, fill_mm)
    labels = (frames > 100).astype(np.uint8) + (frames > 200)
    whole = compound(volume, how).volume.array, compound_labels(volume, labels, how).volume.array
    monkeypatch.setattr(splat, "BLOCK_PIXELS", 5 * COLUMNS)
    monkeypatch.setattr(holes, "SLAB_SLICES", 3)
    np.testing.assert_allclose(compound(volume, how).volume.array, whole[0], rtol=1e-4)
    np.testing.assert_array_equal(compound_labels(volume, labels, how).volume.array, whole[1])


def test_progress_is_told_of_every_tracked_frame():
    told = []
    frames = np.zeros((3, 2, 3), np.uint8)
    compound(parallel(frames, (0.0, 1.0, 2.0)), EMPTY, progress=lambda *what: told.append(what))
    assert told == [("frames", 1, 3), ("frames", 2, 3), ("frames", 3, 3)]


@pytest.mark.parametrize(
    ("how", "said", "setting"),
    [
        (Compounding(0.01, max_gb=0.001), "A grid of 201 x 101 x 201 voxels for this sweep needs", "max_gb"),
        (Compounding(0.0), "spacing", "spacing_mm"),
        (Compounding(float("nan")), "spacing", "spacing_mm"),
        (Compounding(1.0, fill_mm=-1), "Holes of -1 mm cannot be filled", "fill_mm"),
        (Compounding(1.0, fill_mm=65), "Holes of 65 mm cannot be filled", "fill_mm"),
        (Compounding(1.0, fill_mm=float("nan")), "Holes of nan mm", "fill_mm"),
        (Compounding(1.0, "cubic"), "weighting 'cubic' is unknown", None),
    ],
)
def test_settings_that_cannot_be_used_are_refused(how, said, setting):
    volume = parallel(np.zeros((3, 2, 3), np.uint8), (0.0, 1.0, 2.0))
    how = Compounding(how.spacing_mm, how.weighting, 0 if how.max_gb else how.fill_mm, how.max_gb)
    with pytest.raises(InputError, match=said) as error:
        compound(volume, how)
    assert error.value.setting == setting


def test_volumes_that_are_no_sweeps_far_sweeps_and_other_labels_are_refused():
    frames = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(InputError, match="is no tracked sweep") as error:
        compound(Volume.from_array(frames, (1.0, 1.0, 1.0)), EMPTY)
    assert error.value.setting == "poses"
    with pytest.raises(InputError, match="The sweep is said to be"):
        compound(parallel(frames, (0.0, 1e7)), EMPTY)
    with pytest.raises(GeometryError, match="The labels have shape"):
        compound_labels(parallel(frames, (0.0, 1.0)), frames[:1], EMPTY)
