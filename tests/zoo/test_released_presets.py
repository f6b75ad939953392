"""What is released: the default preset in the package, those before it on the shelf, and what their cards say."""

import hashlib

import pytest
import yaml

from ifss_keras.core.errors import PresetError
from ifss_keras.zoo import IFSSNet
from ifss_keras.zoo.preset import CARD
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, released_folder, released_presets
from tests.zoo.shelf import PRESETS, SHELF, SUPERSEDED

every_preset = pytest.mark.parametrize("name", PRESETS)


def test_the_package_holds_the_default_and_the_shelf_what_it_succeeded():
    assert list(released_presets()) == [DEFAULT_PRESET] == list(IFSSNet.presets)
    assert IFSSNet.presets[DEFAULT_PRESET] == find_preset(DEFAULT_PRESET)
    assert {path.name for path in released_folder().iterdir()} == {DEFAULT_PRESET}
    assert list(SUPERSEDED) == ["ifss_synthetic_v2", "ifss_synthetic_v3", "ifss_synthetic_v4"]
    for name, preset in SUPERSEDED.items():
        assert find_preset(SHELF / name) == preset
        with pytest.raises(PresetError, match=r"not in the cache .* no host to fetch it from is configured"):
            find_preset(name)


@every_preset
def test_the_shipped_weights_are_what_the_preset_says(name):
    preset = PRESETS[name]
    content = preset.path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == preset.sha256
    assert len(content) == preset.size_bytes
    assert (preset.name, preset.folder.name, preset.architecture) == (name, name, "IFSSNet")
    assert IFSSNet.from_preset(preset.folder).count_params() == preset.parameters


def test_the_default_preset_is_small():
    preset = PRESETS[DEFAULT_PRESET]
    assert preset.parameters < 1_000_000
    assert 0 < preset.size_bytes < 5_000_000


@every_preset
def test_the_recipe_on_the_shelf_trains_this_network(name):
    from ifss_keras.training.recipe import read_recipe

    preset, recipe = PRESETS[name], read_recipe(SHELF / name / "recipe.yaml")
    assert recipe.name == name
    trained = IFSSNet(name="ifss_net", **recipe.network).get_config()
    released = IFSSNet.from_config({"name": "ifss_net", **preset.arguments}).get_config()
    for key in set(trained) - {"encoder_dropout", "memory_dropout", "decoder_dropout"}:
        assert trained[key] == released[key], key
    assert recipe.settings(trained["window"]) == preset.propagation


@every_preset
def test_the_card_names_the_same_facts(name):
    preset = PRESETS[name]
    _, front_matter, text = (preset.folder / CARD).read_text(encoding="utf-8").split("---\n", 2)
    facts = yaml.safe_load(front_matter)
    assert (facts["name"], facts["network"]) == (preset.name, preset.architecture)
    assert (facts["sha256"], facts["size_bytes"]) == (preset.sha256, preset.size_bytes)
    assert int(str(facts["parameters"]).replace(",", "").replace("_", "")) == preset.parameters
    assert (facts["licence"], facts["data"]) == (preset.licence, preset.data)
    assert text.strip()
