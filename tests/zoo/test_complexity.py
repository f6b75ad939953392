"""Multiply-adds against counts by hand."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import AtrousPyramid, BidirectionalConvLSTM2D, SeparableConv3D
from ifss_keras.zoo.complexity import multiply_adds
from ifss_keras.zoo.ifss_net import IFSSNet


def around(layer, *shape):
    """A network of one layer."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, keras.tree.flatten(layer(inputs))[0])


SINGLE = {
    "convolution": (keras.layers.Conv3D(5, (1, 3, 2), (1, 2, 1), padding="same"), (3, 5, 7, 2), 3 * 3 * 7 * 6 * 2 * 5),
    "convolution, valid": (keras.layers.Conv3D(5, (1, 3, 2)), (3, 5, 7, 2), 3 * 3 * 6 * 6 * 2 * 5),
    "channels first": (
        keras.layers.Conv3D(5, 1, data_format="channels_first"),
        (2, 3, 5, 7),
        3 * 5 * 7 * 2 * 5,
    ),
    "transposed, by its inputs": (
        keras.layers.Conv3DTranspose(5, 3, (1, 2, 2), padding="same"),
        (3, 5, 7, 2),
        3 * 5 * 7 * 27 * 2 * 5,
    ),
    "separable": (
        SeparableConv3D(5, (2, 3, 3), padding="same", depth_multiplier=4, dilation_rate=(1, 2, 2)),
        (3, 5, 7, 2),
        3 * 5 * 7 * (18 * 2 * 4 + 8 * 5),
    ),
    "separable with strides": (
        SeparableConv3D(5, 3, strides=2, padding="same"),
        (3, 5, 7, 2),
        2 * 3 * 4 * (27 * 2 + 2 * 5),
    ),
    "pyramid": (AtrousPyramid(5, rates=(1, 2)), (3, 5, 7, 2), 3 * 5 * 7 * (2 * 27 * 2 + 2 * 5)),
    "recurrence": (
        BidirectionalConvLSTM2D(3, kernel_size=5),
        (3, 5, 7, 2),
        3 * 5 * 7 * 25 * (2 + 3 + 3) * 12,
    ),
    "nothing to count": (keras.layers.GroupNormalization(1), (3, 5, 7, 2), 0),
}


@pytest.mark.parametrize(("layer", "shape", "expected"), SINGLE.values(), ids=SINGLE.keys())
def test_single_layers(layer, shape, expected):
    assert multiply_adds(around(layer, *shape)) == expected


def test_a_shared_layer_counts_as_often_as_it_is_called():
    first, second = keras.Input((3, 5, 7, 2)), keras.Input((3, 5, 7, 2))
    conv = keras.layers.Conv3D(2, 1)
    network = keras.Model([first, second], [conv(conv(first)), conv(second)])
    assert multiply_adds(network) == 3 * (3 * 5 * 7) * 2 * 2


def test_ifss_net_by_hand_and_its_graph_is_left_alone():
    network = IFSSNet(
        image_size=(8, 12), widths=(4, 6), rates=(1, 2), first_depth_multiplier=2, matching_kernel=5, head_width=3
    )
    full, half, quarter = 3 * 8 * 12, 3 * 4 * 6, 3 * 2 * 3
    # each of two branches: 27 taps on every depthwise output, then a product; two streams
    level_1 = 2 * full * (2 * 27 * 2 + 2 * 4)
    level_2 = 2 * half * (2 * 27 * 4 + 4 * 6)
    matching = quarter * (2 * (3 * 12 * 6 + 2 * 5 * 6 * 6) + 2 * 27 * 6 * 6)
    recurrence = quarter * 9 * (6 + 6 + 6) * 24
    up_1 = quarter * 27 * 6 * 4 + half * 27 * (4 * 4 + 4 * 4)
    up_2 = half * 27 * 4 * 3 + full * 27 * (2 * 3 + 3 * 3)
    head = full * 3 * 2
    before = [len(layer._inbound_nodes) for layer in network.layers]
    assert multiply_adds(network) == level_1 + level_2 + matching + recurrence + up_1 + up_2 + head
    assert [len(layer._inbound_nodes) for layer in network.layers] == before


def test_every_slice_costs_the_same():
    def cost(window):
        return multiply_adds(IFSSNet(image_size=(8, 12), widths=(4, 6), rates=(1, 2), window=window))

    assert np.ptp([cost(1), cost(2) / 2, cost(5) / 5]) == 0


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (keras.layers.Conv2D(5, 3), (5, 7, 2), r"no rule for Conv2D with kernels \['.*kernel'\]"),
        (keras.layers.Conv3D(5, 3), (None, 5, 7, 2), r"must have a known size, received \(None, 5, 7, 2\)"),
    ],
)
def test_what_cannot_be_counted_is_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        multiply_adds(around(layer, *shape))


def test_a_memory_costs_its_projections_its_comparisons_and_its_reading():
    arguments = {"image_size": (8, 12), "widths": (4, 6), "rates": (1, 2), "window": 3}
    with_memory = multiply_adds(IFSSNet(**arguments, memory_level=1, memory_slots=2))
    pixels, held, width, key = 3 * 4 * 6, 2 * 4 * 6, 4, 24
    own = (pixels + held) * width * key + pixels * held * (key + width) + pixels * width * width
    assert with_memory - multiply_adds(IFSSNet(**arguments)) == own
