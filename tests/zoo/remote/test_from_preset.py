"""A released preset by its name, fetched where presets are found: loaded, verified, and predicted with."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from ifss_keras.core.errors import ChecksumError, PresetError
from ifss_keras.inference.predictor import Predictor
from ifss_keras.training.transfer import start_with
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo import IFSSNet
from ifss_keras.zoo.presets import find_preset, load_network
from ifss_keras.zoo.remote.registry import registry
from tests.zoo.remote.host import cut
from tests.zoo.shelf import SHELF

NAME = "ifss_synthetic_v4"


@pytest.fixture
def fetching(start, monkeypatch, tmp_path):
    """A host of the shelf that breaks off once, named by the environment, and an empty cache."""
    host = start(cut(1_000_000), folder=SHELF)
    monkeypatch.setenv("IFSS_WEIGHTS_URL", host.url)
    monkeypatch.setenv("IFSS_CACHE", str(tmp_path / "cache"))
    return host


def test_it_is_fetched_once_loaded_and_predicted_with(fetching, tmp_path, two_muscles):
    told = []
    preset = find_preset(NAME, lambda *step: told.append(step))
    assert preset.folder == tmp_path / "cache" / NAME
    assert told[-1][1:] == (registry()[NAME].total_bytes // 1000,) * 2
    network = IFSSNet.from_preset(NAME)
    for found, expected in zip(network.weights, load_network(find_preset(SHELF / NAME)).weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    image, labels = (array[3:10] for array in two_muscles)
    volume, annotated = Volume.from_array(image, (2.0, 0.5, 0.5)), np.zeros_like(labels)
    annotated[[0, 3, 6]] = labels[[0, 3, 6]]
    found = Predictor.from_preset(NAME).predict(volume, Annotation.from_array(annotated)).labels
    np.testing.assert_array_equal(found[[0, 3, 6]], labels[[0, 3, 6]])
    for code in (3, 7):
        one, other = found[1:6] == code, labels[1:6] == code
        assert 2 * np.count_nonzero(one & other) / (one.sum() + other.sum()) > 0.7
    assert [path for path, _ in fetching.asked].count(f"/{NAME}/model.weights.h5") == 2
    assert len(fetching.asked) == 4


def test_a_training_starts_from_it(fetching):
    network = IFSSNet.from_config({"name": "network", **find_preset(SHELF / NAME).arguments})
    taken = start_with(network, None, NAME)
    assert (taken.source, taken.new, taken.left) == (NAME, (), ())
    assert len(taken.loaded) == len(network.weights)


def test_a_flipped_bit_in_the_cache_is_found_and_mended(fetching, tmp_path):
    weights = find_preset(NAME).path
    held = bytearray(weights.read_bytes())
    held[1000] ^= 1
    weights.write_bytes(held)
    with pytest.raises(ChecksumError, match=rf"are corrupted: .*`ifss models pull {NAME}` fetches them again"):
        IFSSNet.from_preset(NAME)
    fetching.asked.clear()
    shutil.copy(SHELF / NAME / "card.md", weights.parent / "config.json")  # no config: fetched again by itself
    with pytest.raises(PresetError, match="is no preset's"):
        find_preset(weights.parent)
    IFSSNet.from_preset(NAME)
    assert [path for path, _ in fetching.asked] == [f"/{NAME}/model.weights.h5", f"/{NAME}/config.json"]


def test_a_path_is_no_name(fetching, tmp_path):
    for path in (f"../{NAME}", f"{tmp_path}/cache/../{NAME}", f"./{NAME}"):
        with pytest.raises(PresetError, match="no preset and no folder"):
            find_preset(path)
    assert fetching.asked == []


def test_the_default_preset_needs_none_of_it(monkeypatch):
    monkeypatch.setenv("IFSS_WEIGHTS_URL", "no address")  # which would be refused if it were read
    script = (
        "import sys; from ifss_keras.zoo.presets import *; verified_weights(find_preset(DEFAULT_PRESET)); "
        "print(sorted({'pooch', 'requests', 'platformdirs', 'ifss_keras.zoo.remote.settings'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
