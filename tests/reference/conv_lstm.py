"""A convolutional LSTM in NumPy, channels last, gates in the order i, f, g, o."""

import numpy as np

from tests.reference.convolution import convolve


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def cell_step(x, hidden, cell, kernel, recurrent_kernel, bias):
    """The next (hidden, cell) from one slice x (batch, row, column, channel)."""
    i, f, g, o = np.split(convolve(x, kernel, bias) + convolve(hidden, recurrent_kernel), 4, axis=-1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def zero_state(x, filters):
    """(hidden, cell) of zeros for x (batch, slice, row, column, channel)."""
    zero = np.zeros((len(x), *x.shape[2:-1], filters))
    return zero, zero


def run_forward(x, state, *weights):
    """Hidden states (batch, slice, row, column, filters), and the list of (hidden, cell) after each slice."""
    states = []
    for index in range(x.shape[1]):
        state = cell_step(x[:, index], *state, *weights)
        states.append(state)
    return np.stack([hidden for hidden, _ in states], axis=1), states


def run_both_ways(x, state, *weights):
    """Forward from `state` plus backward from zero with the same weights, and the forward states."""
    ahead, states = run_forward(x, state, *weights)
    behind, _ = run_forward(x[:, ::-1], zero_state(x, state[0].shape[-1]), *weights)
    return ahead + behind[:, ::-1], states
