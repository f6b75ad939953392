"""UNet3D against PyTorch's layers and MONAI's blocks."""

import keras
import pytest

from ifss_keras.zoo.networks.unet3d import UNet3D
from tests.layer_checks import normal, random_weights
from tests.parity.agreement import assert_agree

pytestmark = pytest.mark.parity

SMALL = {"channels": 2, "classes": 3, "widths": (6, 8, 7)}


def logits(network, image, **how):
    return keras.Model(network.input, network.get_layer("head").output)({"image": image}, **how)


@pytest.mark.parametrize("pool", [(2, 2, 2), (1, 2, 2)])
@pytest.mark.parametrize("normalize", [True, False])
def test_values(normalize, pool, torch_unet3d, torch_copying):
    image = normal(2, 8, 16, 24, 2)
    ours = random_weights(UNet3D(**SMALL, pool=pool, normalize=normalize))
    theirs = torch_unet3d.UNet3D(**SMALL, pool=pool, normalize=normalize).eval()
    torch_unet3d.copy_weights(ours, theirs)
    expected = theirs(torch_copying.to_torch(image))
    assert_agree(logits(ours, image), torch_copying.to_numpy(expected), "UNet3D, logits")
    shares = torch_copying.to_numpy(expected.softmax(dim=1))
    assert_agree(ours({"image": image})["probabilities"], shares, "UNet3D, probabilities")
    torch_copying.assert_every_weight_matters(theirs, [expected])


def test_values_with_the_statistics_of_the_batch(torch_unet3d, torch_copying):
    image = normal(2, 8, 16, 24, 2)
    ours = random_weights(UNet3D(**SMALL))
    theirs = torch_unet3d.UNet3D(**SMALL).train()
    torch_unet3d.copy_weights(ours, theirs)
    expected = torch_copying.to_numpy(theirs(torch_copying.to_torch(image)))
    assert_agree(logits(ours, image, training=True), expected, "UNet3D, training", within=1e-4)


def test_values_of_monai(torch_unet3d, torch_copying):
    image = normal(2, 8, 16, 24, 2)
    ours = random_weights(UNet3D(**SMALL))
    theirs = torch_unet3d.MonaiUNet3D(**SMALL).eval()
    torch_unet3d.copy_weights_to_monai(ours, theirs)
    expected = torch_copying.to_numpy(theirs(torch_copying.to_torch(image)))
    assert_agree(logits(ours, image), expected, "UNet3D, MONAI's blocks")


def test_parameters(torch_unet3d, torch_copying):
    assert UNet3D(normalize=False).count_params() == 19_069_058
    assert torch_copying.parameters(torch_unet3d.UNet3D(normalize=False)) == 19_069_058
