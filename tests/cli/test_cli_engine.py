"""`ifss models export`, and commands that use what it wrote."""

import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.records import sha256_of
from ifss_keras.zoo import UNet3D
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, released_folder
from ifss_keras.zoo.remote.registry import registry
from tests.cli.sentences import one_sentence


@pytest.fixture
def folder(tiny_preset, tmp_path):
    """The tiny preset, to be changed."""
    return shutil.copytree(tiny_preset, tmp_path / "mine")


def test_an_engine_is_written_used_and_verified(ifss, folder, case, read_mask, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    predict = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--preset", folder, "--force")
    assert ifss(*predict).code == 0
    by_keras, _ = read_mask(case.output)
    outcome = ifss("models", "export", folder)
    assert (outcome.code, outcome.err) == (0, "")
    path = folder / "model.openvino"
    assert outcome.out == f"Wrote {path}, {path.stat().st_size / 1e6:.1f} MB.\n"
    preset = find_preset(folder)
    assert (preset.engine, preset.engine_sha256) == (path.name, sha256_of(path))
    verified = ifss("models", "verify", folder)
    assert verified.out == f"{folder}: best.weights.h5 and model.openvino are the files that the preset names.\n"
    assert ifss(*predict).code == 0
    np.testing.assert_array_equal(read_mask(case.output)[0], by_keras)

    kept = case.output.read_bytes()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    for command in (predict, ("models", "verify", folder)):
        assert f"The engine of mine is corrupted: expected SHA-256 {preset.engine_sha256[:12]}" in one_sentence(
            ifss(*command)
        )
    assert case.output.read_bytes() == kept


def test_a_network_without_references_is_refused(ifss, tmp_path, snapshot):
    UNet3D(image_size=(16, 16), slices=4, widths=(2, 3)).save_to_preset(tmp_path / "unet", labels={3: "GM"})
    before = snapshot(tmp_path)
    assert "expected a network that carries annotated slices on" in one_sentence(
        ifss("models", "export", tmp_path / "unet")
    )
    assert snapshot(tmp_path) == before


def test_without_openvino_nothing_is_written(ifss, folder, snapshot, monkeypatch):
    before = snapshot(folder)
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert "pip install openvino" in one_sentence(ifss("models", "export", folder))
    assert snapshot(folder) == before


def test_a_copy_with_an_engine_leaves_the_preset_as_it_is(ifss, folder, tmp_path, snapshot):
    before, copy = snapshot(folder), tmp_path / "copy"
    outcome = ifss("models", "export", folder, "-o", copy)
    assert (outcome.code, outcome.err) == (0, "")
    path = copy / "model.openvino"
    assert outcome.out == f"Wrote {path}, {path.stat().st_size / 1e6:.1f} MB.\n"
    assert snapshot(folder) == before
    assert sorted(tmp_path.iterdir()) == [copy, folder]
    held, preset = find_preset(folder), find_preset(copy)
    assert replace(preset, folder=folder, engine=None, engine_sha256=None) == held
    assert sha256_of(preset.path) == held.sha256
    assert ifss("models", "verify", copy).code == 0
    again = one_sentence(ifss("models", "export", folder, "-o", copy))
    assert f"{copy} is there already: expected a new folder for the preset with its engine" in again


def test_without_openvino_there_is_no_copy(ifss, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert "pip install openvino" in one_sentence(ifss("models", "export", folder, "-o", tmp_path / "copy"))
    assert list(tmp_path.iterdir()) == [folder]
    said = one_sentence(ifss("models", "export", folder, "-o", tmp_path / "absent" / "copy"))
    assert f"The folder {tmp_path / 'absent' / 'copy'} cannot be written (No such file or directory)" in said


@pytest.mark.parametrize("name", [DEFAULT_PRESET, next(iter(registry()))])
def test_a_released_preset_stays_as_it_was_released(name, ifss, snapshot):
    before = snapshot(released_folder())
    said = one_sentence(ifss("models", "export", name))
    assert f"{name} is a released preset, whose folder stays as it was released: pass -o FOLDER" in said
    assert snapshot(released_folder()) == before
