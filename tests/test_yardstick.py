"""The interpolations that benchmarks measure by give the bytes that they always gave."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.synthetic import calf
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "yardstick.py"
spec = importlib.util.spec_from_file_location("yardstick", BENCHMARK)
yardstick = importlib.util.module_from_spec(spec)
spec.loader.exec_module(yardstick)

DIGESTS = {
    "plain": "70194971087d01dbb9cc5a31cebc29e661482fa88353a7a09d67fea2573f1a5c",
    "straight": "7c6da45223e73021124b8869e167172c2fbac7b88f33ee1573d85e26095448d3",
}


def disc(center):
    row, column = np.ogrid[:40, :60]
    return (row - center[0]) ** 2 + (column - center[1]) ** 2 <= 64


@pytest.mark.parametrize("name", yardstick.YARDSTICKS)
def test_a_yardstick_does_not_move(name):
    phantom = calf(900_001, slices=48, size=64, ends="blunt")
    references = Annotation.from_array(phantom.labels, complete=True, keep_slices=np.arange(2, 48, 9))
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    found = yardstick.predict_by_yardstick(name, volume, references).labels
    assert hashlib.sha256(found).hexdigest() == DIGESTS[name]


def test_only_the_straight_one_moves_the_centroid():
    a, b = disc((20, 12)), disc((20, 48))
    np.testing.assert_array_equal(yardstick.straight(a, b, (1.0, 1.0))(0.5) > 0, disc((20, 30)))
    assert not (yardstick.plain(a, b, (1.0, 1.0))(0.5) > 0).any()
