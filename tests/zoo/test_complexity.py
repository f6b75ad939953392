"""Multiply-adds against counts by hand."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import (
    AtrousPyramid,
    BidirectionalConvLSTM2D,
    FeatureFusion,
    GroupedConv3D,
    ImagePooledPyramid,
    SeparableConv3D,
)
from ifss_keras.zoo.complexity import multiply_adds
from ifss_keras.zoo.networks.ifss_net import IFSSNet


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
    "grouped, padded alike on both sides": (
        GroupedConv3D(6, (1, 3, 3), groups=2, strides=(1, 2, 3)),
        (3, 5, 7, 4),
        3 * 3 * 3 * 9 * 2 * 6,
    ),
    "grouped, dilated": (GroupedConv3D(6, 3, groups=2, dilation_rate=2), (3, 5, 7, 4), 3 * 5 * 7 * 27 * 2 * 6),
    "grouped by keras": (keras.layers.Conv3D(6, 1, groups=2), (3, 5, 7, 4), 3 * 5 * 7 * 2 * 6),
    "image pooled": (
        ImagePooledPyramid(5, rates=(1, 2)),
        (3, 5, 7, 2),
        3 * 2 * 5 + 3 * 5 * 7 * (1 + 2 * 27) * 2 * 5,
    ),
    "one-way recurrence": (
        keras.layers.ConvLSTM2D(3, (3, 5), padding="same", return_sequences=True),
        (3, 5, 7, 2),
        3 * 5 * 7 * 15 * (2 + 3) * 12,
    ),
    "one-way recurrence, valid, its last slice": (
        keras.layers.ConvLSTM2D(3, (3, 5), strides=(1, 2), return_state=True),
        (3, 5, 7, 2),
        3 * 3 * 2 * 15 * (2 + 3) * 12,
    ),
    "one-way recurrence, channels first": (
        keras.layers.ConvLSTM2D(3, 3, padding="same", data_format="channels_first"),
        (3, 2, 5, 7),
        3 * 5 * 7 * 9 * (2 + 3) * 12,
    ),
    "slopes": (keras.layers.PReLU(shared_axes=[1, 2, 3]), (3, 5, 7, 2), 0),
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


def test_fusion_convolves_pixels_and_gates_slices():
    first, second = keras.Input((3, 5, 7, 2)), keras.Input((3, 5, 7, 4))
    network = keras.Model([first, second], FeatureFusion(5)(first, second))
    assert multiply_adds(network) == 3 * 5 * 7 * 27 * (2 + 4) * 5 + 3 * (5 * 5 + 5 * 5)


def test_operations_on_tensors_cost_nothing_and_hand_their_sizes_on():
    image = keras.Input((3, 5, 7, 2))
    x = keras.layers.Conv3D(4, 1)(inputs=keras.ops.pad(image, [(0, 0), (0, 0), (1, 1), (2, 2), (0, 0)]))
    x = keras.ops.concatenate([x, 1 - keras.ops.sigmoid(x)], axis=-1) * 2 + 1
    network = keras.Model(image, keras.layers.Conv3D(3, 1)(x[:, 1:]))
    assert multiply_adds(network) == 3 * 7 * 11 * 2 * 4 + 2 * 7 * 11 * 8 * 3


def test_a_compiled_network_counts_though_its_loss_cannot_be_copied():
    network = around(keras.layers.Conv3D(5, 1), 3, 5, 7, 2)
    network.compile(loss=lambda truth, found: keras.ops.mean(truth - found))
    assert multiply_adds(network) == 3 * 5 * 7 * 2 * 5
    assert network.compiled


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


@pytest.mark.parametrize(
    ("product", "name"),
    [
        (keras.ops.matmul, "Matmul"),
        (lambda first, second: keras.ops.einsum("nsrci,nsrij->nsrcj", first, second), "Einsum"),
        (keras.layers.Dot(-1), "Dot"),
    ],
)
def test_products_of_tensors_are_refused_and_not_left_out(product, name):
    first, second = keras.Input((3, 5, 7, 7)), keras.Input((3, 5, 7, 7))
    outputs = product([first, second]) if name == "Dot" else product(first, second)
    with pytest.raises(ValueError, match=rf"no rule for {name}\."):
        multiply_adds(keras.Model([first, second], outputs))


def test_a_memory_costs_its_projections_its_comparisons_and_its_reading():
    arguments = {"image_size": (8, 12), "widths": (4, 6), "rates": (1, 2), "window": 3}
    with_memory = multiply_adds(IFSSNet(**arguments, memory_level=1, memory_slots=2))
    pixels, held, width, key = 3 * 4 * 6, 2 * 4 * 6, 4, 24
    own = (pixels + held) * width * key + pixels * held * (key + width) + pixels * width * width
    assert with_memory - multiply_adds(IFSSNet(**arguments)) == own
