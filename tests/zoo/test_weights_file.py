"""How strictly weights are loaded."""

import h5py
import numpy as np
import pytest

from ifss_keras.core.errors import PresetError
from ifss_keras.zoo import IFSSNet
from ifss_keras.zoo.weights_file import load_weights


def test_every_variable_gets_its_own_value(fresh, weights, network_arguments):
    fresh.set_weights([0 * value for value in fresh.get_weights()])
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
    "change",
    [
        {"widths": (4, 8)},
        {"widths": (4, 6, 6), "rates": (1,)},
        {"widths": (4,), "rates": (1, 2)},
        {"matching_kernel": 5},
    ],
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
