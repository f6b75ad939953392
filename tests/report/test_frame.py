"""What part of the slices is shown, and in which grey values."""

import numpy as np
import pytest

from ifss_keras.report.frame import Frame, Greys, crop_box
from ifss_keras.report.orientation import View

WHOLE = Frame(slice(0, 20), slice(0, 30), 1.0, 1.0)


def test_the_crop_holds_all_labels_of_both_volumes_with_a_margin_in_the_plane():
    labels, truth = np.zeros((2, 30, 100, 200), np.uint8)
    labels[4:9, 40:50, 50:150] = 1  # 12 % of 100 columns, the larger side
    assert crop_box([labels], [1]) == (slice(4, 9), slice(28, 62), slice(38, 162))
    truth[12, 45, 190] = 2
    assert crop_box([labels, truth], [1]) == (slice(4, 9), slice(28, 62), slice(38, 162))
    assert crop_box([labels, truth], [1, 2]) == (slice(4, 13), slice(23, 67), slice(33, 200))
    assert crop_box([labels], [3]) == (slice(0, 30), slice(0, 100), slice(0, 200))
    assert crop_box([truth], [2]) == (slice(12, 13), slice(39, 52), slice(184, 197))  # never less than 6 pixels


def test_a_turned_frame_has_turned_sizes():
    plane = np.arange(35).reshape(5, 7)
    stored = Frame(slice(1, 4), slice(2, 7), 0.5, 2.0)
    turned = Frame(slice(1, 4), slice(2, 7), 0.5, 2.0, View(transposed=True, flipped_down=True))
    np.testing.assert_array_equal(stored.of(plane), plane[1:4, 2:7])
    np.testing.assert_array_equal(turned.of(plane), plane[1:4, 2:7].T[::-1])
    assert (stored.shape, stored.height_mm, stored.width_mm) == ((3, 5), 1.5, 10.0)
    assert (turned.shape, turned.height_mm, turned.width_mm) == ((5, 3), 10.0, 1.5)
    assert stored.extent_mm == (-1.0, 9.0, 1.25, -0.25)


def scan(*values, dtype=np.int16):
    """(slice, row, column) with as many voxels of each value."""
    return np.resize(np.array(values, dtype), (4, 20, 30))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_a_ct_is_shown_in_its_soft_tissues(dtype):
    greys = Greys.of(scan(-1024, -1000, -100, 40, 60, 1200, dtype=dtype), slice(0, 4), WHOLE)
    assert (greys.black, greys.white, greys.is_ct) == (-160, 240, True)


@pytest.mark.parametrize(
    "image",
    [
        scan(0, 40, 200, 255, dtype=np.uint8),
        scan(0, 40, 1000),
        scan(-1000, -900, 1000),  # no soft tissue
        scan(-100, -50, 0, 50),  # no air
        scan(-30000, -1000, 40),  # no CT has such values
        np.full((4, 20, 30), np.nan),
    ],
)
def test_anything_else_is_not_taken_for_a_ct(image):
    assert not Greys.of(image, slice(0, 4), WHOLE).is_ct


def test_black_and_white_leave_out_the_darkest_and_brightest():
    image = np.linspace(0, 1000, 4 * 20 * 30).reshape(4, 20, 30).copy()
    image[0, 0, 0], image[3, 19, 29] = -1e6, 1e6
    greys = Greys.of(image, slice(0, 4), WHOLE)
    assert [greys.black, greys.white] == pytest.approx([5, 995], abs=2)


def test_only_what_is_shown_decides():
    image = np.zeros((4, 20, 30))
    image[1:3, 5:10, 5:10] = np.linspace(10, 20, 25).reshape(5, 5)
    greys = Greys.of(image, slice(1, 3), Frame(slice(5, 10), slice(5, 10), 1, 1))
    assert 10 <= greys.black < greys.white <= 20


def test_grey_values_become_bytes():
    greys = Greys(-100.0, 155.0)
    values = np.array([[-1e5, -100, -99, 154], [155, 1e9, np.nan, np.inf]])
    np.testing.assert_array_equal(greys.to_bytes(values), [[0, 0, 1, 254], [255, 255, 0, 255]])
    np.testing.assert_array_equal(greys.to_bytes(np.array([[-32768, 32767]], np.int16)), [[0, 255]])
