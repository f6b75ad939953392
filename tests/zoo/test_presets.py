"""The released presets, and how strictly weights are loaded."""

import dataclasses
import hashlib
import shutil
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np
import pytest
import yaml

from ifss_keras.core.errors import ChecksumError, PresetError
from ifss_keras.zoo import IFSSNet, presets
from ifss_keras.zoo.presets import DEFAULT_PRESET, PRESETS, Preset, find_preset, load_network, verified_weights
from ifss_keras.zoo.weights_file import load_weights

SHELF = Path(__file__).resolve().parents[2] / "zoo"


# strict loading


@pytest.fixture(scope="module")
def network_arguments(tiny_weights):
    return yaml.safe_load((tiny_weights.parent / "recipe.yaml").read_text())["network"]


@pytest.fixture
def fresh(network_arguments):
    """An untrained tiny network."""
    return IFSSNet(name="ifss_net", **network_arguments)


@pytest.fixture
def weights(tiny_weights, tmp_path):
    """A copy of the tiny network's weights, to be spoilt."""
    return Path(shutil.copy(tiny_weights, tmp_path))


def test_every_variable_gets_its_own_value(fresh, weights, network_arguments):
    load_weights(fresh, weights)
    other = IFSSNet(name="another_name", **network_arguments)
    other.load_weights(weights)
    for ours, keras_own in zip(fresh.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), keras_own.numpy(), err_msg=ours.path)


def delete_variable(file):
    del file["layers/refinement/skip_conv/vars/1"]


def delete_layer(file):
    del file["layers/global_matching"]


def add_layer(file):
    file.create_dataset("layers/refinement_9/skip_conv/vars/0", data=np.zeros((3, 2), np.float32))


def add_variable(file):
    file.create_dataset("layers/conv3d/vars/2", data=np.zeros(2, np.float32))


def other_shape(file):
    del file["layers/conv3d/vars/1"]
    file.create_dataset("layers/conv3d/vars/1", data=np.zeros(3, np.float32))


def not_finite(file):
    file["layers/conv3d/vars/1"][0] = np.nan


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (delete_variable, ["lacks", "refinement/skip_conv/vars/1", "(4,)"]),
        (delete_layer, ["lacks", "global_matching"]),
        (add_layer, ["holds", "refinement_9/skip_conv/vars/0", "(3, 2)"]),
        (add_variable, ["holds", "conv3d/vars/2", "(2,)"]),
        (other_shape, ["conv3d/vars/1", "(2,)", "(3,)"]),
        (not_finite, ["damaged", "conv3d/vars/1", "not finite"]),
    ],
)
def test_what_differs_is_named_in_one_sentence(spoil, named, fresh, weights, recwarn):
    with h5py.File(weights, "r+") as file:
        spoil(file)
    with pytest.raises(PresetError) as refusal:
        load_weights(fresh, weights)
    message = str(refusal.value)
    assert "\n" not in message
    assert len(message) < 400
    for words in (str(weights), *named):
        assert words in message
    assert [str(warning.message) for warning in recwarn if warning.category is UserWarning] == []


@pytest.mark.parametrize(
    "change", [{"widths": [4, 8]}, {"widths": [4, 6, 6], "rates": [1]}, {"widths": [4]}, {"matching_kernel": 5}]
)
def test_weights_of_another_network_are_refused(change, weights, network_arguments):
    network = IFSSNet(name="ifss_net", **network_arguments | change)
    with pytest.raises(PresetError, match=r"do not fit the network: .*shape \(") as refusal:
        load_weights(network, weights)
    assert "array" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"not HDF5", None], ids=["empty", "text", "truncated"])
def test_what_is_no_weights_file_is_refused(content, fresh, weights):
    held = weights.read_bytes()
    weights.write_bytes(held[: len(held) // 2] if content is None else content)
    with pytest.raises(PresetError, match="no weights file or is truncated"):
        load_weights(fresh, weights)


def test_missing_and_wrongly_named_files_are_refused(fresh, weights, tmp_path):
    with pytest.raises(PresetError, match="does not exist"):
        load_weights(fresh, tmp_path / "nowhere.weights.h5")
    with pytest.raises(PresetError, match=r"\*\.weights\.h5"):
        load_weights(fresh, weights.rename(tmp_path / "best.keras"))


# releases


@pytest.fixture
def released(weights, network_arguments, monkeypatch):
    """The tiny network as if it were the default preset."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    preset = dataclasses.replace(PRESETS[DEFAULT_PRESET], sha256=digest, network=network_arguments)
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({DEFAULT_PRESET: preset}))
    monkeypatch.setattr(Preset, "path", weights)
    return preset


def test_a_verified_release_is_loaded(released, fresh):
    load_weights(fresh, released.path)
    for network in (load_network(DEFAULT_PRESET), IFSSNet.from_preset(DEFAULT_PRESET)):
        for found, expected in zip(network.weights, fresh.weights, strict=True):
            np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_one_flipped_bit_is_found(released):
    content = bytearray(released.path.read_bytes())
    content[len(content) // 2] ^= 1
    released.path.write_bytes(content)
    with pytest.raises(
        ChecksumError, match=rf"{DEFAULT_PRESET} are corrupted: expected SHA-256 {released.sha256[:12]}"
    ):
        load_network(DEFAULT_PRESET)


def test_missing_weights_are_named(released):
    released.path.unlink()
    with pytest.raises(ChecksumError, match=r"cannot be read from .*reinstall"):
        verified_weights(released)


def test_unknown_names_get_the_nearest():
    misspelt = DEFAULT_PRESET.replace("synthetic", "sythetic")
    with pytest.raises(PresetError, match=rf"{misspelt!r}: .*did you mean {DEFAULT_PRESET}\?"):
        find_preset(misspelt)
    with pytest.raises(PresetError, match=rf"expected one of {DEFAULT_PRESET}"):
        find_preset("unet")


@pytest.mark.parametrize("name", PRESETS)
def test_the_shipped_weights_are_what_the_preset_says(name):
    preset = PRESETS[name]
    content = preset.path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == preset.sha256
    assert len(content) == preset.size_bytes
    assert IFSSNet.from_preset(name).count_params() == preset.parameters


def test_the_default_preset_is_small():
    preset = PRESETS[DEFAULT_PRESET]
    assert preset.parameters < 1_000_000
    assert 0 < preset.size_bytes < 5_000_000


@pytest.mark.parametrize("name", PRESETS)
def test_parameters_are_those_of_the_network(name):
    assert IFSSNet(name="ifss_net", **PRESETS[name].network).count_params() == PRESETS[name].parameters


@pytest.mark.parametrize("name", PRESETS)
def test_the_recipe_on_the_shelf_trains_this_network(name):
    from ifss_keras.inference.predictor import working_of
    from ifss_keras.training.recipe import read_recipe

    preset, recipe = PRESETS[name], read_recipe(SHELF / name / "recipe.yaml")
    assert recipe.name == name
    trained = IFSSNet(name="ifss_net", **recipe.network).get_config()
    released = IFSSNet(name="ifss_net", **preset.network).get_config()
    for key in set(trained) - {"encoder_dropout", "memory_dropout", "decoder_dropout"}:
        assert trained[key] == released[key], key
    settings, working = recipe.clip_settings(), working_of(preset)
    assert (settings.size, settings.margin, settings.softness) == (working.size, working.margin, working.softness)


@pytest.mark.parametrize("name", PRESETS)
def test_the_card_on_the_shelf_names_the_same_facts(name):
    preset = PRESETS[name]
    _, front_matter, text = (SHELF / name / "card.md").read_text(encoding="utf-8").split("---\n", 2)
    facts = yaml.safe_load(front_matter)
    assert facts["sha256"] == preset.sha256
    assert int(str(facts["parameters"]).replace(",", "").replace("_", "")) == preset.parameters
    assert facts["licence"] == preset.licence
    assert text.strip()
