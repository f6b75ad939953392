"""Presets and weights that claim more than they are: refused before it is read, made or written."""

import dataclasses
import os
import shutil

import pytest

from ifss_keras.core.errors import ChecksumError, InputError, PresetError
from ifss_keras.zoo.preset import CONFIG, MOST_BYTES, Preset
from ifss_keras.zoo.presets import finished, load_network, verified_weights
from ifss_keras.zoo.weights_file import average_weights


@pytest.fixture
def preset(tiny_preset, tmp_path):
    """A copy of the tiny preset, finished."""
    shutil.copytree(tiny_preset, tmp_path / "preset")
    return finished(Preset.read(tmp_path / "preset"))


def test_weights_many_times_larger_than_their_parameters_are_not_even_read(preset):
    os.truncate(preset.path, 10**9)  # sparse: it takes no room
    with pytest.raises(ChecksumError, match=r"expected at most 50,0.* bytes, received 1,000,000,000"):
        verified_weights(preset)


def test_a_network_larger_than_the_memory_is_not_made(preset):
    wide = dataclasses.replace(preset, arguments=preset.arguments | {"head_width": 1_000_000, "widths": (4, 900_000)})
    with pytest.raises(InputError, match="The network IFSSNet with these arguments needs"):
        load_network(wide)
    deep = dataclasses.replace(preset, arguments=preset.arguments | {"window": 10**9})
    with pytest.raises(InputError, match="window must be 1,000,000 or less, received 1,000,000,000"):
        load_network(deep)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (" " * MOST_BYTES + "{}", "expected 1,000,000 bytes at most"),
        ("[" * 100_000, "no preset's"),
        ("9" * 5000, "no preset's"),
        ('{"a": ' * 20_000, "no preset's"),
    ],
    ids=["long", "deep list", "digits", "deep"],
)
def test_a_configuration_that_is_none_is_one_sentence(content, said, preset):
    (preset.folder / CONFIG).write_text(content)
    with pytest.raises(PresetError, match=said) as refused:
        Preset.read(preset.folder)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_a_mean_overwrites_nothing(tiny_weights, tmp_path):
    output = tmp_path / "mean.weights.h5"
    output.write_bytes(b"mine")
    with pytest.raises(PresetError, match="is there already: expected a new file"):
        average_weights([tiny_weights, tiny_weights], output)
    assert output.read_bytes() == b"mine"
