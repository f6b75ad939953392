"""What a network answers for in a batch of clips: pure functions on `keras.ops`.

A clip's last `windows` windows are trained on; the windows before them are run through without gradient.
"""

from keras import ops, tree

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.settings import FLOW
from ifss_keras.propagation.step import initial_state, roll_out, unroll, windowed


def clip_start(clip, memory, window):
    """The state before a clip's first window: what the evidence says, or the clip's own start."""
    state = initial_state(windowed(clip.evidence, 0, window - 1), window, memory)
    estimates = ops.where(clip.has_start > 0, clip.start, state.estimates)
    return state._replace(estimates=estimates)


def rolled_out(clip, window, windows):
    """How many windows of a clip lie before the trained ones; may be a tensor."""
    return ops.shape(clip.truth)[1] - trained_slices(window, windows)


def rolled_out_start(network, clip, memory, window, windows, flow=FLOW):
    """The state before the first trained window, without gradient.

    Args:
        network: from inputs to outputs, as in `propagation.step`.
        clip: a batch of clips.
        memory: the network's before the first window, {name: tensor}.
        window: slices in a window.
        windows: trained windows.
        flow: see `propagation.step.step`.
    """
    count = rolled_out(clip, window, windows)
    state = roll_out(network, clip.evidence, clip_start(clip, memory, window), count, window, flow)
    return tree.map_structure(ops.stop_gradient, state)


def trained_windows(network, clip, state, window, windows, flow=FLOW, channels=None):
    """The muscle's probability in the trained windows, (window number, batch, window, row, column), and the last state.

    Args:
        network, clip, window, windows, flow: as in `rolled_out_start`.
        state: what it returned.
        channels: see `propagation.step.unroll`.
    """
    last = Evidence(*(part[:, -trained_slices(window, windows) :] for part in clip.evidence))
    probabilities, state = unroll(network, last, state, 0, windows, window, flow, channels)
    return probabilities[..., 0], state


def trained_truth(clip, window, windows):
    """What the probability in the trained windows should be, one after another, and the weight of every slice."""
    truth, weight = (part[:, -trained_slices(window, windows) :] for part in (clip.truth[..., 0], clip.weight))
    return tuple(one_after_another(in_windows(part, window, windows)) for part in (truth, weight))


def in_windows(values, window, windows):
    """(window number, batch, window, ...) of values (batch, trained slice, ...)."""
    return ops.stack([values[:, index : index + window] for index in range(windows)])


def one_after_another(values):
    """(window number * batch, ...) of values (window number, batch, ...)."""
    return ops.concatenate([values[number] for number in range(values.shape[0])])


def trained_slices(window, windows):
    """How many slices the trained windows hold."""
    return windows + window - 1
