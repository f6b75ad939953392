"""Multiply-adds of small networks of the zoo against counts by hand from their descriptions."""

import pytest

from ifss_keras.zoo.complexity import multiply_adds
from ifss_keras.zoo.networks.daf3d import DAF3D
from ifss_keras.zoo.networks.ifss_net_original import IFSSNetOriginal
from ifss_keras.zoo.networks.pg_net import PGNet
from ifss_keras.zoo.networks.seg_net_fs import SegNetFS
from ifss_keras.zoo.networks.spatio_temporal_unet import SpatioTemporalUNet
from ifss_keras.zoo.networks.unet3d import UNet3D
from ifss_keras.zoo.networks.vnet import VNet


def test_unet3d():
    network = UNet3D(image_size=(8, 12), slices=4, channels=2, classes=3, widths=(2, 3))
    full, half = 4 * 8 * 12, 2 * 4 * 6
    down = full * 27 * (2 * 2 + 2 * 4) + half * 27 * (4 * 3 + 3 * 6)
    up = half * 8 * 6 * 6 + full * 27 * ((4 + 6) * 4 + 4 * 4)
    assert multiply_adds(network) == down + up + full * 4 * 3


@pytest.mark.parametrize("prelu", [True, False])
def test_vnet(prelu):
    network = VNet(
        image_size=(8, 12), slices=4, widths=(2, 3), convolutions=(1, 2), kernel=3, stride=(1, 2, 2), prelu=prelu
    )
    full, half = 4 * 8 * 12, 4 * 4 * 6
    down = full * 27 * 2 + half * 4 * 2 * 3 + half * 27 * 2 * 3 * 3
    up = half * 4 * 3 * 2 + full * 27 * 4 * 4
    assert multiply_adds(network) == down + up + full * 4 * 2


def test_daf3d():
    network = DAF3D(image_size=(16, 24), slices=8, classes=2)
    first, others = 4 * 4 * 6, 4 * 2 * 3  # pixels of the first stage and of the three others
    total = 8 * 8 * 12 * 343 * 64
    pixels, channels = first, 64
    for blocks, planes in ((3, 128), (4, 256), (6, 512), (3, 1024)):
        out = first if planes == 128 else others
        for block in range(blocks):
            total += pixels * channels * planes + out * (27 * planes // 32 * planes + planes * 2 * planes)
            total += out * channels * 2 * planes if block == 0 else 0
            pixels, channels = out, 2 * planes
        total += out * channels * 128
    stack = 2 * 27 * 64 * 64  # behind the pointwise convolution
    total += first * (512 * 64 + stack)
    total += first * 4 * 2 * (192 * 64 + stack)
    total += first * (256 * 64 + 4 * 27 * 64 * 64 + 256 * 64)
    total += first * 2 * (4 * 128 + 4 * 64 + 64)
    assert multiply_adds(network) == total


def test_ifss_net_original():
    network = IFSSNetOriginal(image_size=(32, 64), widths=(5, 5, 5, 10, 10), decoder_widths=(4, 3, 3, 2, 2, 2))
    pixels = [3 * 32 * 64 // 4**level for level in range(6)]
    total = 0
    for level, (before, width) in enumerate(((1, 5), (5, 5), (5, 5), (5, 10), (10, 10))):
        branch = width * width // 5
        pyramid = pixels[level + 1] * (1 + 3 * 27) * branch + 3 * branch
        total += 2 * (pixels[level] * 27 * before * width + pyramid)

    def fused(level, channels, filters):
        return pixels[level] * 27 * channels * filters + 3 * 2 * filters * filters

    total += fused(5, 10 + 10, 10) + pixels[5] * (10 + 10 + 10) * 40
    for level, before, width, skip in ((5, 10, 4, 10), (4, 4, 3, 10), (3, 3, 3, 5), (2, 3, 2, 5), (1, 2, 2, 5)):
        total += pixels[level] * 27 * (before * width + width * width) + fused(level, width + skip, width)
    total += pixels[0] * (27 * 2 * 2 + 2 * 2 + 2 * 2)
    assert multiply_adds(network) == total


def test_seg_net_fs():
    network = SegNetFS(image_size=(8, 12), widths=(4, 6), rates=(1, 2), first_depth_multiplier=2, head_width=3)
    full, half, quarter = 3 * 8 * 12, 3 * 4 * 6, 3 * 2 * 3
    encoder = full * (2 * 27 * 2 + 2 * 4) + half * (2 * 27 * 4 + 4 * 6)
    recurrence = quarter * 9 * (6 + 6 + 6) * 24
    up_1 = quarter * 27 * 6 * 4 + half * 27 * (4 * 4 + 4 * 4)
    up_2 = half * 27 * 4 * 3 + full * 27 * (1 * 3 + 3 * 3)
    assert multiply_adds(network) == encoder + recurrence + up_1 + up_2 + full * 3 * 2


def test_pg_net():
    network = PGNet(image_size=(32, 64), widths=(2, 3, 4, 5), matching_kernel=5, refine_width=3)
    halves = [32 * 64 // 4**level for level in range(6)]
    encoder = halves[1] * 49 * 2 * 2 + halves[2] * 9 * 2 * 2 * 2
    for level, before, width in ((3, 2, 3), (4, 3, 4), (5, 4, 5)):
        encoder += halves[level] * (9 * before * width + 9 * width * width + before * width)
    matching = halves[5] * (2 * (10 * 3 + 2 * 5 * 3 * 3) + 2 * 9 * 3 * 3)
    refinement = sum(halves[level] * 9 * (skip * 3 + 4 * 3 * 3) for level, skip in ((4, 4), (3, 3), (2, 2)))
    # the annotated slices are encoded by `remember`, not in the call
    assert multiply_adds(network) == 2 * (encoder + matching + refinement + halves[2] * 9 * 3 * 2)


def test_spatio_temporal_unet():
    network = SpatioTemporalUNet(image_size=(8, 12), slices=3, widths=(2, 4), recurrent=2, recurrent_kernel=5)
    full, half = 3 * 8 * 12, 3 * 4 * 6

    def block(before, width):
        return 9 * before + before * width + 9 * width + width * width + before * width

    encoder = full * block(1, 2) + half * block(2, 4) + 2 * half * 25 * (4 + 4) * 16
    decoders = full * (block(4 + 2, 2) + 2 * 2) + full * (block(4, 2) + 2 * 1)
    assert multiply_adds(network) == encoder + decoders


def test_plain_spatio_temporal_unet():
    network = SpatioTemporalUNet(
        image_size=(8, 12), slices=3, widths=(2, 4), separable=False, reconstruct=False, recurrent=0
    )
    full, half = 3 * 8 * 12, 3 * 4 * 6
    encoder = full * 9 * (1 * 2 + 2 * 2) + half * 9 * (2 * 4 + 4 * 4)
    assert multiply_adds(network) == encoder + full * (9 * ((4 + 2) * 2 + 2 * 2) + 2 * 2)


def test_a_network_of_unknown_size_is_refused():
    with pytest.raises(
        ValueError, match=r"inputs of down_0_1_conv must have a known size, received \(None, 8, 12, 1\)"
    ):
        multiply_adds(UNet3D(image_size=(8, 12), widths=(2, 3)))


def test_counting_leaves_the_graph_with_its_operations_alone():
    network = SegNetFS(image_size=(8, 12), widths=(4, 6), rates=(1, 2))
    before = [len(operation._inbound_nodes) for operation in network.operations]
    assert len(before) > len(network.layers)
    multiply_adds(network)
    assert [len(operation._inbound_nodes) for operation in network.operations] == before
