"""Damaged files: refused in one sentence, or read as other readers read them."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import IFSSError
from ifss_keras.volumes.io import read_labels, read_volume
from tests.volumes.formats.mutations import mutated, valid_files
from tests.volumes.formats.other_readers import judged

GIVEN_MM = (2.0, 1.0, 1.0)  # where a file says no spacing


@pytest.fixture(scope="module")
def valid(tmp_path_factory, oblique_affine):
    return valid_files(tmp_path_factory.mktemp("valid"), oblique_affine)


def check(files):
    """Whether the files are "read" or "refused", each as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        path = files.write(Path(folder))
        volume, said, refusal = read_asking(read_labels if ".seg." in files.first else read_volume, path)
        if volume is None:
            assert refusal.isprintable()
            assert refusal.endswith(".")
            return "refused"
        values, voxel_ml = judged(path)
    assert volume.array.shape == values.shape
    np.testing.assert_allclose(volume.array, values, rtol=1e-6)
    assert volume.voxel_volume_ml == pytest.approx(voxel_ml if said else np.prod(GIVEN_MM) / 1000, rel=1e-5)
    return "read"


def read_asking(read, path):
    """A volume or None, whether its file says the spacing, and the sentence that refuses it."""
    try:
        return read(path), True, ""
    except IFSSError as error:
        first = error
    try:
        if first.setting == "spacing_mm":
            return read(path, spacing_mm=GIVEN_MM), False, ""
    except IFSSError as error:
        return None, False, str(error)
    return None, False, str(first)


def test_undamaged_files_are_read(valid):
    assert [check(files) for files in valid] == ["read"] * len(valid)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_files_are_refused_or_read_as_others_read_them(valid, data):
    check(data.draw(mutated(valid)))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_2000_damaged_files_are_refused_or_read_as_others_read_them(valid, data):
    check(data.draw(mutated(valid)))
