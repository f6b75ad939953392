"""BidirectionalConvLSTM2D against a NumPy cell, random kernels and non-zero memory."""

import keras
import numpy as np
import pytest

from ifss_keras.layers import BidirectionalConvLSTM2D
from tests.layer_checks import arrays, check_layer, normal, random_weights, weights_of
from tests.reference.conv_lstm import run_both_ways, run_forward

TOLERANCE = 1e-5  # float32 against float64 over at most 7 steps

X = normal(2, 5, 3, 7, 2)
STATE = [normal(2, 3, 7, 4, seed=1), normal(2, 3, 7, 4, seed=2)]


def built(**arguments):
    layer = BidirectionalConvLSTM2D(4, **arguments)
    layer.build(X.shape)
    return random_weights(layer)


def reference_weights(layer):
    weights = weights_of(layer)
    return weights["kernel"], weights["recurrent_kernel"], weights["bias"]


@pytest.mark.parametrize("backward", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("state_after", [None, 1, 3, 5])
def test_values_from_a_memory_that_is_not_zero(backward, kernel_size, state_after):
    layer = built(backward=backward, kernel_size=kernel_size, state_after=state_after)
    outputs, memory = layer(X, initial_state=STATE)
    run = run_both_ways if backward else run_forward
    expected, states = run(X, STATE, *reference_weights(layer))
    np.testing.assert_allclose(outputs, expected, atol=TOLERANCE)
    for ours, theirs in zip(memory, states[(state_after or 5) - 1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


def test_forward_pass_is_that_of_keras_conv_lstm2d():
    layer = built()
    keras_layer = keras.layers.ConvLSTM2D(
        4, 3, padding="same", recurrent_activation="sigmoid", return_sequences=True, return_state=True
    )
    keras_layer.build(X.shape)
    keras_layer.set_weights(layer.get_weights())
    _, *theirs = keras_layer(X, initial_state=STATE)
    for a, b in zip(layer(X, initial_state=STATE)[1], theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=TOLERANCE)


def test_without_memory_it_starts_at_zero():
    layer = built()
    zero = layer.initial_state(X)
    assert [np.shape(part) for part in zero] == [(2, 3, 7, 4)] * 2
    assert not np.any(arrays(zero))
    for a, b in zip(arrays(layer(X)), arrays(layer(X, initial_state=zero)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_reversed_slices_give_reversed_outputs():
    layer = built()
    np.testing.assert_allclose(layer(X[:, ::-1])[0], np.asarray(layer(X)[0])[:, ::-1], atol=1e-6)


def test_memory_carried_window_by_window_equals_one_pass_over_all_slices():
    layer = built(state_after=1)
    x = normal(2, 7, 3, 7, 2, seed=3)
    ahead, states = run_forward(x, STATE, *reference_weights(layer))
    memory = STATE
    for first in range(7 - 3 + 1):
        outputs, memory = layer(x[:, first : first + 3], initial_state=memory)
        for ours, theirs in zip(memory, states[first], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)
        window, _ = run_both_ways(
            x[:, first : first + 3], states[first - 1] if first else STATE, *reference_weights(layer)
        )
        np.testing.assert_allclose(outputs, window, atol=TOLERANCE)
    np.testing.assert_allclose(memory[0], ahead[:, 4], atol=TOLERANCE)


def test_the_memory_of_a_prefix_does_not_see_the_slices_behind_it():
    layer, changed = built(state_after=2), X.copy()
    changed[:, 2:] += 5
    for a, b in zip(layer(X, STATE)[1], layer(changed, STATE)[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_at_a_time_equals_the_batch():
    layer = built()
    together = arrays(layer(X, initial_state=STATE))
    for index in range(2):
        one = slice(index, index + 1)
        alone = arrays(layer(X[one], initial_state=[part[one] for part in STATE]))
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_allclose(a[0], b[index], atol=1e-6)


def test_forget_gate_starts_open():
    layer = BidirectionalConvLSTM2D(3)
    layer.build((1, 2, 5, 7, 2))
    np.testing.assert_array_equal(layer.bias, [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])


def test_dropout_acts_on_the_inputs_in_training_only():
    layer = built(dropout=0.999999)
    nothing = arrays(layer(0 * X, initial_state=STATE))
    for a, b in zip(arrays(layer(X, initial_state=STATE, training=True)), nothing, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(arrays(layer(X, initial_state=STATE))[0], nothing[0], atol=1e-3)


def test_layer_contract():
    check_layer(
        BidirectionalConvLSTM2D,
        {"filters": 4, "kernel_size": 5, "state_after": 2, "backward": False, "dropout": 0.3},
        inputs=[X, STATE],
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 0}, "kernel_size must be one positive integer, .* received 0"),
        ({"kernel_size": (3, 3)}, r"kernel_size must be one positive integer, .* received \(3, 3\)"),
        ({"kernel_size": 3.0}, "kernel_size must be .* received 3.0"),
        ({"kernel_size": True}, "kernel_size must be .* received True"),
        ({"state_after": 0}, "state_after must be a positive number of slices or None, received 0"),
        ({"state_after": -1}, "state_after must be .* received -1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        BidirectionalConvLSTM2D(4, **arguments)


def test_a_memory_after_more_slices_than_there_are_is_refused():
    layer = BidirectionalConvLSTM2D(4, state_after=6)
    message = "state_after must be at most the number of slices, received 6 for 5 slices"
    with pytest.raises(ValueError, match=message):
        layer(X)
    with pytest.raises(ValueError, match=message):
        layer.compute_output_shape(X.shape)
