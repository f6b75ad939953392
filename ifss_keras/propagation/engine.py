"""What runs a network's part of a propagation: NumPy in, NumPy out, whatever computes in between.

An engine is anything with the attributes and methods of `Engine`. `KerasEngine` runs any network on Keras' backend and
is the definition; `propagation.openvino_engine` runs what was exported of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars, check_slots
from ifss_keras.propagation.settings import FLOW, Flow

TOGETHER = 16  # slices that are looked at together, at most
Arrays = Mapping[str, np.ndarray]


class Engine(Protocol):
    """A network ready to propagate.

    Attributes:
        window: slices that it sees at once.
        lanes: threads that may call it at once.
        at_once: ways through spans that each is best given together.
        memory_shapes: {name: shape} of what it hands from window to window, see `PropagatingModel`.
        looks: whether the images of slices are looked at one by one, before the mask is known.
        looks_up: whether it wants exemplars.
    """

    window: int
    lanes: int
    at_once: int
    memory_shapes: Mapping[str, tuple[int, ...]]
    looks: bool
    looks_up: bool

    def remember(self, exemplars: Exemplars) -> Arrays:
        """What it keeps of annotated slices (slot, row, column, 1); no batch in what comes out."""

    def look(self, image: np.ndarray, remembered: Arrays) -> Arrays:
        """What the images of slices (slice, row, column, 1) tell, {name: (slice, ...)}."""

    def start(self, evidence: Evidence) -> np.ndarray:
        """The estimates of a way's first slices (window - 1, row, column, 1) before any window, from their evidence."""

    def step(
        self, evidence: Evidence, estimates: np.ndarray, memory: Arrays, seen: Arrays
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        """One window of each way, see `propagation.step`; everything has the batch in front.

        Args:
            evidence: (batch, window, row, column, 1).
            estimates: (batch, window - 1, row, column, 1).
            memory: as `memory_shapes`.
            seen: what `look` tells of the window's slices, or what is remembered where it does not look.

        Returns:
            The muscle's probability (batch, window, row, column); estimates and memory for the next window.
        """


class KerasEngine:
    """A `PropagatingModel`, or anything with its `window`, `initial_memory`, `remember`, `halves` and call.

    Its functions are compiled once, where the backend can.

    Raises:
        InputError: see `check_slots`.
    """

    lanes, at_once = 1, 8

    def __init__(self, network, flow: Flow = FLOW):
        from keras import backend, ops

        from ifss_keras.propagation.step import PropagationState, initial_state, step

        check_slots(network)
        self.network = network
        self.window = network.window
        self.traces = 0  # of the step: a graph that is made anew costs seconds
        self.memory_shapes = {name: tuple(part.shape[1:]) for name, part in network.initial_memory(1).items()}
        self.looks_up = hasattr(network, "remember")
        halves = network.halves()
        self.looks = halves is not None

        def one_step(evidence, estimates, memory, seen):
            self.traces += 1

            def whole(inputs):
                return halves.carry(inputs | seen, training=False) if halves else network(inputs | seen, training=False)

            probabilities, state = step(whole, evidence, PropagationState(estimates, memory), flow)
            return {"muscle": probabilities[..., 0], "estimates": state.estimates, "memory": state.memory}

        def look(image, remembered):
            return halves.look({"image": image[:, None]} | remembered, training=False)

        self.functions = {
            "remember": lambda exemplars: network.remember(*exemplars),
            "look": look,
            "start": lambda evidence: {"estimates": initial_state(evidence, network.window, {}).estimates},
            "step": one_step,
        }
        if backend.backend() == "jax" and _on_gpu():
            self.lanes, self.at_once = 3, 16  # the processor prepares spans in several threads while the GPU works
        batches = {"step": self.at_once, "look": TOGETHER, "start": 1, "remember": 1}
        self._run = {
            name: _compiled(function, backend.backend(), batches[name]) for name, function in self.functions.items()
        }
        if backend.backend() == "jax":  # which takes arrays, and gives them
            self._tensors = self._arrays = np.asarray
        else:
            self._tensors, self._arrays = ops.convert_to_tensor, ops.convert_to_numpy

    def _call(self, name, **arguments):
        return mapped(self._arrays, self._run[name](mapped(self._tensors, arguments)))

    def remember(self, exemplars: Exemplars) -> Arrays:
        """See `Engine`."""
        found = self._call("remember", exemplars=mapped(lambda part: part[None], exemplars))
        return {name: part[0] for name, part in found.items()}

    def look(self, image: np.ndarray, remembered: Arrays) -> Arrays:
        """See `Engine`."""
        spread = {name: np.broadcast_to(part, (len(image), *part.shape)) for name, part in remembered.items()}
        return {name: part[:, 0] for name, part in self._call("look", image=image, remembered=spread).items()}

    def start(self, evidence: Evidence) -> np.ndarray:
        """See `Engine`."""
        return self._call("start", evidence=mapped(lambda part: part[None], evidence))["estimates"][0]

    def step(self, evidence, estimates, memory, seen):
        """See `Engine`."""
        found = self._call("step", evidence=evidence, estimates=estimates, memory=memory, seen=seen)
        return found["muscle"], found["estimates"], found["memory"]


def mapped(function, held):
    """`function` of every array in nested dicts and named tuples, in order."""
    if isinstance(held, Mapping):
        return {name: mapped(function, part) for name, part in held.items()}
    if hasattr(held, "_fields"):
        return type(held)(*(mapped(function, part) for part in held))
    return function(held)


def named_leaves(held, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each of these arrays with its path, such as `evidence.image`, in the same order."""
    parts = held._asdict() if hasattr(held, "_fields") else held
    if not isinstance(parts, Mapping):
        yield name, held
        return
    for key, part in parts.items():
        yield from named_leaves(part, f"{name}.{key}" if name else key)


def _compiled(function, backend: str, most: int):
    """The function of named, batched tensors as a graph, where the backend has graphs; batches have up to `most`."""
    if backend == "jax":
        return _compiled_by_jax(function, most)
    if backend != "tensorflow":
        return lambda arguments: function(**arguments)
    import tensorflow as tf

    graphs = {}  # sizes without the batch: graph; a network with a size of its own has one

    def run(arguments):
        sizes = tuple(tuple(part.shape[1:]) for part in tf.nest.flatten(arguments))
        if sizes not in graphs:
            signature = tf.nest.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), arguments)
            graphs[sizes] = tf.function(
                lambda held: function(**held), input_signature=[signature], autograph=False, jit_compile=False
            )
        return graphs[sizes](arguments)

    return run


def _compiled_by_jax(function, most: int):
    """The same by XLA, which makes a program for each size: batches are filled up to the largest."""
    import jax

    program = jax.jit(lambda held: function(**held))

    def run(arguments):
        batch = len(jax.tree.leaves(arguments)[0])
        if batch < most:
            arguments = jax.tree.map(lambda x: np.pad(x, [(0, most - batch), *[(0, 0)] * (x.ndim - 1)]), arguments)
        return jax.tree.map(lambda x: x[:batch], jax.device_get(program(arguments)))

    return run


def _on_gpu() -> bool:
    import jax

    return jax.default_backend() != "cpu"
