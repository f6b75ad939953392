"""Large arrays in a temporary file: they hold what is written, as arrays do, and take little memory."""

import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from ifss_keras.core import paged
from ifss_keras.core.paged import PagedArray, as_array, large_zeros

SHAPE = (7, 33, 41)


@pytest.fixture
def small_limits(monkeypatch):
    """Every array is large, and pages are given back all the time."""
    monkeypatch.setattr(paged, "MOST_HELD_BYTES", 100)
    monkeypatch.setattr(paged, "USED_BYTES", 1)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_what_is_written_is_read_again(small_limits, order, dtype):
    array, expected = large_zeros(SHAPE, dtype, order), np.zeros(SHAPE, dtype, order)
    assert type(array) is PagedArray
    assert array.flags.f_contiguous == (order == "F")
    rng = np.random.default_rng(0)
    for index in (3, 0, 6):
        values = rng.integers(0, 99, SHAPE[1:]).astype(dtype)
        mask = values > 50
        for held in (array, expected):
            held[index] = values
            held[index - 1][mask] = 7
            held[index, 2:9, ::3] += 1
            held[2:5, 4] = 3
            held.transpose(2, 0, 1)[5] = 9
    for plane, other in zip(array, expected, strict=True):
        np.testing.assert_array_equal(plane, other)
    np.testing.assert_array_equal(array.T, expected.T)
    np.testing.assert_array_equal(array[::-1][[1, 4]], expected[::-1][[1, 4]])


def test_only_views_of_all_axes_are_paged_and_results_are_plain(small_limits):
    array = large_zeros(SHAPE, np.uint8)
    for view in (array.T, array[2:5], array.transpose(1, 0, 2), array.view(np.int8), array.reshape(-1)):
        assert type(view) is PagedArray
        assert np.shares_memory(view, array)
    for plain in (array[3], array[2, :, 4], array[[1, 4]], array == 0, array + 1, array.T[0], np.asarray(array)):
        assert type(plain) is np.ndarray
    assert type(array[0, 0, 0]) is np.uint8
    assert array.sum() == 0
    assert as_array(array) is array
    assert type(as_array([[1, 2]])) is np.ndarray


def test_a_copy_outlives_the_file(small_limits):
    array = large_zeros(SHAPE, np.uint8)
    array[2] = 5
    for copied in (array.copy(), pickle.loads(pickle.dumps(array)), array.astype(np.int32)):
        copied[3] = 7
        assert (copied[2] == 5).all()
    assert not array[3].any()


def test_small_arrays_and_those_without_room_stay_in_memory(monkeypatch):
    assert type(large_zeros(SHAPE, np.uint8)) is np.ndarray
    monkeypatch.setattr(paged, "MOST_HELD_BYTES", 100)
    monkeypatch.setattr(paged, "_ROOM", 10**15)
    array = large_zeros(SHAPE, np.int16, "F")
    assert (type(array), array.shape, array.dtype, array.flags.f_contiguous) == (np.ndarray, SHAPE, np.int16, True)


def test_nothing_stays_in_the_folder_of_temporary_files(small_limits, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = large_zeros(SHAPE, np.uint8)
    assert type(array) is PagedArray
    if os.name == "posix":
        assert list(tmp_path.iterdir()) == []


SCRIPT = """
import resource
import numpy as np
from ifss_keras.core.paged import large_zeros

array = large_zeros(({slices}, 512, 512), np.uint8)
for index, plane in enumerate(array):
    plane[:] = index % 251
for index in range(0, len(array), 17):  # not one after the other
    array[index] = array[index] + 1
assert all((plane == (index % 251) + (index % 17 == 0)).all() for index, plane in enumerate(array))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts memory as Linux does")
def test_memory_does_not_grow_with_slices():
    peaks_kb = [
        int(subprocess.run([sys.executable, "-c", SCRIPT.format(slices=n)], capture_output=True, check=True).stdout)
        for n in (600, 1200)
    ]
    assert max(peaks_kb) < min(peaks_kb) + 20_000  # the array itself has 157,000 more
