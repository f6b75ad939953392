"""Frames in one file and their poses in another."""

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.io import read_volume
from ifss_keras.volumes.tracking import Tracking
from tests.volumes.sequences import IMAGE_TO_PROBE, frames_of, tracked

FRAMES, ROWS, COLUMNS = 7, 5, 3
PIXEL_MM = (0.2, 0.3)  # rows, columns
POSES = tracked(FRAMES)[0] @ IMAGE_TO_PROBE
IN_MM = POSES @ np.diag([1 / PIXEL_MM[1], 1 / PIXEL_MM[0], 1, 1])


@pytest.fixture
def image(tmp_path, write_stored):
    return write_stored(tmp_path / "frames.nii.gz", frames_of((COLUMNS, ROWS, FRAMES)), np.diag([1.0, 1, 5, 1]))


def write_csv(path, poses, head="", tail=(), frames=range(FRAMES)):
    rows = [",".join(map(repr, [k, *poses[k].ravel().tolist(), *tail])) for k in frames]
    path.write_text("\n".join([*([head] if head else []), *rows, ""]))
    return path


def check(volume, frames=range(FRAMES)):
    np.testing.assert_array_equal(np.flatnonzero(volume.sweep.tracked), list(frames))
    for k in frames:
        for row, column in ((0, 0), (4, 1), (2, 2)):
            found = volume.sweep.poses[k] @ (0, row, column, 1)
            np.testing.assert_allclose(found, POSES[k] @ (column, row, 0, 1), atol=1e-9)


def test_a_csv_of_pixels(tmp_path, image):
    names = ",".join(["frame", *(f"m{row}{column}" for row in range(4) for column in range(4))])
    for head in ("", names):
        volume = read_volume(image, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", POSES, head)))
        check(volume)
        np.testing.assert_array_equal(volume.stored_affine, np.diag([1.0, 1, 5, 1]))


def test_a_csv_of_millimetres(tmp_path, image):
    check(read_volume(image, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", IN_MM, tail=PIXEL_MM))))


def test_rows_may_be_missing_and_in_any_order(tmp_path, image):
    check(
        read_volume(image, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", POSES, frames=(5, 2, 3)))), (2, 3, 5)
    )


def test_a_row_without_numbers_is_a_frame_not_seen(tmp_path, image):
    poses = POSES.copy()
    poses[4] = np.nan
    check(read_volume(image, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", poses))), (0, 1, 2, 3, 5, 6))


@pytest.mark.parametrize("arrays", [{"poses": POSES, "other": POSES * 2}, {"any_name": POSES, "times": np.arange(7)},
                                    {"a": IN_MM, "pixel_mm": np.array(PIXEL_MM)}])  # fmt: skip
def test_an_npz(tmp_path, image, arrays):
    np.savez_compressed(tmp_path / "p.npz", **arrays)
    check(read_volume(image, tracking=Tracking(poses=tmp_path / "p.npz")))


def test_one_number_is_the_size_of_square_pixels(tmp_path, image):
    square = POSES @ np.diag([2, 2, 1, 1])
    np.savez(tmp_path / "p.npz", poses=square, pixel_mm=0.5)
    check(read_volume(image, tracking=Tracking(poses=tmp_path / "p.npz")))


def test_frames_along_another_axis(tmp_path, write_stored):
    stored = frames_of((FRAMES, COLUMNS, ROWS))
    path = write_stored(tmp_path / "frames.nrrd", stored, np.eye(4))
    volume = read_volume(path, axis=0, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", POSES)))
    np.testing.assert_array_equal(volume.array, stored.transpose(0, 2, 1))
    check(volume)


def _spoilt_csv(path, text):
    path.write_text(text)
    return path


ROW = ",".join(map(str, POSES[0].ravel()))
RIGID = ",".join(map(str, np.eye(4).ravel()))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("line 2, holds no pose", f"0,{ROW}\n1,2,3\n"),
        ("line 2, holds no pose", f"0,{ROW}\nx,{ROW}\n"),
        ("line 1, holds no pose", f"0.5,{ROW}\n"),
        ("line 1, is of frame 7: expected each of 0 to 6 once", f"7,{ROW}\n"),
        ("line 3, is of frame 1", f"1,{ROW}\n\n1,{ROW}\n"),
        ("pixels of several sizes", f"0,{ROW},1,1\n1,{ROW},1,2\n"),
        ("no size of a pixel that can be used", f"0,{ROW},0,1\n1,{ROW},0,1\n"),
        ("0 0 0 1 as the last row", f"0,{ROW[:-3]}2.0\n"),
        ("pixels of 1 mm", f"0,{RIGID}\n"),
        ("has 0 tracked frames of 7", ""),
        ("has 1 tracked frames of 7", f"3,{ROW}\n"),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused(tmp_path, image, said, text):
    with pytest.raises(InputError, match=said):
        read_volume(image, tracking=Tracking(poses=_spoilt_csv(tmp_path / "p.csv", text)))


@pytest.mark.parametrize(
    ("said", "arrays"),
    [
        ("an array 'poses' or one alone of the shape", {"a": POSES[:6]}),
        ("an array 'poses' or one alone of the shape", {"a": POSES, "b": POSES}),
        ("received 'objects'", {"objects": np.array([{}, {}])}),
        ("no size of a pixel", {"a": POSES, "pixel_mm": np.zeros(3)}),
        ("no size of a pixel", {"a": POSES, "pixel_mm": np.array([1.0, -1.0])}),
    ],
)
def test_an_npz_that_cannot_be_used_is_refused(tmp_path, image, said, arrays):
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(InputError, match=said) as error:
        read_volume(image, tracking=Tracking(poses=tmp_path / "p.npz"))
    assert error.value.setting == "poses"


@pytest.mark.parametrize("name", ["p.npz", "p.txt", "absent.csv"])
def test_files_that_are_none_are_refused(tmp_path, image, name):
    if name != "absent.csv":
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match=name):
        read_volume(image, tracking=Tracking(poses=tmp_path / name))


@pytest.mark.parametrize("affine", [np.diag([1.0, 1, 5, 1]), np.eye(4), np.diag([-3.0, 2, 1, 1])])
def test_labels_of_the_same_shape_lie_on_the_frames(tmp_path, image, write_stored, affine):
    labels = np.zeros((COLUMNS, ROWS, FRAMES), np.uint8)
    labels[1, 2:4, 2], labels[0, 1, 5] = 1, 1
    path = write_stored(tmp_path / "labels.nii", labels, affine)
    sweep = read_volume(image, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", POSES)))
    annotation = read_annotation(path, sweep)
    assert annotation.slices.tolist() == [2, 5]
    np.testing.assert_array_equal(annotation.masks, labels.T[[2, 5]])
    assert (annotation.offset, annotation.by_shape) == ((0, 0, 0), affine[2, 2] != 5)
    if affine[2, 2] != 5:
        with pytest.raises(InputError, match="another grid"):
            read_annotation(path, read_volume(image))


def test_labels_of_another_shape_do_not(tmp_path, image, write_stored):
    path = write_stored(tmp_path / "labels.nii", np.ones((COLUMNS, ROWS, FRAMES - 1), np.uint8), np.eye(4))
    sweep = read_volume(image, tracking=Tracking(poses=write_csv(tmp_path / "p.csv", POSES)))
    with pytest.raises(InputError, match=r"expected that of the sweep, \("):
        read_annotation(path, sweep)


def test_poses_of_a_real_sweep(test_data):
    folder = test_data / "lower_leg_us"
    volume = read_volume(folder / "image.nii.gz", tracking=Tracking(poses=folder / "poses.npz"))
    with np.load(folder / "poses.npz") as arrays:
        given, pixel_mm = arrays["image_mm_to_ct"], arrays["pixel_mm"]
    for k, row, column in ((0, 0, 0), (50, 201, 236), (107, 17, 100)):
        expected = given[k] @ (column * pixel_mm[1], row * pixel_mm[0], 0, 1)
        np.testing.assert_allclose(volume.sweep.poses[k] @ (0, row, column, 1), expected, atol=1e-9)
    assert volume.spacing_mm == pytest.approx((3.534, 0.21568, 0.21568), rel=1e-3)
