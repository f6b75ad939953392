"""Presets that are damaged, or are none: one sentence, exit code 2, nothing written."""

import shutil
from dataclasses import replace

import pytest

from ifss_keras.zoo.preset import CONFIG, Preset
from ifss_keras.zoo.presets import DEFAULT_PRESET, finished
from tests.cli.sentences import one_sentence, truncated


@pytest.fixture
def preset_copy(tiny_preset, tmp_path):
    """A copy of the tiny preset, to be spoilt."""
    return Preset.read(shutil.copytree(tiny_preset, tmp_path / "run"))


def spoilt(*, arguments=(), **changes):
    """What writes a preset anew with changes, also in the arguments of its network."""
    return lambda preset: replace(preset, arguments=preset.arguments | dict(arguments), **changes).write()


def without_a_variable(preset):
    import h5py

    with h5py.File(preset.path, "r+") as file:
        del file["layers/conv3d/vars/1"]
    finished(preset)


def weights_with(content):
    """What puts something else in the place of the weights, with the checksum of that."""

    def spoil(preset):
        held = preset.path.read_bytes()
        preset.path.write_bytes(held[: len(held) // 2] if content is None else content)
        finished(preset)

    return spoil


BAD_PRESETS = {
    "truncated weights": (weights_with(None), ["best.weights.h5", "truncated"]),
    "empty weights": (weights_with(b""), ["best.weights.h5", "truncated"]),
    "weights of text": (weights_with(b"weights"), ["best.weights.h5", "no weights file"]),
    "other weights": (
        lambda preset: preset.path.write_bytes(b"weights"),
        ["best.weights.h5", "are corrupted", "copy the folder again"],
    ),
    "no weights": (lambda preset: preset.path.unlink(), ["best.weights.h5", "cannot be read", "train it to the end"]),
    "no record": (lambda preset: (preset.folder / CONFIG).unlink(), ["holds no preset", "config.json"]),
    "a record that is none": (
        lambda preset: (preset.folder / CONFIG).write_text("{}"),
        ["config.json", "is no preset's", "copy it again"],
    ),
    "a variable missing": (without_a_variable, ["do not fit", "conv3d/vars/1"]),
    "of another network": (
        spoilt(arguments={"matching_kernel": 5}),
        ["do not fit", "(1, 1, 5, 6, 6)", "(1, 1, 3, 6, 6)"],
    ),
    "network that cannot be built": (spoilt(arguments={"rates": [1, 99]}), ["IFSSNet cannot be built", "rates", "99"]),
    "no such network": (spoilt(architecture="IFSSNets"), ["no network 'IFSSNets'", "did you mean IFSSNet?"]),
}


@pytest.mark.parametrize("name", BAD_PRESETS)
def test_bad_presets_are_refused_in_one_sentence(name, case, ifss, preset_copy, snapshot):
    spoil, said = BAD_PRESETS[name]
    spoil(preset_copy)
    before = snapshot(case.folder)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output)
    message = one_sentence(ifss(*arguments, "--preset", preset_copy.folder))
    for words in said:
        assert words in message
    assert snapshot(case.folder) == before


@pytest.mark.parametrize("command", ["predict", "demo"])
@pytest.mark.parametrize("spoil", [truncated, lambda path: path.unlink()], ids=["corrupted", "missing"])
def test_corrupted_preset_weights_are_refused(command, spoil, case, ifss, preset_copy, monkeypatch, snapshot):
    folder = preset_copy.folder.rename(preset_copy.folder.with_name(DEFAULT_PRESET))
    replace(preset_copy, folder=folder).write()
    spoil(folder / preset_copy.weights)
    monkeypatch.setattr("ifss_keras.zoo.presets.released_folder", lambda: folder.parent)
    arguments = {
        "predict": ("predict", case.image, "--reference", case.reference, "-o", case.output),
        "demo": ("demo", "-o", case.folder / "demo"),
    }[command]
    before = snapshot(case.folder)
    message = one_sentence(ifss(*arguments))
    assert DEFAULT_PRESET in message
    assert "reinstall" in message
    assert snapshot(case.folder) == before
