"""The loss of a batch of clips, a pure function on `keras.ops`: any backend can train with it."""

from keras import ops, tree

from ifss_keras.losses.tversky import weighted_mean
from ifss_keras.propagation.unroll import initial_state, roll_out, unroll, windowed


def clip_start(clip, memory, window):
    """The state before a clip's first window: what the evidence says, or the clip's own start."""
    state = initial_state(windowed(clip.evidence, 0, window - 1), window, memory)
    estimates = ops.where(clip.has_start > 0, clip.start, state.estimates)
    return state._replace(estimates=estimates)


def rolled_out_start(network, clip, memory, window, windows, recurrent=True):
    """The state before the trained windows, and the number of the first of them.

    The windows before the last `windows` are run through without gradient.
    """
    count = ops.shape(clip.truth)[1] - (windows + window - 1)
    state = roll_out(network, clip.evidence, clip_start(clip, memory, window), count, window, recurrent)
    return tree.map_structure(ops.stop_gradient, state), count


def clip_loss(network, tversky, clip, state, start, *, window, windows, cross_entropy, recurrent=True):
    """Mean loss over the clip's windows (truncated back-propagation), and all probabilities.

    Args:
        network: from inputs to outputs, as in `propagation.unroll`.
        tversky: a `ParametricTverskyLoss`.
        clip: a batch of clips; targets and weights are per slice.
        state, start: the state before window number `start`.
        window: slices in a window.
        windows: windows to train on.
        cross_entropy: weight of the mean binary cross-entropy beside the Tversky loss.
        recurrent: see `propagation.unroll.step`.

    Returns:
        loss (scalar), muscle probabilities and truth, both (windows * batch, window, row, column), and their
        weights (windows * batch, window).
    """
    probabilities, _ = unroll(network, clip.evidence, state, start, windows, window, recurrent)
    probability = probabilities[..., 0]
    truth, weight = [], []
    for index in range(windows):
        at = start + index
        zero = ops.zeros_like(at) if ops.is_tensor(at) else 0
        shape = ops.shape(clip.truth)
        truth.append(ops.slice(clip.truth, (zero, at, zero, zero, zero), (shape[0], window, *shape[2:]))[..., 0])
        weight.append(ops.slice(clip.weight, (zero, at), (shape[0], window)))
    truth, weight = ops.stack(truth), ops.stack(weight)
    probability, truth, weight = (ops.reshape(x, (-1, *x.shape[2:])) for x in (probability, truth, weight))
    loss = tversky(truth, probability, weight)
    if cross_entropy:
        loss = loss + cross_entropy * _cross_entropy(truth, probability, weight)
    return loss, probability, truth, weight


def _cross_entropy(truth, probability, weight):
    clipped = ops.clip(probability, 1e-6, 1 - 1e-6)
    pixelwise = -(truth * ops.log(clipped) + (1 - truth) * ops.log(1 - clipped))
    return weighted_mean(ops.mean(pixelwise, axis=(-2, -1)), weight)
