"""`ifss models`."""

import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest

from ifss_keras.zoo import ARCHITECTURES, presets
from ifss_keras.zoo.description import describe
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, released_presets
from ifss_keras.zoo.remote.registry import registry
from tests.cli.sentences import one_sentence

PRESETS = released_presets()


@pytest.fixture
def released(tmp_path, monkeypatch):
    """Small files as the weights and the engine of the default preset, in a folder beside nothing else."""
    preset = dataclasses.replace(PRESETS[DEFAULT_PRESET], folder=tmp_path / "released" / DEFAULT_PRESET)
    preset.folder.mkdir(parents=True)
    preset.path.write_bytes(b"weights")
    (preset.folder / preset.engine).write_bytes(b"engine")
    sha256, engine_sha256 = (hashlib.sha256(content).hexdigest() for content in (b"weights", b"engine"))
    dataclasses.replace(preset, sha256=sha256, engine_sha256=engine_sha256).write()
    monkeypatch.setattr(presets, "released_folder", lambda: tmp_path / "released")
    return preset.path


def test_list_as_json_holds_every_preset_and_every_network(ifss):
    outcome = ifss("models", "list", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    listed = json.loads(outcome.out)
    networks = {item["name"]: item for item in listed["networks"]}
    assert set(networks) == set(ARCHITECTURES)
    for name, architecture in ARCHITECTURES.items():
        counts = {variant["name"]: variant["parameters"] for variant in networks[name]["variants"]}
        assert counts == {variant.name: variant.parameters for variant in architecture.variants}
    held = {item["name"]: item for item in listed["presets"]}
    assert list(held) == [*PRESETS, *registry()]
    for name, preset in PRESETS.items():
        for fact in ("summary", "parameters", "size_bytes", "sha256", "licence", "data"):
            assert held[name][fact] == getattr(preset, fact)
        assert held[name]["default"] is (name == DEFAULT_PRESET)
        assert held[name]["where"] == "embedded"
    for name, record in registry().items():
        assert (held[name]["where"], held[name]["default"]) == ("remote", False)
        assert (held[name]["size_bytes"], held[name]["sha256"]) == (record.size_bytes, record.sha256)
        assert (held[name]["summary"], held[name]["parameters"]) == (record.summary, record.parameters)


def test_list_is_a_table(ifss):
    out = ifss("models", "list").out
    assert f"{DEFAULT_PRESET} (default)" in out
    assert f"{PRESETS[DEFAULT_PRESET].parameters:,}" in out
    assert "Apache-2.0" in out
    for name, architecture in ARCHITECTURES.items():
        assert name in out
        assert all(f"{variant.parameters:,}" in out for variant in architecture.variants)


def test_a_network_is_described_at_the_size_asked_for(ifss):
    outcome = ifss("models", "describe", "SpatioTemporalUNet", "--variant", "Unet-S", "--size", "64", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    # depthwise 3x3 and pointwise, twice a block, and the pointwise shortcut, on pixels that a pooling quarters
    widths, pixels, total = (16, 32, 64, 128, 256), 64 * 64, 0

    def block(inputs, outputs):
        return 9 * inputs + inputs * outputs + 9 * outputs + outputs * outputs + inputs * outputs

    for level, (inputs, outputs) in enumerate(zip((1, *widths), widths, strict=False)):
        total += pixels // 4**level * block(inputs, outputs)
    for level in range(3, -1, -1):
        total += pixels // 4**level * block(widths[level + 1] + widths[level], widths[level])
    assert found["multiply-adds per slice"] == total + pixels * 16 * 2
    assert found["parameters"] == 347_147
    assert found["sizes are multiples of"] == [1, 16, 16]
    assert found["arguments"]["image_size"] == [64, 64]
    text = ifss("models", "describe", "SpatioTemporalUNet", "--variant", "Unet-S", "--size", "64").out
    assert "347,147" in text
    assert f"{found['multiply-adds per slice']:,}" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_variant_of_every_network_can_be_described(name):
    for variant in ARCHITECTURES[name].variants:
        assert describe(name, variant.name).parameters == variant.parameters


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("UNet",), "no network 'UNet'"),
        (("UNet3D", "--variant", "wide"), "no variant 'wide': expected one of default, without normalisation"),
        (("IFSSNet", "--size", "100"), "image_size must have rows divisible by 32"),
    ],
)
def test_what_cannot_be_described_is_refused(ifss, arguments, said):
    outcome = ifss("models", "describe", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("name", [DEFAULT_PRESET, next(iter(registry())), "folder"])
def test_a_preset_is_no_network_that_could_be_described(name, ifss, tiny_preset):
    name = str(tiny_preset) if name == "folder" else name
    said = one_sentence(ifss("models", "describe", name))
    assert f"{name!r} is a preset of IFSSNet and no network: `ifss models describe IFSSNet` says" in said


@pytest.mark.parametrize("command", ["verify", "path", "pull", "remove", "export"])
def test_a_network_is_no_preset(command, ifss):
    said = one_sentence(ifss("models", command, "UNet3D"))
    assert said.startswith("Error: 'UNet3D' is a network and no preset: expected the weights of one, such as ifss_")
    assert "`ifss models describe UNet3D` says what the network is" in said


def test_the_folder_of_a_training_may_be_called_as_a_network_is(ifss, tiny_preset, tmp_path, monkeypatch):
    shutil.copytree(tiny_preset, tmp_path / "UNet3D")
    monkeypatch.chdir(tmp_path)
    assert ifss("models", "path", "UNet3D").out == "UNet3D\n"


RELEASED = "model.weights.h5 and model.openvino are the files that the preset names"


def test_the_released_files_are_verified(ifss, released):
    for names in ((), (DEFAULT_PRESET,)):
        outcome = ifss("models", "verify", *names)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out == f"{DEFAULT_PRESET}: {RELEASED}.\n"


def test_the_folder_of_a_training_is_verified(ifss, tiny_preset, tmp_path):
    outcome = ifss("models", "verify", tiny_preset, DEFAULT_PRESET)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        f"{tiny_preset}: best.weights.h5 is the file that the preset names.",
        f"{DEFAULT_PRESET}: {RELEASED}.",
    ]
    folder = tmp_path / "unfinished"
    shutil.copytree(tiny_preset, folder)
    dataclasses.replace(find_preset(folder), sha256=None).write()
    assert ifss("models", "verify", folder).out == (
        f"{folder}: best.weights.h5 is there, of a training that has not ended.\n"
    )
    (folder / "best.weights.h5").write_bytes(b"others")
    dataclasses.replace(find_preset(folder), sha256=find_preset(tiny_preset).sha256).write()
    outcome = ifss("models", "verify", folder)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"{folder / 'best.weights.h5'}: copy the folder again" in outcome.err


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"Weights"), lambda path: path.unlink()])
def test_a_corrupted_or_missing_file_is_not(spoil, ifss, released):
    spoil(released)
    outcome = ifss("models", "verify")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert DEFAULT_PRESET in outcome.err
    assert str(released) in outcome.err


def test_an_unknown_name_gets_the_nearest(ifss):
    outcome = ifss("models", "verify", DEFAULT_PRESET.replace("synthetic", "syntetic"))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"did you mean {DEFAULT_PRESET}?" in outcome.err


def test_every_shipped_file_is_verified(ifss):
    outcome = ifss("models", "verify")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count(RELEASED) == len(PRESETS) >= 1


def test_the_mean_of_trainings(ifss, tiny_weights, tmp_path):
    import h5py

    other, mean = tmp_path / "other.weights.h5", tmp_path / "mean.weights.h5"
    shutil.copy(tiny_weights, other)
    with h5py.File(other, "r+") as file:
        name = next(name for name in _datasets(file) if file[name].size > 1)
        before = file[name][...]
        file[name][...] = before + 1
    outcome = ifss("models", "average", tiny_weights, other, other, "-o", mean)
    assert (outcome.code, outcome.err) == (0, "")
    with h5py.File(mean) as file, h5py.File(tiny_weights) as first:
        np.testing.assert_allclose(file[name][...], before + 2 / 3, rtol=1e-5)
        for same in set(_datasets(file)) - {name}:
            np.testing.assert_array_equal(file[same][...], first[same][...])


def _datasets(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names


@pytest.mark.parametrize("spoil", ["one", "other network", "no file", "name", "no folder"])
def test_what_has_no_mean_is_refused(spoil, ifss, tiny_weights, tmp_path):
    other, mean = tmp_path / "other.weights.h5", tmp_path / "mean.weights.h5"
    shutil.copy(tiny_weights, other)
    if spoil == "other network":
        shutil.copy(PRESETS[DEFAULT_PRESET].path, other)
    if spoil == "no file":
        other.unlink()
    if spoil == "name":
        mean = tmp_path / "mean.h5"
    if spoil == "no folder":
        mean = tmp_path / "missing" / "mean.weights.h5"
    outcome = ifss("models", "average", tiny_weights, *([] if spoil == "one" else [other]), "-o", mean)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert not mean.exists()


def test_the_mean_of_presets_is_a_preset(ifss, tiny_preset, tmp_path):
    from ifss_keras.zoo import IFSSNet
    from ifss_keras.zoo.presets import find_preset

    tiny = IFSSNet.from_preset(tiny_preset)
    before = tiny.get_weights()
    tiny.set_weights([weight + 1 for weight in before])
    settings = find_preset(tiny_preset).propagation
    tiny.save_to_preset(tmp_path / "other", propagation=settings)
    outcome = ifss("models", "average", tiny_preset, tmp_path / "other", "-o", tmp_path / "mean")
    assert (outcome.code, outcome.err) == (0, "")
    assert find_preset(tmp_path / "mean").propagation == settings
    for mean, weight in zip(IFSSNet.from_preset(tmp_path / "mean").get_weights(), before, strict=True):
        np.testing.assert_allclose(mean, weight + 0.5, rtol=1e-5)
    again = ifss("models", "average", tiny_preset, tmp_path / "other", "-o", tmp_path / "mean")
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "there already" in again.err


def test_presets_of_different_networks_have_no_mean(ifss, tiny_preset, tmp_path):
    outcome = ifss("models", "average", tiny_preset, DEFAULT_PRESET, "-o", tmp_path / "mean")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "differ in arguments" in outcome.err
    assert not (tmp_path / "mean").exists()
