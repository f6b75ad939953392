"""Sweeps of Stradwin, written here: places by SciPy's rotations."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.registry import files_of, voxels_in
from ifss_keras.volumes.io import read_volume
from ifss_keras.volumes.tracking import Tracking
from tests.volumes.sequences import frames_of

FRAMES, ROWS, COLUMNS = 4, 5, 3
NAMES = ("XTRANS", "YTRANS", "ZTRANS", "AZIMUTH", "ELEVATION", "ROLL")
CALIBRATION = (1.5, -0.4, 0.7, 20.0, -35.0, 70.0)
ROOM = (-3.0, 2.0, 9.0, -110.0, 15.0, 5.0)
PLACES = [(10 + 0.2 * k, -4, 30 - k, 100 + k, 40, -20 - 2 * k) for k in range(FRAMES)]
NOWHERE = np.eye(4)
ARRAY = frames_of((FRAMES, ROWS, COLUMNS))
FIELDS = {
    "RES_BUF_FRAMES": FRAMES,
    "RES_BUF_WIDTH": COLUMNS,
    "RES_BUF_HEIGHT": ROWS,
    "RES_BUF_RF": "false",
    "RES_BUF_DICOM": "false",
    "RES_POS_REC": "true",
    "RES_BIN_IM_FILENAME": "frames.sxi",
    "RES_VERSION": "6.02",
    "RES_XSCALE": 0.02,
    "RES_YSCALE": 0.03,
    **{f"RES_{name}": value for name, value in zip(NAMES, CALIBRATION, strict=True)},
    "RES_BACKGROUND": "ff 00 00",
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """A function that writes a sweep with other fields, None for none, and other lines for its images."""

    def make(images=None, data=None, **other):
        (tmp_path / "frames.sxi").write_bytes(ARRAY.tobytes() if data is None else data)
        fields = {name: value for name, value in (FIELDS | other).items() if value is not None}
        images = (
            [f"IM {0.25 * k} {' '.join(map(str, place))}" for k, place in enumerate(PLACES)]
            if images is None
            else images
        )
        lines = [
            *(f"{name} {value}" for name, value in fields.items()),
            "RES_END_HEADER",
            *images,
            "LANDMARK 1 2 3 L 1",
        ]
        path = tmp_path / "a.sw"
        path.write_text("\n".join(lines) + "\n")
        return path

    return make


def placed(x, y, z, azimuth, elevation, roll):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("ZYX", (azimuth, elevation, roll), degrees=True).as_matrix()
    matrix[:3, 3] = x, y, z
    return matrix


def check(volume, room=NOWHERE):
    np.testing.assert_array_equal(volume.array, ARRAY)
    for frame, place in enumerate(PLACES):
        for row, column in ((0, 0), (4, 1), (2, 2)):
            point = (0.02 * (column + 0.5), 0.03 * (row + 0.5), 0, 1)  # cm, from the corner
            expected = room @ placed(*place) @ placed(*CALIBRATION) @ point
            found = volume.sweep.poses[frame] @ (0, row, column, 1)
            np.testing.assert_allclose(found[:3], 10 * expected[:3], atol=1e-9)


def test_the_frames_lie_where_the_sensor_says(write):
    path = write()
    volume = read_volume(path)
    check(volume)
    assert volume.spacing_mm[1:] == pytest.approx((0.3, 0.2))
    np.testing.assert_array_equal(volume.sweep.timestamps_s, 0.25 * np.arange(FRAMES))
    assert (volume.source.format, volume.source.oriented) == ("stradwin", False)
    assert [file.name for file in files_of(path)] == ["a.sw", "frames.sxi"]
    assert voxels_in(path) == ARRAY.size


def test_the_space_that_is_shown_may_be_another(write):
    volume = read_volume(write(**{f"RES_ISOCENTRE_{name}": value for name, value in zip(NAMES, ROOM, strict=True)}))
    check(volume, placed(*ROOM))


def test_the_values_have_the_name_of_the_text_if_none_is_said(write, tmp_path):
    path = write(RES_BIN_IM_FILENAME=None)
    (tmp_path / "frames.sxi").rename(tmp_path / "a.sxi")
    check(read_volume(path))


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ("expected false.*'RES_BUF_RF'", {"RES_BUF_RF": "true"}),
        ("expected false.*'RES_BUF_DICOM'", {"RES_BUF_DICOM": "true"}),
        ("expected false.*'RES_BUF_DOPPLER'", {"RES_BUF_DOPPLER": "true"}),
        ("expected true.*'RES_POS_REC'", {"RES_POS_REC": "false"}),
        ("'RES_XSCALE'", {"RES_XSCALE": None}),
        ("'RES_XSCALE'", {"RES_XSCALE": "nan"}),
        ("'RES_XSCALE'", {"RES_YSCALE": "-0.03"}),
        ("'RES_BUF_WIDTH'", {"RES_BUF_WIDTH": None}),
        ("'RES_ROLL'", {"RES_ROLL": "3 4"}),
        ("'IM'", {"images": ["IM 0 1 2 3"] * FRAMES}),
        ("the place of 0 images", {"images": []}),
        ("the place of 3 images: expected that of 4 frames", {"images": ["IM 0 1 2 3 4 5 6"] * 3}),
        ("all lie in one plane", {"images": ["IM 0 1 2 3 4 5 6"] * FRAMES}),
        ("expected 60 bytes of voxels", {"data": b"x" * 59}),
        ("expected 60 bytes of voxels", {"data": b"x" * 63}),
        ("which is missing", {"RES_BIN_IM_FILENAME": "other.sxi"}),
        ("expected 300000000000000 bytes", {"RES_BUF_WIDTH": 10**13, "RES_BUF_FRAMES": 6}),
    ],
)
def test_what_cannot_be_used_is_refused(write, said, other):
    if other.get("RES_BUF_FRAMES") == 6:
        other = other | {"images": ["IM 0 1 2 3 4 5 6"] * 6}
    with pytest.raises(InputError, match=said):
        read_volume(write(**other))


def test_what_is_no_text_of_stradwin_is_refused(tmp_path):
    (tmp_path / "a.sw").write_bytes(b"\x00\x01 nothing")
    with pytest.raises(InputError, match="is no file of Stradwin"):
        read_volume(tmp_path / "a.sw")


def test_it_takes_no_calibration(write, tmp_path):
    with pytest.raises(InputError, match="takes no calibration"):
        read_volume(write(), tracking=Tracking(calibration=tmp_path / "c.txt"))
