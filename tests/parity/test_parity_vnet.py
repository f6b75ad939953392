"""VNet against PyTorch's layers."""

import keras
import pytest

from ifss_keras.zoo.networks.vnet import VNet
from tests.layer_checks import normal, random_weights
from tests.parity.agreement import assert_agree

pytestmark = pytest.mark.parity

SMALL = {"classes": 3, "widths": (4, 3, 5), "convolutions": (1, 2, 3)}


@pytest.mark.parametrize(
    "how",
    [
        {"channels": 1, "kernel": 5, "stride": (2, 2, 2), "prelu": True},
        {"channels": 2, "kernel": 3, "stride": (1, 2, 2), "prelu": False},
    ],
)
def test_values(how, torch_vnet, torch_copying):
    image = normal(2, 8, 16, 24, how["channels"])
    ours = random_weights(VNet(**SMALL, **how))
    theirs = torch_vnet.VNet(**SMALL, **how).eval()
    torch_vnet.copy_weights(ours, theirs)
    expected = theirs(torch_copying.to_torch(image))
    logits = keras.Model(ours.input, ours.get_layer("head").output)
    assert_agree(logits({"image": image}), torch_copying.to_numpy(expected), "VNet, logits")
    shares = torch_copying.to_numpy(expected.softmax(dim=1))
    assert_agree(ours({"image": image})["probabilities"], shares, "VNet, probabilities", within=1e-4)
    torch_copying.assert_every_weight_matters(theirs, [expected])


@pytest.mark.parametrize(
    ("how", "count"), [({"prelu": False}, 65_171_858), ({"prelu": False, "kernel": 3}, 14_693_234), ({}, None)]
)
def test_parameters(how, count, torch_vnet, torch_copying):
    counted = torch_copying.parameters(torch_vnet.VNet(**how))
    assert VNet(**how).count_params() == counted
    assert count in (None, counted)
