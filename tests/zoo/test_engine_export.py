"""The engine of a preset: its facts, what becomes of it, and that the released one is of the released weights."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.errors import ChecksumError, InputError
from ifss_keras.core.records import sha256_of
from ifss_keras.inference.predictor import Predictor
from ifss_keras.propagation.engine import KerasEngine
from ifss_keras.propagation.openvino_engine import OpenVinoEngine
from ifss_keras.propagation.settings import FLOW
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo import IFSSNet, UNet3D
from ifss_keras.zoo.averaging import average_presets
from ifss_keras.zoo.engine_export import ENGINE, export_engine, export_preset
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, finished, load_network, verified_engine
from tests.propagation.engines import Given


@pytest.fixture(scope="module")
def exported(tiny_preset, tmp_path_factory):
    """The folder of the tiny preset with an engine."""
    folder = shutil.copytree(tiny_preset, tmp_path_factory.mktemp("exported") / "tiny")
    export_preset(find_preset(folder))
    return folder


@pytest.fixture
def folder(exported, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(exported, tmp_path / "tiny")


def test_its_facts_are_the_presets(exported, tiny_preset):
    before, preset = find_preset(tiny_preset), find_preset(exported)
    assert (preset.engine, preset.engine_sha256) == (ENGINE, sha256_of(exported / ENGINE))
    assert replace(preset, folder=tiny_preset, engine=None, engine_sha256=None) == before
    assert {path.name for path in exported.iterdir()} == {path.name for path in tiny_preset.iterdir()} | {ENGINE}


def test_a_network_for_another_number_of_annotated_slices_has_no_engine(tmp_path):
    network = IFSSNet(image_size=(16, 16), widths=(2, 3), rates=(1,), matching_kernel=3, memory_level=1, memory_slots=3)
    with pytest.raises(InputError, match="has 3 slots for annotated slices: expected 2"):
        export_engine(network, FLOW, tmp_path / ENGINE)


def test_it_runs_where_it_can_and_keras_elsewhere(exported, tiny_preset, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert isinstance(Predictor.from_preset(exported).runner.engine, OpenVinoEngine)
    assert isinstance(Predictor.from_preset(tiny_preset).runner.engine, KerasEngine)
    with monkeypatch.context() as patch:
        patch.setattr("ifss_keras.inference.predictor.find_spec", lambda name: None)
        assert isinstance(Predictor.from_preset(exported).runner.engine, KerasEngine)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert isinstance(Predictor.from_preset(exported).runner.engine, KerasEngine)


def test_a_prediction_is_that_by_keras(exported, tiny_preset, two_muscles, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    image, labels = two_muscles
    annotation = Annotation.from_array(labels, keep_slices=np.array([3, 8]))
    volume = Volume.from_array(image, (2.5, 0.8, 0.5))
    found, expected = (
        Predictor.from_preset(preset).predict(volume, annotation).labels for preset in (exported, tiny_preset)
    )
    assert set(np.unique(expected)) == {0, 3, 7}
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("spoil", ["bit", "missing", "cut"])
def test_a_damaged_engine_is_refused(spoil, folder):
    path = folder / ENGINE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if spoil == "cut" else content)
    if spoil == "missing":
        path.unlink()
    said = "cannot be read from" if spoil == "missing" else "is corrupted: expected SHA-256"
    with pytest.raises(ChecksumError, match=rf"The engine of tiny {said}.*copy the folder again"):
        Predictor.from_preset(folder)


def test_other_weights_have_no_engine(folder, tmp_path, tiny_preset):
    network = load_network(find_preset(folder))
    saved = network.save_to_preset(tmp_path / "saved")
    mean = average_presets([folder, folder], tmp_path / "mean")
    trained = finished(network.described(folder, weights="best.weights.h5"))
    for preset in (saved, mean, trained):
        assert (preset.engine, preset.engine_sha256) == (None, None)
        assert "engine" not in (preset.folder / "config.json").read_text()


def test_the_released_engine_is_of_the_released_weights():
    preset = find_preset(DEFAULT_PRESET)
    by_openvino, by_keras = OpenVinoEngine(verified_engine(preset)), KerasEngine(IFSSNet.from_preset(DEFAULT_PRESET))
    given = Given(by_keras, (preset.propagation.size,) * 2, 2)
    expected, found = given.answers(by_keras), given.answers(by_openvino)
    assert list(found) == list(expected)
    for name, part in expected.items():
        np.testing.assert_allclose(found[name], part, rtol=1e-4, atol=1e-4, err_msg=name)
    assert expected["muscle"].std() > 0.01


def test_a_network_that_needs_no_reference_has_none(tmp_path):
    preset = UNet3D(image_size=(16, 16), slices=4, widths=(2, 3)).save_to_preset(tmp_path / "unet", labels={3: "GM"})
    with pytest.raises(InputError, match="preset unet has no engine to export: expected a network that carries"):
        export_preset(preset)
    assert not (preset.folder / ENGINE).exists()
