"""Presets as folders, and those that are released."""

import dataclasses
import hashlib
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from ifss_keras.core.checks import as_tuples
from ifss_keras.core.errors import ChecksumError, InputError, PresetError
from ifss_keras.propagation.settings import PropagationSettings, Softness
from ifss_keras.zoo import IFSSNet, UNet3D, presets
from ifss_keras.zoo.preset import CARD, CONFIG, Preset
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, finished, load_network, verified_weights
from ifss_keras.zoo.weights_file import load_weights
from tests.zoo.models import SMALL, answered, run


def as_tuples_in(arguments):
    return {name: as_tuples(value) for name, value in arguments.items()}


# presets as folders

FACTS = {"summary": "Tries a preset.", "licence": "CC0-1.0", "data": "noise", "parameters": 7}


@pytest.mark.parametrize(
    "more",
    [
        {"architecture": "IFSSNet", "propagation": PropagationSettings(size=16, softness=Softness(maximum=6.0))},
        {"architecture": "PGNet", "propagation": PropagationSettings(size=32, softness=None, percentiles=(1.0, 98.0))},
        {"architecture": "UNet3D", "labels": {9: "SOL", 4: "Größe"}, "weights": "best.weights.h5", "sha256": "ab"},
    ],
    ids=["carries", "carries without softness", "needs no reference"],
)
def test_a_record_comes_back_from_its_folder(more, tmp_path):
    written = Preset(tmp_path, arguments={"widths": (4, 6), "rates": ((1, 2), (3,))}, **FACTS, **more)
    written.write("# mine\n\nfür alle\n")
    read = Preset.read(tmp_path)
    assert dataclasses.replace(read, arguments=as_tuples_in(read.arguments)) == written
    assert as_tuples_in(read.arguments) == written.arguments
    assert list((read.labels or {}).items()) == list((written.labels or {}).items())
    assert (tmp_path / CARD).read_text(encoding="utf-8") == "# mine\n\nfür alle\n"
    written.write()
    assert sorted(path.name for path in tmp_path.iterdir()) == [CARD, CONFIG]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[: len(text) // 2], "Unterminated|Expecting"),
        (lambda text: "[]", r"received \[\]"),
        (lambda text: text.replace('"architecture"', '"network"'), "network"),
        (lambda text: text.replace('"propagation"', '"working"'), "propagation"),
        (lambda text: text.replace('"margin"', '"margins"'), "margins.*did you mean margin"),
        (lambda text: text.replace('"margin": 1.4', '"margin": 0.5'), "margin must be 1 or more, received 0.5"),
        (lambda text: text.replace('"labels": null', '"labels": {"a": "SOL"}'), "'a'"),
        (lambda text: text.replace('"margin": 1.4', '"margin": "wide"'), "margin must be of the kind float.*'wide'"),
        (lambda text: text.replace('"size": 16', '"size": 16.5'), "size must be of the kind int.*16.5"),
        (lambda text: text.replace('"percentiles": [', '"percentiles": [1.0, '), "percentiles must be two numbers"),
        (lambda text: text.replace('"maximum": 4.5', '"maximum": null'), "maximum must be of the kind float"),
        (lambda text: text.replace('"weights": "', '"weights": "../'), "weights must be a file beside it"),
        (
            lambda text: text.replace('"parameters": ', '"parameters": "many", "x": '),
            "no fact 'x'|parameters cannot be",
        ),
        (lambda text: text.replace('"summary": ""', '"summary": 3'), "summary cannot be 3"),
    ],
    ids=[
        *("half", "list", "another key", "missing key", "another setting", "out of range", "label without a number"),
        *("text for a number", "no whole number", "three percentiles", "nothing for a number", "weights elsewhere"),
        *("another fact", "number for a text"),
    ],
)
def test_a_record_that_is_none_is_refused_in_one_sentence(spoil, said, preset):
    path = preset.folder / CONFIG
    path.write_text(spoil(path.read_text()))
    with pytest.raises(PresetError, match=said) as refusal:
        find_preset(preset.folder)
    assert str(refusal.value).startswith(f"{path} is no preset's, copy it again: ")
    assert "\n" not in str(refusal.value)


def test_a_folder_without_a_record_a_file_and_nothing_are_refused(preset, tmp_path):
    (preset.folder / CONFIG).unlink()
    with pytest.raises(PresetError, match=rf"^{preset.folder} holds no preset: expected a config.json in it"):
        find_preset(preset.folder)
    with pytest.raises(PresetError, match=rf"^{preset.path} is a file: expected a preset's name, or the folder of one"):
        find_preset(preset.path)
    with pytest.raises(PresetError, match=r"There is no preset and no folder '.*nowhere': expected one of"):
        find_preset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "number", "facts"),
    [
        ("IFSSNet", 0, {"propagation": PropagationSettings(size=8, window=4)}),
        ("UNet3D", 1, {"labels": {7: "SOL"}}),
        ("VNet", 0, {}),
    ],
)
def test_what_is_saved_as_a_preset_comes_back_with_the_same_outputs(name, number, facts, tmp_path):
    network, inputs, expected = answered(name, number)
    facts |= {"summary": "A try.", "licence": "CC0-1.0", "data": "noise"}
    written = network.save_to_preset(tmp_path / "mine", card="# mine\n", **facts)
    assert sorted(path.name for path in written.folder.iterdir()) == [CARD, CONFIG, "model.weights.h5"]
    assert written.sha256 == hashlib.sha256(written.path.read_bytes()).hexdigest()
    read = find_preset(tmp_path / "mine")
    assert (read.name, read.architecture, read.parameters) == ("mine", name, network.count_params())
    assert as_tuples_in(read.arguments) == as_tuples_in(SMALL[name][number])
    assert {fact: getattr(read, fact) for fact in facts} == facts
    for again in (type(network).from_preset(tmp_path / "mine"), load_network(read)):
        for key, value in run(again, inputs).items():
            np.testing.assert_array_equal(value, expected[key])


def test_weights_that_cannot_be_saved_leave_the_preset_as_it_was(preset, monkeypatch):
    before = {path: path.read_bytes() for path in preset.folder.iterdir()}

    def full(path, *rest, **more):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    network = load_network(preset)
    monkeypatch.setattr(network, "save_weights", full)
    with pytest.raises(PresetError, match=r"cannot be written .No space left"):
        presets.save_preset(network, preset, "# new\n")
    assert {path: path.read_bytes() for path in preset.folder.iterdir()} == before


def test_a_training_that_is_not_done_has_no_checksum_and_its_weights_are_taken(preset, fresh):
    dataclasses.replace(preset, sha256=None).write()
    unfinished = Preset.read(preset.folder)
    assert unfinished.sha256 is None
    assert verified_weights(unfinished) == preset.path
    load_weights(fresh, preset.path)
    for found, expected in zip(load_network(unfinished).weights, fresh.weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert finished(unfinished).sha256 == preset.sha256
    assert Preset.read(preset.folder).sha256 == preset.sha256


@pytest.mark.parametrize(
    ("architecture", "arguments", "error", "said"),
    [
        ("IFSSNets", {}, InputError, "no network 'IFSSNets'.*did you mean IFSSNet"),
        ("IFSSNet", {"width": [4]}, InputError, "IFSSNet has no argument 'width'.*did you mean widths"),
        ("IFSSNet", {"image_size": [18, 18]}, InputError, "cannot be built with .*received 18"),
        ("IFSSNet", {"matching_kernel": 5}, PresetError, "do not fit the network: expected .* with shape"),
    ],
)
def test_a_network_that_is_not_that_of_the_weights_is_refused(architecture, arguments, error, said, preset):
    arguments = {**preset.arguments, **arguments}
    with pytest.raises(error, match=said):
        load_network(dataclasses.replace(preset, architecture=architecture, arguments=arguments))


def test_a_class_loads_presets_of_itself_only(preset):
    with pytest.raises(PresetError, match=r"of the network IFSSNet, not UNet3D: use IFSSNet\.from_preset"):
        UNet3D.from_preset(preset.folder)
    assert type(load_network(preset, keras.Model)) is IFSSNet


# releases


@pytest.fixture
def released(preset, tmp_path, monkeypatch):
    """The tiny network as if it were the default preset of the package."""
    folder = preset.folder.rename(tmp_path / DEFAULT_PRESET)
    monkeypatch.setattr(presets, "released_folder", lambda: tmp_path)
    dataclasses.replace(preset, folder=folder).write()
    return Preset.read(folder)


def test_a_verified_release_is_loaded(released, fresh):
    load_weights(fresh, released.path)
    assert find_preset(DEFAULT_PRESET) == released
    for network in (load_network(released), IFSSNet.from_preset(DEFAULT_PRESET), IFSSNet.from_preset(released.folder)):
        for found, expected in zip(network.weights, fresh.weights, strict=True):
            np.testing.assert_array_equal(found.numpy(), expected.numpy())


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_one_flipped_bit_is_found(released):
    flip_a_bit(released.path)
    with pytest.raises(
        ChecksumError, match=rf"{DEFAULT_PRESET} are corrupted: expected SHA-256 {released.sha256[:12]}.*reinstall"
    ):
        load_network(released)


def test_missing_weights_are_named(released):
    released.path.unlink()
    with pytest.raises(ChecksumError, match=r"cannot be read from .*reinstall"):
        verified_weights(released)


@pytest.mark.parametrize("spoil", [flip_a_bit, Path.unlink])
def test_weights_of_a_training_are_mended_otherwise(spoil, preset):
    spoil(preset.path)
    with pytest.raises(ChecksumError, match="copy the folder again, or train it to the end"):
        IFSSNet.from_preset(preset.folder)


def test_unknown_names_get_the_nearest():
    misspelt = DEFAULT_PRESET.replace("synthetic", "sythetic")
    with pytest.raises(PresetError, match=rf"{misspelt!r}: .*did you mean {DEFAULT_PRESET}\?"):
        find_preset(misspelt)
    with pytest.raises(PresetError, match=rf"expected one of {DEFAULT_PRESET}"):
        find_preset("unet")


@pytest.mark.parametrize("change", [{"size": 32}, {"window": 4}])
def test_settings_of_another_network_are_refused(change, tiny_preset, tmp_path):
    folder = shutil.copytree(tiny_preset, tmp_path / "tiny")
    preset = find_preset(folder)
    dataclasses.replace(preset, propagation=dataclasses.replace(preset.propagation, **change)).write()
    with pytest.raises(PresetError, match=r"expected those of its network, \(16, 3\)"):
        load_network(find_preset(folder))


def test_what_was_loaded_is_saved_as_it_was_shown(preset, tmp_path):
    again = load_network(preset).save_to_preset(tmp_path / "again")
    assert (again.propagation, again.labels) == (preset.propagation, None)
    assert (tmp_path / "again" / CARD).read_text().startswith("# again\n\nIFSSNet with ")
    fresh = IFSSNet(**(as_tuples_in(preset.arguments) | {"image_size": (32, 32), "window": 4}))
    assert fresh.described(tmp_path).propagation == PropagationSettings(size=32, window=4)


def test_a_file_in_the_place_of_the_folder_is_refused(preset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetError, match=r"cannot be written .*: choose another folder"):
        load_network(preset).save_to_preset(tmp_path / "file")
    with pytest.raises(PresetError, match="has a name or a folder, received ''"):
        find_preset("")
