"""The loss of a batch of clips: pure functions on `keras.ops`.

A clip's last `windows` windows are trained on; the windows before them are run through without gradient.
"""

from keras import ops, tree

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.step import initial_state, roll_out, unroll, windowed


def clip_start(clip, memory, window):
    """The state before a clip's first window: what the evidence says, or the clip's own start."""
    state = initial_state(windowed(clip.evidence, 0, window - 1), window, memory)
    estimates = ops.where(clip.has_start > 0, clip.start, state.estimates)
    return state._replace(estimates=estimates)


def rolled_out_start(network, clip, memory, window, windows, recurrent=True):
    """The state before the first trained window, without gradient.

    Args:
        network: from inputs to outputs, as in `propagation.step`.
        clip: a batch of clips.
        memory: the network's at a reference, {name: tensor}.
        window: slices in a window.
        windows: trained windows.
        recurrent: see `propagation.step.step`.
    """
    count = ops.shape(clip.truth)[1] - _trained_slices(window, windows)
    state = roll_out(network, clip.evidence, clip_start(clip, memory, window), count, window, recurrent)
    return tree.map_structure(ops.stop_gradient, state)


def trained_probability(network, clip, state, window, windows, recurrent=True):
    """The muscle's probability in the trained windows, (window number * batch, window, row, column).

    Args:
        network, clip, window, windows, recurrent: as in `rolled_out_start`.
        state: what it returned.
    """
    last = Evidence(*(part[:, -_trained_slices(window, windows) :] for part in clip.evidence))
    probabilities, _ = unroll(network, last, state, 0, windows, window, recurrent)
    return ops.reshape(probabilities[..., 0], (-1, *probabilities.shape[2:-1]))


def trained_truth(clip, window, windows):
    """What `trained_probability` should be, in its shape, and the weight of every slice in it."""
    truth, weight = (part[:, -_trained_slices(window, windows) :] for part in (clip.truth[..., 0], clip.weight))
    return tuple(
        ops.concatenate([part[:, index : index + window] for index in range(windows)]) for part in (truth, weight)
    )


def _trained_slices(window, windows):
    return windows + window - 1
