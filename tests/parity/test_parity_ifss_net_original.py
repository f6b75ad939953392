"""IFSSNetOriginal, FeatureFusion and ImagePooledPyramid against PyTorch's layers."""

import keras
import pytest

from ifss_keras.layers import FeatureFusion, ImagePooledPyramid
from ifss_keras.zoo.networks.ifss_net_original import IFSSNetOriginal
from tests.layer_checks import normal, random_weights
from tests.parity.agreement import assert_agree

pytestmark = pytest.mark.parity

SMALL = {"widths": (5, 10, 15, 10, 20), "decoder_widths": (9, 8, 7, 6, 10, 12)}


def test_values(torch_ifss_net_original, torch_copying):
    stream, state = (2, 4, 64, 96, 1), (2, 2, 3, 20)
    shapes = {"image": stream, "mask": stream, "hidden": state, "cell": state}
    inputs = {name: normal(*shape, seed=seed) for seed, (name, shape) in enumerate(shapes.items())}
    ours = random_weights(IFSSNetOriginal(image_size=(64, 96), window=4, **SMALL))
    theirs = torch_ifss_net_original.IFSSNetOriginal(**SMALL).eval()
    torch_ifss_net_original.copy_weights(ours, theirs)
    image, mask = (torch_copying.to_torch(inputs[name]) for name in ("image", "mask"))
    memory = [torch_copying.to_torch(inputs[name][:, None]) for name in ("hidden", "cell")]
    expected, remembered = theirs(image, mask, memory)

    found = ours(inputs)
    logits = keras.Model(ours.input, ours.get_layer("head").output)(inputs)
    assert_agree(logits, torch_copying.to_numpy(expected), "IFSSNetOriginal, logits", within=1e-4)
    shares = torch_copying.to_numpy(expected.softmax(dim=1))
    assert_agree(found["probabilities"], shares, "IFSSNetOriginal, probabilities", within=1e-4)
    for name, tensor in zip(("hidden", "cell"), remembered, strict=True):
        after = torch_copying.to_numpy(tensor)[:, 0]
        assert_agree(found[name], after, f"IFSSNetOriginal, {name}", within=1e-4)
    torch_copying.assert_every_weight_matters(theirs, [expected, *remembered])


def test_feature_fusion(torch_ifss_net_original, torch_copying):
    first, second = normal(2, 3, 6, 8, 4), normal(2, 3, 6, 8, 3, seed=1)
    ours, theirs = FeatureFusion(5), torch_ifss_net_original.Fusion(7, 5)
    ours.build(first.shape, second.shape)
    torch_ifss_net_original.copy_fusion(random_weights(ours), theirs)
    expected = theirs(torch_copying.to_torch(first), torch_copying.to_torch(second))
    assert_agree(ours(first, second), torch_copying.to_numpy(expected), "FeatureFusion")


@pytest.mark.parametrize("rates", [(6, 12, 18), (2, 1)])
def test_image_pooled_pyramid(rates, torch_ifss_net_original, torch_copying):
    x, ours = normal(2, 7, 16, 24, 5), ImagePooledPyramid(3, rates=rates)
    ours.build(x.shape)
    theirs = torch_ifss_net_original.Pyramid(5, 3, rates)
    torch_ifss_net_original.copy_pyramid(random_weights(ours), theirs)
    expected = torch_copying.to_numpy(theirs(torch_copying.to_torch(x)))
    assert_agree(ours(x), expected, f"ImagePooledPyramid {rates}")


def test_parameters(torch_ifss_net_original, torch_copying):
    assert IFSSNetOriginal(image_size=(32, 32)).count_params() == 6_217_184
    assert torch_copying.parameters(torch_ifss_net_original.IFSSNetOriginal()) == 6_217_184
