"""Fixtures of the plugin's tests: a session, and labels to draw on."""

import pytest

from ifss_keras.napari_plugin.annotator import Annotator
from ifss_keras.volumes.volume import Volume
from tests.napari_plugin.drawing import Drawing

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture(scope="session")
def tiny(tiny_preset):
    # TensorFlow is not to be imported beside the OpenGL of the other tests
    from ifss_keras.inference.predictor import Predictor

    return Predictor.from_preset(tiny_preset)


@pytest.fixture
def volume(two_muscles):
    return Volume.from_array(two_muscles[0], SPACING_MM)


@pytest.fixture
def annotator(tiny, volume):
    return Annotator(tiny.open(volume), "tiny")


@pytest.fixture
def drawing(annotator, two_muscles):
    """What somebody draws on and sees: an array, and what follows from it."""
    return Drawing(annotator, two_muscles[1])
