"""DAF3D against PyTorch's layers and against MONAI's parts, and the layers it is made of."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import GroupedConv3D, TrilinearResize
from ifss_keras.zoo.networks.daf3d import DAF3D
from tests.layer_checks import normal, random_weights
from tests.parity.agreement import assert_agree

pytestmark = pytest.mark.parity

# no size is divisible by the strides, so that it matters where a stride begins
SHAPE = (2, 9, 34, 46, 1)
HEADS = [*(f"level_head_{n}" for n in range(1, 5)), *(f"refined_head_{n}" for n in range(1, 5)), "head"]


@pytest.fixture(scope="module")
def ours():
    return random_weights(DAF3D())


def assert_heads_agree(network, image, expected, source):
    """`expected`: logits of all heads, on the grid of the image."""
    raw = keras.Model(network.input, [network.get_layer(name).output for name in HEADS])({"image": image})
    found = network({"image": image})
    for index, name in enumerate(HEADS):
        wanted = expected[..., index : index + 1]
        logits = TrilinearResize()(raw[index], image)
        assert_agree(logits, wanted, f"{source}, {name}, logits", within=1e-4)
        shares = 1 / (1 + np.exp(-np.float64(wanted)))
        assert_agree(found["heads"][..., index : index + 1], shares, f"{source}, {name}", within=1e-4)
    np.testing.assert_array_equal(found["probabilities"], found["heads"][..., -1:])


def test_values(ours, torch_daf3d, torch_copying):
    image = normal(*SHAPE)
    theirs = torch_daf3d.DAF3D().eval()
    torch_daf3d.copy_weights(ours, theirs)
    expected = theirs(torch_copying.to_torch(image))
    together = np.concatenate([torch_copying.to_numpy(head) for head in expected], axis=-1)
    assert_heads_agree(ours, image, together, "DAF3D")
    torch_copying.assert_every_weight_matters(theirs, expected)


def test_values_of_monai(ours, torch_daf3d_monai, torch_copying):
    image, theirs = normal(*SHAPE, seed=1), torch_daf3d_monai.MonaiDAF3D().eval()
    torch_daf3d_monai.copy_weights(ours, theirs)
    expected = theirs(torch_copying.to_torch(image))
    together = np.concatenate([torch_copying.to_numpy(head) for head in expected], axis=-1)
    assert_heads_agree(ours, image, together, "MONAI's parts")


def test_values_with_two_classes(torch_daf3d, torch_copying):
    image = normal(1, 4, 16, 24, 1)
    network = random_weights(DAF3D(classes=2), seed=3)
    theirs = torch_daf3d.DAF3D(classes=2).eval()
    torch_daf3d.copy_weights(network, theirs)
    expected = [head.softmax(dim=1) for head in theirs(torch_copying.to_torch(image))]
    together = np.concatenate([torch_copying.to_numpy(head) for head in expected], axis=-1)
    assert_agree(network({"image": image})["heads"], together, "DAF3D, two classes", within=1e-4)


def test_parameters(ours, torch_daf3d, torch_daf3d_monai, torch_copying):
    assert ours.count_params() == 28_918_390
    assert torch_copying.parameters(torch_daf3d.DAF3D()) == 28_918_390
    assert torch_copying.parameters(torch_daf3d_monai.MonaiDAF3D()) == 28_918_390


@pytest.mark.parametrize("size", [(4, 9, 7), (6, 12, 24), (3, 7, 5), (11, 4, 1)])
def test_trilinear_resize(size, torch_daf3d, torch_copying):
    x, like = normal(2, 5, 7, 10, 3), normal(1, *size, 1)
    expected = torch_daf3d.resized(torch_copying.to_torch(x), torch_copying.to_torch(like))
    assert_agree(TrilinearResize()(x, like), torch_copying.to_numpy(expected), f"TrilinearResize to {size}")


@pytest.mark.parametrize(
    ("kernel", "how"),
    [(3, {}), (3, {"strides": (1, 2, 2)}), ((3, 5, 1), {"dilation_rate": (2, 1, 3)}), ((1, 3, 5), {"strides": 3})],
)
def test_grouped_conv3d(kernel, how, torch_copying):
    from torch import nn

    sizes, dilation = (kernel,) * 3 if isinstance(kernel, int) else kernel, how.get("dilation_rate", (1, 1, 1))
    padding = tuple(rate * (size // 2) for rate, size in zip(dilation, sizes, strict=True))
    x, ours = normal(2, 8, 9, 12, 8), GroupedConv3D(12, kernel, groups=4, **how)
    ours.build(x.shape)
    random_weights(ours)
    stride = how.get("strides", 1)
    theirs = nn.Conv3d(8, 12, sizes, stride=stride, padding=padding, dilation=dilation, groups=4, bias=False)
    torch_copying.copy_convolution(ours, theirs)
    expected = torch_copying.to_numpy(theirs(torch_copying.to_torch(x)))
    assert_agree(ours(x), expected, f"GroupedConv3D {kernel} {how}")
