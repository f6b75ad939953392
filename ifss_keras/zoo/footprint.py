"""How much memory a network asks for, found before any of it is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ifss_keras.core.memory import check_memory
from ifss_keras.zoo.catalogue import build_network

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Footprint:
    """What a network holds: `parameters`, and `activations`, the outputs of all its layers for one example."""

    parameters: int
    activations: int

    @property
    def weights_bytes(self) -> int:
        """Of the weights alone."""
        return _FLOAT_BYTES * self.parameters

    def training_bytes(self, examples: int) -> int:
        """At least what training takes: weights, gradients and two moments; half of the activations are kept."""
        return 4 * self.weights_bytes + examples * _FLOAT_BYTES * self.activations // 2


def footprint(name: str, arguments: Mapping[str, Any]) -> Footprint:
    """That of a network, whose graph is made without values.

    Raises:
        InputError: see `build_network`.
    """
    from ifss_keras.core.backend import start_backend

    start_backend()
    import keras

    with keras.StatelessScope(initialize_variables=False):
        network = build_network(name, arguments)
    outputs = (tensor for layer in network.layers for node in layer._inbound_nodes for tensor in node.output_tensors)
    return Footprint(
        parameters=sum(math.prod(weight.shape) for weight in network.weights),
        activations=sum(math.prod(side or 1 for side in tensor.shape) for tensor in outputs),
    )


def check_fits(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuses a network whose weights are larger than the memory.

    Raises:
        InputError: that, and see `build_network`.
    """
    check_memory(footprint(name, arguments).weights_bytes, f"The network {name} with these arguments")
