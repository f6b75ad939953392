"""Soft masks for the slices of one span, at working size, by a network whose step is compiled once."""

from __future__ import annotations

import numpy as np
from keras import backend, ops

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars
from ifss_keras.propagation.settings import FLOW, Flow
from ifss_keras.propagation.step import PropagationState, initial_state, step


class SpanRunner:
    """A network with its propagation step compiled once, for its lifetime; keeps nothing between spans.

    Args:
        network: a `PropagatingModel` or anything with its `window`, `initial_memory`, `remember` and call.
        flow: what is handed from window to window.
    """

    def __init__(self, network, flow: Flow = FLOW):
        self.network = network
        self.flow = flow
        self.window = network.window
        self.traces = 0  # of the step: a graph that is made anew costs seconds
        self._step = _compiled(self._one_step)
        self._remember = _compiled(lambda *exemplars: network.remember(*exemplars))

    def _one_step(self, evidence, state, remembered):
        self.traces += 1
        return step(lambda inputs: self.network(inputs | remembered, training=False), evidence, state, self.flow)

    def run(
        self,
        evidence: Evidence,
        start: np.ndarray | None = None,
        exemplars: Exemplars | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The soft mask of every slice, and the last estimates.

        Every window of the evidence is run once; a slice's soft mask is the mean over the windows that hold
        it. Evidence of fewer slices than a window is continued with its last slice.

        Args:
            evidence: (batch, slice, row, column, 1).
            start: (batch, window - 1, row, column, 1), the estimates of the first slices; None: from the
                evidence.
            exemplars: (batch, slot, row, column, 1), the annotated slices that a network with a memory looks up.

        Returns:
            (batch, slice, row, column) float32, and for each slice the estimate of the newest window that
            holds it, of the same shape.
        """
        slices = evidence.image.shape[1]
        missing = max(self.window - slices, 0)
        if missing:
            pad = ((0, 0), (0, missing), (0, 0), (0, 0), (0, 0))
            evidence = Evidence(*(np.pad(part, pad, mode="edge") for part in evidence))
        state = self._start(evidence, start)
        remembered = self._remember(*(ops.convert_to_tensor(part) for part in exemplars)) if exemplars else {}
        total, newest = np.zeros((2, *evidence.image.shape[:-1]), np.float32)
        counts = np.zeros(evidence.image.shape[1], np.float32)
        for index in range(slices + missing - self.window + 1):
            part = slice(index, index + self.window)
            of_window = Evidence(*(ops.convert_to_tensor(item[:, part]) for item in evidence))
            probabilities, state = self._step(of_window, state, remembered)
            muscle = ops.convert_to_numpy(probabilities)[..., 0]
            total[:, part] += muscle
            newest[:, part] = muscle
            counts[part] += 1
        total /= counts[:, None, None]
        return total[:, :slices], newest[:, :slices]

    def _start(self, evidence: Evidence, start: np.ndarray | None) -> PropagationState:
        batch = evidence.image.shape[0]
        memory = self.network.initial_memory(batch)
        if start is not None:
            return PropagationState(ops.convert_to_tensor(start), memory)
        first = Evidence(*(ops.convert_to_tensor(item[:, : self.window - 1]) for item in evidence))
        return initial_state(first, self.window, memory)


def _compiled(function):
    """The function of batched tensors as a graph for batches of any size, where the backend has graphs."""
    if backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    graphs = {}  # sizes without the batch: graph; a network with a size of its own has one

    def run(*arguments):
        sizes = tuple(tuple(part.shape[1:]) for part in tf.nest.flatten(arguments))
        if sizes not in graphs:
            signature = tf.nest.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), arguments)
            graphs[sizes] = tf.function(function, input_signature=signature, autograph=False, jit_compile=False)
        return graphs[sizes](*arguments)

    return run


def both_directions(
    runner: SpanRunner, evidence: Evidence, exemplars: Exemplars | None = None, towards_end: np.ndarray | None = None
) -> np.ndarray:
    """Soft masks of a span between two references, (slice, row, column).

    The span is run forwards and backwards, as a batch of two; each direction counts in proportion to how
    near its starting reference is, so that reversing the slices reverses the result.

    Args:
        runner: of the network.
        evidence: (slice, row, column, 1), its first and last slices references.
        exemplars: (slot, row, column, 1), the references, for a network with a memory.
        towards_end: (slice,), how far of the way each slice lies, from 0 to 1; None: evenly.
    """
    pair = Evidence(*(np.stack([part, part[::-1]]) for part in evidence))
    if exemplars is not None:
        exemplars = Exemplars(*(np.stack([part, part]) for part in exemplars))
    soft, _ = runner.run(pair, exemplars=exemplars)
    forward, backward = soft[0], soft[1, ::-1]
    if towards_end is None:
        towards_end = np.linspace(0, 1, len(forward))
    towards_end = towards_end.astype(np.float32)[:, None, None]
    return (1 - towards_end) * forward + towards_end * backward


def forwards(runner: SpanRunner, evidence: Evidence, exemplars: Exemplars | None = None) -> np.ndarray:
    """Soft masks of a span from its first slice on alone, (slice, row, column); arguments as in `both_directions`."""
    if exemplars is not None:
        exemplars = Exemplars(*(part[None] for part in exemplars))
    soft, _ = runner.run(Evidence(*(part[None] for part in evidence)), exemplars=exemplars)
    return soft[0]
