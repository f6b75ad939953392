"""Fixtures of the tests of presets and of weights."""

import json
import shutil
from pathlib import Path

import pytest

from ifss_keras.core.checks import as_tuples
from ifss_keras.zoo import IFSSNet
from ifss_keras.zoo.preset import CONFIG, Preset


@pytest.fixture(scope="module")
def network_arguments(tiny_preset):
    held = json.loads((tiny_preset / CONFIG).read_text())["arguments"]
    return {name: as_tuples(value) for name, value in held.items()}


@pytest.fixture(scope="module")
def fresh(network_arguments):
    """A tiny network of its own; what it has learnt before does not matter to a test that loads weights."""
    return IFSSNet(name="ifss_net", **network_arguments)


@pytest.fixture
def preset(tiny_preset, tmp_path):
    """A copy of the tiny network's preset, to be spoilt."""
    return Preset.read(Path(shutil.copytree(tiny_preset, tmp_path / "copy")))


@pytest.fixture
def weights(preset):
    """The weights in it."""
    return preset.path
