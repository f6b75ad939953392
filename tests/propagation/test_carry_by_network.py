"""One label through a volume by a tiny real network."""

import numpy as np
import pytest

from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.0, 1.0, 1.0)
WORKING = PropagationSettings(size=16)


@pytest.fixture(scope="module")
def tiny(tiny_preset):
    from ifss_keras.inference.predictor import Predictor

    return Predictor.from_preset(tiny_preset).runner


@pytest.fixture
def muscle(two_muscles):
    """Image and mask of muscle 7."""
    image, labels = two_muscles
    return image, labels == 7


def soft_masks(network, image, masks, intensity):
    carrier = Carrier(network, Volume.from_array(image, SPACING_MM), WORKING)
    carrier.spans.intensity = intensity  # the one thing that a span takes from the whole volume
    return carrier.carry(masks).soft


def assert_same(a, b, atol=0.0):
    assert a.region == b.region
    np.testing.assert_allclose(a.values, b.values, rtol=0, atol=atol)


def test_a_span_and_the_references_beside_it_give_what_they_give_in_the_volume(tiny, muscle):
    image, truth = muscle
    intensity = IntensityRange.from_volume(image)
    whole = soft_masks(tiny, image, {index: truth[index] for index in (2, 4, 9, 11)}, intensity)
    alone = soft_masks(tiny, image[2:12], {index - 2: truth[index] for index in (2, 4, 9, 11)}, intensity)
    for index in range(5, 9):
        assert_same(whole[index], alone[index - 2])
    other = image.copy()
    other[:4], other[10:] = 255 - other[:4], 255 - other[10:]
    changed = soft_masks(tiny, other, {index: truth[index] for index in (2, 4, 9, 11)}, intensity)
    for index in range(5, 9):
        assert_same(whole[index], changed[index])
    assert np.abs(whole[3].values - changed[3].values).max() > 0.01  # there the image did change


def test_reversed_slices_give_reversed_masks(tiny, muscle):
    image, truth = muscle
    intensity = IntensityRange.from_volume(image)
    last = len(image) - 1
    references = (3, 8)
    forward = soft_masks(tiny, image, {index: truth[index] for index in references}, intensity)
    backward = soft_masks(tiny, image[::-1], {last - index: truth[index] for index in references}, intensity)
    assert set(forward) == {last - index for index in backward}
    assert set(forward) >= {4, 5, 6, 7}
    for index, mask in forward.items():
        assert_same(mask, backward[last - index], atol=1e-4)


def test_the_image_decides_between_references_too(tiny, muscle):
    # guards the tests above against a network that only repeats its mask channel
    image, truth = muscle
    intensity = IntensityRange.from_volume(image)
    masks = {index: truth[index] for index in (3, 8)}
    a, b = (soft_masks(tiny, picture, masks, intensity) for picture in (image, 255 - image))
    assert max(np.abs(a[index].values - b[index].values).max() for index in range(4, 8)) > 0.1
