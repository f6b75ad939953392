"""The anchor: the sigmoid of the distance, softer the further the references are."""

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.anchor import anchor
from ifss_keras.propagation.settings import Softness
from ifss_keras.propagation.shape import ShapeSpan


def disc(shape, center, radius, spacing_mm=(1.0, 1.0)):
    row, column = np.ogrid[: shape[0], : shape[1]]
    return ((row - center[0]) * spacing_mm[0]) ** 2 + ((column - center[1]) * spacing_mm[1]) ** 2 <= radius**2


def test_anchor_is_the_sigmoid_of_the_distance():
    a, b = disc((40, 44), (18, 20), 8), disc((40, 44), (22, 23), 12)
    softness = Softness(start=0.7, per_slice=0.2, maximum=9.0)
    offsets, gap = np.array([0, 1, 4, 7, 10]), 10
    scale = 0.7 + 0.2 * np.array([0, 1, 4, 3, 0])
    span = ShapeSpan(a, b)
    distances = np.stack([span.at(offset / gap) for offset in offsets]).astype(float)
    expected = 1 / (1 + np.exp(-distances / scale[:, None, None]))
    np.testing.assert_allclose(anchor(a, b, offsets, gap, softness), expected, atol=1e-6)


def test_anchor_is_less_certain_further_from_the_references():
    a = disc((40, 40), (20, 20), 9)
    values = anchor(a, a, np.arange(13), 12)
    certainty = np.abs(values - 0.5).mean(axis=(1, 2))
    assert (np.diff(certainty[:7]) < 0).all()
    assert (np.diff(certainty[6:]) > 0).all()
    np.testing.assert_array_equal(values > 0.5, np.broadcast_to(a, values.shape))


@pytest.mark.parametrize(("offsets", "gap"), [([1, 11], 10), ([-1], 10), ([0], 0)])
def test_offsets_beyond_the_gap_are_refused(offsets, gap):
    with pytest.raises(InputError, match="no anchor"):
        anchor(np.ones((3, 3), bool), np.ones((3, 3), bool), offsets, gap)
