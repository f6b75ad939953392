"""Damaged DICOM: a volume or one sentence, in little memory."""

import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import IFSSError
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.volume import Volume
from tests.volumes.formats.dicom_mutations import mutated_dicom, valid_dicom

MOST_GB = 0.05
MOST_MORE_KB = 400_000  # of memory beyond that of before
IMAGE = Volume.from_array(np.zeros((3, 34, 33), np.uint8), (2.5, 0.8, 0.5))


@pytest.fixture(scope="module")
def valid(tmp_path_factory, oblique_affine):
    pytest.importorskip("openjpeg", reason="encodes JPEG 2000")
    return valid_dicom(tmp_path_factory.mktemp("valid"), oblique_affine)


def readings(files):
    """What reading gives, each a shape or the sentence that refuses it."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = files.write(Path(folder))
        for read, more in ((read_volume, {}), (read_labels, {"like": IMAGE})):
            try:
                volume = read(path, max_gb=MOST_GB, spacing_mm=(2, 1, 1), **more)
                assert np.isfinite(volume.affine).all()
                found.append(volume.array.shape)
            except IFSSError as error:
                text = str(error).replace(folder, "")
                assert text.isprintable()
                assert text.endswith(".")
                found.append(text)
    return found


def test_undamaged_files_are_read(valid):
    read = [readings(files) for files in valid]
    assert [shape for shape, _ in read[:4]] == [(3, 34, 33)] * 4
    assert read[4][1][1:] == (34, 33)
    assert "slice" in read[5][1]  # contours of another image
    assert [shape for shape, _ in read[6:]] == [(3, 34, 33)] * 3


def check_many(valid, count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        readings(data.draw(mutated_dicom(valid)))

    check()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MORE_KB


def test_damaged_files_are_refused_or_read(valid):
    check_many(valid, 100)


@pytest.mark.slow
def test_1000_damaged_files_are_refused_or_read(valid):
    check_many(valid, 1000)
