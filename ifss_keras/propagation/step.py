"""One window after another through a volume: the only definition, for training and for prediction.

The mask channel of a slice is its annotation on a reference; the mean of anchor and estimate between
references; the estimate elsewhere. A slice that enters the window takes the anchor as its estimate, or where
there is none the estimate of the slice before. `network` is any callable from a dict of image, mask and its memory
to a dict of probabilities and its memory, as a `PropagatingModel` is.
"""

from typing import Any, NamedTuple

from keras import ops

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.settings import FLOW


class PropagationState(NamedTuple):
    """A value: made by `initial_state`, passed in, returned anew.

    Attributes:
        estimates: (batch, window - 1, row, column, 1), in [0, 1]: the muscle in the slices that the next
            window shares with the last one.
        memory: {name: tensor}, what the network hands on of the slices before those, see `PropagatingModel`.
    """

    estimates: Any
    memory: Any


def windowed(evidence, start, window):
    """The evidence for `window` slices from slice `start` on; `start` may be a tensor."""
    return Evidence(*(_slices(part, start, window) for part in evidence))


def _slices(x, start, count):
    shape = ops.shape(x)
    zero = ops.zeros_like(start) if ops.is_tensor(start) else 0
    return ops.slice(x, (zero, start, zero, zero, zero), (shape[0], count, *shape[2:]))


def entering_estimate(evidence, last):
    """The estimate of a slice never seen: annotation, anchor, or the estimate of the slice before.

    Args:
        evidence: of one slice, (batch, 1, row, column, 1).
        last: (batch, 1, row, column, 1).
    """
    guess = either(evidence.has_anchor, evidence.anchor, last)
    return either(evidence.is_reference, evidence.annotation, guess)


def initial_state(evidence, window, memory):
    """The state before the first window of `evidence`, from its first `window` - 1 slices.

    Args:
        evidence: batched; its first slice should be a reference or have an anchor, or nothing is known of it.
        window: slices in a window, at least 2.
        memory: the network's, {name: tensor}; zero at a reference.
    """
    estimates = [entering_estimate(windowed(evidence, 0, 1), ops.zeros_like(evidence.image[:, :1]))]
    for index in range(1, window - 1):
        estimates.append(entering_estimate(windowed(evidence, index, 1), estimates[-1]))
    return PropagationState(ops.concatenate(estimates, axis=1), memory)


def mask_channel(evidence, estimates):
    """The mask channel of a window, (batch, window, row, column, 1)."""
    guess = either(evidence.has_anchor, (evidence.anchor + estimates) / 2, estimates)
    return either(evidence.is_reference, evidence.annotation, guess)


def either(flag, where_one, where_zero):
    """One or the other by a flag of each slice that is 0 or 1, (batch, slice, row, column, 1)."""
    shape = ops.shape(where_zero)
    one, zero, flag = (ops.reshape(part, (shape[0], shape[1], -1)) for part in (where_one, where_zero, flag))
    return ops.reshape(ops.where(flag > 0, one, zero), shape)  # broadcast along a last axis of 1 it would be slow


def step(network, evidence, state, flow=FLOW, channel=mask_channel):
    """One window: the probabilities (batch, window, row, column, 2) and the next window's state.

    Args:
        network: see above.
        evidence: of the window's slices, batched.
        state: what `initial_state` or the step before returned.
        flow: what is handed on, see `Flow`.
        channel: from evidence and estimates to the mask channel; training may show the estimates otherwise.
    """
    memory = state.memory
    if not (flow.recurrent and flow.carry_memory):
        memory = {name: ops.zeros_like(part) for name, part in memory.items()}
    if not flow.recurrent:
        window = evidence.image.shape[1]
        state = initial_state(windowed(evidence, 0, window - 1), window, memory)
    newest = Evidence(*(part[:, -1:] for part in evidence))
    entering = entering_estimate(newest, state.estimates[:, -1:])
    estimates = ops.concatenate([state.estimates, entering], axis=1)
    outputs = network({"image": evidence.image, "mask": channel(evidence, estimates), **memory})
    probabilities = outputs["probabilities"]
    estimates = either(evidence.is_reference, evidence.annotation, probabilities[..., :1])
    return probabilities, PropagationState(estimates[:, 1:], {name: outputs[name] for name in state.memory})


def roll_out(network, evidence, state, count, window, flow=FLOW):
    """The state after `count` windows from slice 0 on; nothing else is kept.

    Args:
        network: see above.
        evidence: batched, at least `count` + `window` - 1 slices.
        state: the state before the first window.
        count: may be a tensor, and may be 0.
        window: slices in a window.
        flow: see `step`.
    """

    def body(index, state):
        return step(network, windowed(evidence, index, window), PropagationState(*state), flow)[1]

    return PropagationState(*ops.fori_loop(0, count, body, state))


def unroll(network, evidence, state, start, count, window, flow=FLOW, channels=None):
    """The probabilities of `count` windows from slice `start` on, and the state after them.

    Args:
        network, evidence, window, flow: as in `roll_out`.
        state: the state before window number `start`.
        start: may be a tensor.
        count: at least 1, not a tensor.
        channels: from the number of a window to what `step` takes as `channel`; None: as in prediction.

    Returns:
        (window number, batch, window, row, column, 2), and a `PropagationState`.
    """
    outputs = []
    for index in range(count):
        channel = channels(index) if channels else mask_channel
        probabilities, state = step(network, windowed(evidence, start + index, window), state, flow, channel)
        outputs.append(probabilities)
    return ops.stack(outputs), state
