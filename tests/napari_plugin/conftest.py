"""Fixtures of the plugin's tests: a session, and labels to draw on; a napari with the dock, and a calf for it."""

import pytest

from ifss_keras.napari_plugin.annotator import Annotator
from ifss_keras.synthetic import calf
from ifss_keras.volumes.io import write_volume
from ifss_keras.volumes.volume import Volume
from tests.napari_plugin.drawing import Drawing
from tests.napari_plugin.hands import Hands

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


@pytest.fixture(scope="module")
def phantom():
    return calf(31, slices=40, size=64)


@pytest.fixture(scope="module")
def image(tmp_path_factory, phantom):
    path = tmp_path_factory.mktemp("calf") / "calf.nii.gz"
    write_volume(path, phantom.image, Volume.from_array(phantom.image, phantom.spacing_mm))
    return path


@pytest.fixture
def hands(make_napari_viewer, qtbot):
    """A napari with the dock in it, as napari itself makes it, and somebody who uses it."""
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("ifss_keras", "Muscle volumes")
    hands = Hands(viewer, dock, qtbot)
    yield hands
    dock.work.stop()
    hands.wait()
