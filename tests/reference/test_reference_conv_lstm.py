"""The NumPy ConvLSTM against closed forms and against Keras's own layer."""

import keras
import numpy as np

from tests.reference.conv_lstm import run_both_ways, run_forward, sigmoid, zero_state


def draw(*shape, seed=0, scale=0.5):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def test_without_kernels_the_cell_is_a_geometric_series():
    # c <- f c + i g with constant gates: c after n steps is f^n c0 + i g (1 - f^n) / (1 - f)
    bias = np.array([0.3, 1.2, -0.7, 0.4])
    i, f, g, o = sigmoid(0.3), sigmoid(1.2), np.tanh(-0.7), sigmoid(0.4)
    x, start = draw(1, 4, 2, 3, 1), (draw(1, 2, 3, 1, seed=1), draw(1, 2, 3, 1, seed=2))
    hidden, states = run_forward(x, start, np.zeros((3, 3, 1, 4)), np.zeros((3, 3, 1, 4)), bias)
    for n, (_, cell) in enumerate(states, start=1):
        expected = f**n * start[1] + i * g * (1 - f**n) / (1 - f)
        np.testing.assert_allclose(cell, expected)
        np.testing.assert_allclose(hidden[:, n - 1], o * np.tanh(expected))


def test_forward_pass_equals_keras_conv_lstm2d():
    x = draw(2, 4, 5, 3, 2, scale=1.0)
    layer = keras.layers.ConvLSTM2D(
        3, (3, 5), padding="same", recurrent_activation="sigmoid", return_sequences=True, return_state=True
    )
    layer.build(x.shape)
    weights = [draw(3, 5, 2, 12, seed=1), draw(3, 5, 3, 12, seed=2), draw(12, seed=3)]
    layer.set_weights(weights)
    expected = layer(x.astype("float32"))
    hidden, states = run_forward(x, zero_state(x, 3), *weights)
    for ours, theirs in zip((hidden, *states[-1]), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_both_ways_over_a_single_slice_is_twice_the_forward_pass():
    x, weights = draw(1, 1, 3, 2, 2), (draw(3, 3, 2, 8, seed=1), draw(3, 3, 2, 8, seed=2), draw(8, seed=3))
    hidden, _ = run_forward(x, zero_state(x, 2), *weights)
    both, _ = run_both_ways(x, zero_state(x, 2), *weights)
    np.testing.assert_allclose(both, 2 * hidden)


def test_the_last_slice_sees_only_itself_backwards():
    x, weights = draw(1, 3, 3, 2, 2), (draw(3, 3, 2, 8, seed=1), draw(3, 3, 2, 8, seed=2), draw(8, seed=3))
    start = draw(1, 3, 2, 2, seed=4), draw(1, 3, 2, 2, seed=5)
    hidden, _ = run_forward(x, start, *weights)
    alone, _ = run_forward(x[:, -1:], zero_state(x, 2), *weights)
    both, _ = run_both_ways(x, start, *weights)
    np.testing.assert_allclose(both[:, -1], hidden[:, -1] + alone[:, 0])
