"""What a network answers for in a batch of clips: pure functions on `keras.ops`.

A clip's last `windows` windows are trained on; the windows before them are run through without gradient.
"""

from typing import NamedTuple

from keras import ops, tree

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.settings import FLOW
from ifss_keras.propagation.step import initial_state, roll_out, unroll


class Windows(NamedTuple):
    """The trained windows of a clip: `count`, of `size` slices, each `stride` slices after the one before."""

    count: int
    size: int
    stride: int

    @property
    def slices(self):
        """That they hold together."""
        return self.count * self.stride + self.size - self.stride


def clip_start(clip, memory):
    """The state before a clip's first window: what the evidence says, or the clip's own start."""
    state = initial_state(clip.evidence, clip.start.shape[1], memory)
    estimates = ops.where(clip.has_start > 0, clip.start, state.estimates)
    return state._replace(estimates=estimates)


def rolled_out(clip, windows):
    """How many windows of a clip lie before the trained ones; may be a tensor."""
    return (ops.shape(clip.truth)[1] - windows.slices) // windows.stride


def rolled_out_start(network, clip, memory, windows, flow=FLOW):
    """The state before the first trained window, without gradient.

    Args:
        network: from inputs to outputs, as in `propagation.step`.
        clip: a batch of clips.
        memory: the network's before the first window, {name: tensor}.
        windows: the trained ones.
        flow: see `propagation.step.step`.
    """
    count = rolled_out(clip, windows)
    state = roll_out(network, clip.evidence, clip_start(clip, memory), count, windows.size, flow)
    return tree.map_structure(ops.stop_gradient, state)


def trained_windows(network, clip, state, windows, flow=FLOW, channels=None):
    """The muscle's probability in the trained windows, (window number, batch, window, row, column), and the last state.

    Args:
        network, clip, windows, flow: as in `rolled_out_start`.
        state: what it returned.
        channels: see `propagation.step.unroll`.
    """
    last = Evidence(*(part[:, -windows.slices :] for part in clip.evidence))
    probabilities, state = unroll(network, last, state, 0, windows.count, windows.size, flow, channels)
    return probabilities[..., 0], state


def trained_truth(clip, windows):
    """What the probability in the trained windows should be, one after another, and the weight of every slice."""
    truth, weight = (part[:, -windows.slices :] for part in (clip.truth[..., 0], clip.weight))
    return tuple(one_after_another(in_windows(part, windows)) for part in (truth, weight))


def in_windows(values, windows):
    """(window number, batch, window, ...) of values (batch, trained slice, ...)."""
    return ops.stack(
        [values[:, first : first + windows.size] for first in range(0, windows.count * windows.stride, windows.stride)]
    )


def one_after_another(values):
    """(window number * batch, ...) of values (window number, batch, ...)."""
    return ops.concatenate([values[number] for number in range(values.shape[0])])
