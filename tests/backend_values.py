"""Outputs of all layers and of every network of the zoo from one file of inputs, on the current Keras backend.

`KERAS_BACKEND=jax python -m tests.backend_values IN.npz OUT.npz` computes them in a process of their own.
"""

import sys
from contextlib import contextmanager
from unittest import mock

import keras
import numpy as np

from ifss_keras.layers import (
    AtrousPyramid,
    BidirectionalConvLSTM2D,
    CrossCorrelation,
    EncoderLevel,
    FeatureFusion,
    GlobalMatching,
    GroupedConv3D,
    ImagePooledPyramid,
    ReferenceMemory,
    Refinement,
    SeparableConv3D,
    SliceNormalization,
    TrilinearResize,
)
from ifss_keras.zoo.catalogue import network_class
from tests.layer_checks import arrays, normal, random_weights
from tests.zoo.models import CASES, SMALL

STATE = (2, 6, 10, 4)


def cases():
    """{name: (layer or network, shapes of its inputs, function that calls it with them)}."""

    def plain(layer, inputs):
        return layer(*inputs)

    def recurrent(layer, inputs):
        return layer(inputs[0], initial_state=list(inputs[1:]))

    def network(layer, inputs):
        return layer(dict(zip(layer.input, inputs, strict=True)))

    x = (2, 5, 6, 10, 3)
    networks = {f"{name}_{number}": network_class(name)(**SMALL[name][number]) for name, number in CASES}
    return {
        "separable": (SeparableConv3D(4, 3, padding="same", depth_multiplier=2), [x], plain),
        "separable_dilated": (SeparableConv3D(4, 3, padding="same", dilation_rate=(2, 1, 3)), [x], plain),
        "separable_strided": (SeparableConv3D(4, (3, 2, 3), strides=2, padding="same"), [x], plain),
        "separable_valid": (SeparableConv3D(4, (2, 3, 4), strides=2, activation="relu"), [x], plain),
        "separable_first": (SeparableConv3D(4, 2, data_format="channels_first"), [x], plain),
        "pyramid": (AtrousPyramid(7, rates=(1, 2, 5)), [x], plain),
        "norm": (SliceNormalization(), [x], plain),
        "norm_per_channel": (SliceNormalization(per_channel=True), [x], plain),
        "separable_one_channel": (SeparableConv3D(4, 3, padding="same", depth_multiplier=2), [(2, 5, 6, 10, 1)], plain),
        "encoder": (EncoderLevel(5, rates=(1, 3), depth_kernel=2, depth_multiplier=2), [x], plain),
        "matching": (GlobalMatching(4, kernel=5), [x], plain),
        "memory": (ReferenceMemory(key_width=6), [x, x, (2, 2, 6, 10, 3), (2, 2, 6, 10, 3), (2, 2)], plain),
        "refinement": (Refinement(4), [(2, 5, 6, 10, 4), x], plain),
        "recurrence_forward": (BidirectionalConvLSTM2D(4, backward=False), [x, STATE, STATE], recurrent),
        "recurrence": (BidirectionalConvLSTM2D(4, state_after=2), [x, STATE, STATE], recurrent),
        "grouped": (GroupedConv3D(6, (3, 1, 5), groups=3, strides=(1, 2, 2)), [x], plain),
        "grouped_dilated": (GroupedConv3D(6, 3, groups=3, dilation_rate=(1, 2, 3)), [x], plain),
        "resize_finer": (TrilinearResize(), [x, (2, 7, 11, 13, 1)], plain),
        "resize_coarser": (TrilinearResize(), [x, (2, 2, 5, 3, 1)], plain),
        "fusion": (FeatureFusion(4), [x, (2, 5, 6, 10, 2)], plain),
        "image_pooled": (ImagePooledPyramid(3, rates=(1, 3)), [x], plain),
        "correlation": (CrossCorrelation(4, reach=2), [x, x], plain),
    } | {
        name: (held, [(2, *tensor.shape[1:]) for tensor in held.input.values()], network)
        for name, held in networks.items()
    }


@contextmanager
def zero_initializers():
    """Layers are built with zeros: JAX compiles the drawing anew for every shape, which takes most of the time."""

    def zeros(_, shape, dtype=None, **how):
        return np.zeros(shape, dtype or "float32")

    random = (keras.initializers.VarianceScaling, keras.initializers.Orthogonal)
    with mock.patch.object(random[0], "__call__", zeros), mock.patch.object(random[1], "__call__", zeros):
        yield


def built_cases():
    """`cases()` with all weights created, of value zero or one."""
    with zero_initializers():
        built = cases()
        for layer, shapes, call in built.values():
            call(layer, [keras.KerasTensor(shape) for shape in shapes])
    return built


def draw():
    """Random inputs and weights for every case, as a flat dict of arrays."""
    saved = {}
    for case, (layer, shapes, _) in built_cases().items():
        inputs = [normal(*shape, seed=seed) for seed, shape in enumerate(shapes)]
        weights = random_weights(layer).get_weights()
        saved.update({f"{case}/input/{index}": array for index, array in enumerate(inputs)})
        saved.update({f"{case}/weight/{index}": array for index, array in enumerate(weights)})
    return saved


def compute(saved):
    """Outputs of every case, as a flat dict of arrays, from inputs and weights as `draw` gives them."""

    def read(prefix):
        return [saved[f"{prefix}/{index}"] for index in range(sum(key.startswith(f"{prefix}/") for key in saved))]

    found = {}
    for case, (layer, _, call) in built_cases().items():
        layer.set_weights(read(f"{case}/weight"))
        outputs = arrays(compiled(layer, call)(read(f"{case}/input")))
        found.update({f"{case}/{index}": array for index, array in enumerate(outputs)})
    return found


def compiled(layer, call):
    """A function of the inputs; on JAX compiled as a whole, which is faster than operation by operation."""
    if keras.backend.backend() != "jax":
        return lambda inputs: call(layer, inputs)
    import jax

    return jax.jit(lambda inputs: call(layer, inputs))


if __name__ == "__main__":
    with np.load(sys.argv[1]) as file:
        outputs = compute(dict(file))
    np.savez(sys.argv[2], backend=keras.backend.backend(), **outputs)
