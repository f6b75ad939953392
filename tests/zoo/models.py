"""A small instance of every network of the zoo, every argument away from its default."""

import functools

import keras
import numpy as np

from ifss_keras.zoo.catalogue import network_class
from tests.layer_checks import normal, random_weights

IFSS_NET = {
    "image_size": (8, 12),
    "widths": (5, 7),
    "rates": ((1, 3), (2, 1)),
    "first_depth_multiplier": 2,
    "encoder_depth_kernel": 2,
    "norm_per_channel": True,
    "head_width": 3,
    "encoder_dropout": 0.2,
    "memory_dropout": 0.3,
    "decoder_dropout": 0.25,
}
SMALL = {  # two sets where two arguments need each other's default
    "IFSSNet": (
        IFSS_NET | {"matching_kernel": 5, "window": 4, "temporal": "bidirectional", "fusion": "matching"}
        | {"memory_level": 1, "memory_slots": 3},
        IFSS_NET | {"matching_kernel": 5, "window": 10, "temporal": "forward", "fusion": "correlation"}
        | {"memory_level": 2, "memory_slots": 1},
        IFSS_NET | {"matching_kernel": 7, "window": 3, "temporal": "none", "fusion": "matching"}
        | {"memory_level": 0, "memory_slots": 2},
    ),
    "IFSSNetOriginal": (
        {"image_size": (8, 12), "window": 4, "widths": (6, 8), "decoder_widths": (5, 4, 3), "rates": ((2,), (1, 3)),
         "dropout": 0.2},
    ),
    "PGNet": (
        {"image_size": (16, 32), "window": 3, "widths": (4, 6, 5), "blocks": (1, 2, 1), "matching_kernel": 3,
         "refine_width": 5},
    ),
    "SegNetFS": (IFSS_NET | {"slices": 5, "classes": 3},),
    "UNet3D": (
        {"image_size": (8, 12), "slices": 5, "channels": 2, "classes": 3, "widths": (3, 4), "pool": (1, 2, 2),
         "normalize": False},
        {"image_size": (8, 12), "slices": 4, "channels": 1, "classes": 2, "widths": (2, 3, 2), "pool": (2, 2, 2),
         "normalize": True},
    ),
    "VNet": (
        {"image_size": (8, 12), "slices": 5, "channels": 2, "classes": 3, "widths": (4, 5), "convolutions": (2, 3),
         "kernel": 3, "stride": (1, 2, 2), "prelu": False},
        {"image_size": (8, 12), "slices": 4, "channels": 1, "classes": 2, "widths": (3, 4), "convolutions": (1, 2),
         "kernel": 5, "stride": (2, 2, 2), "prelu": True},
    ),
    "DAF3D": (
        {"image_size": (24, 40), "slices": 7, "classes": 3, "stem_width": 4, "planes": (4, 6, 4, 8),
         "blocks": (1, 2, 1, 1), "groups": 2, "joined_width": 6, "refined_width": 4, "rates": (1, 2)},
    ),
    "SpatioTemporalUNet": (
        {"image_size": (8, 12), "slices": 3, "classes": 3, "widths": (3, 4), "separable": False, "reconstruct": False,
         "recurrent": 1, "recurrent_kernel": 1},
        {"image_size": (8, 12), "slices": 5, "classes": 2, "widths": (3, 5, 4), "separable": True, "reconstruct": True,
         "recurrent": 2, "recurrent_kernel": 3},
    ),
}  # fmt: skip
CASES = [(name, number) for name, sets in SMALL.items() for number in range(len(sets))]


def small(name, number, seed=3):
    """The network with random weights, none of them zero or one."""
    return random_weights(network_class(name)(**SMALL[name][number]), seed=seed)


@functools.cache
def answered(name, number):
    """The same network, inputs for it and its outputs, made once; to look at and to copy, not to change."""
    network = small(name, number)
    inputs = random_inputs(network)
    return network, inputs, run(network, inputs)


def random_inputs(network, batch=2, seed=0):
    """Random values for every input by its name; sizes that are open are small."""
    inputs = {}
    for offset, (name, tensor) in enumerate(network.input.items()):
        shape = [size or least for size, least in zip(tensor.shape[1:], (4, 8, 12, 1), strict=False)]
        inputs[name] = normal(batch, *shape, seed=seed + offset)
    return inputs


def run(network, inputs, **kwargs):
    """Every output as an array, by its name."""
    return {name: keras.ops.convert_to_numpy(value) for name, value in network(inputs, **kwargs).items()}


def truth_for(network, outputs, seed=5):
    """Random classes, one at every voxel, (batch, slice, row, column, class)."""
    shape = outputs["probabilities"].shape
    rng = np.random.default_rng(seed)
    return np.eye(shape[-1], dtype=np.float32)[rng.integers(0, shape[-1], shape[:-1])]
