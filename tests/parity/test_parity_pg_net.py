"""The encoder of PGNet, and GlobalMatching, against PyTorch's layers."""

import keras
import pytest

from ifss_keras.layers import GlobalMatching
from ifss_keras.zoo.networks import pg_net
from tests.layer_checks import normal, random_weights
from tests.parity.agreement import assert_agree

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("size", [(64, 96), (36, 44)])
def test_encoder(size, torch_pg_net, torch_copying):
    widths, blocks = (6, 8, 8, 10), (2, 1, 3, 1)
    parts = [keras.Input((2, *size, 1)) for _ in range(2)]
    ours = random_weights(keras.Model(parts, pg_net._Encoder(widths, blocks)(*parts)))
    theirs = torch_pg_net.Encoder(widths, blocks)
    torch_pg_net.copy_encoder({layer.name: layer for layer in ours.layers}, theirs)
    image, mask = normal(2, 2, *size, 1), normal(2, 2, *size, 1, seed=1)
    expected = theirs(torch_copying.to_torch(image), torch_copying.to_torch(mask))
    for stage, (found, wanted) in enumerate(zip(ours([image, mask]), expected, strict=True), start=1):
        assert_agree(found, torch_copying.to_numpy(wanted), f"PGNet, stage {stage} of {size}")
    torch_copying.assert_every_weight_matters(theirs, expected)


@pytest.mark.parametrize(("kernel", "depth_kernel"), [(7, 3), (5, 1)])
def test_global_matching(kernel, depth_kernel, torch_pg_net, torch_copying):
    x, ours = normal(2, 4, 9, 12, 6), GlobalMatching(5, kernel=kernel, depth_kernel=depth_kernel)
    ours.build(x.shape)
    theirs = torch_pg_net.Matching(6, 5, kernel, depth_kernel)
    torch_pg_net.copy_matching(random_weights(ours), theirs)
    expected = theirs(torch_copying.to_torch(x))
    assert_agree(ours(x), torch_copying.to_numpy(expected), f"GlobalMatching {kernel} {depth_kernel}")
    torch_copying.assert_every_weight_matters(theirs, [expected])
