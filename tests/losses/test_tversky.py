"""The parametric Tversky loss: values, and what its two rules do to the penalties."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses import ParametricTverskyLoss, tversky_index
from ifss_keras.losses.tversky import WithinLimits

SHAPE = (2, 3, 5, 7)  # batch, slice, row, column


def numpy_index(truth, probability, alpha, beta, smooth):
    """Slice by slice, as equation 3 is printed for binary y."""
    index = np.zeros(truth.shape[:2])
    for batch, number in np.ndindex(index.shape):
        y, p = truth[batch, number].ravel(), probability[batch, number].ravel()
        hit = sum(a * b for a, b in zip(y, p, strict=True))
        false_positive = sum((1 - a) * b for a, b in zip(y, p, strict=True))
        false_negative = sum(a * (1 - b) for a, b in zip(y, p, strict=True))
        index[batch, number] = (hit + smooth) / (hit + alpha * false_positive + beta * false_negative + smooth)
    return index


@pytest.fixture
def pair():
    """Truth and probability, one slice of the truth empty, one full."""
    rng = np.random.default_rng(3)
    truth = (rng.random(SHAPE) < 0.4).astype(np.float32)
    truth[0, 1], truth[1, 2] = 0, 1
    return truth, rng.random(SHAPE, dtype=np.float32)


@pytest.mark.parametrize(("alpha", "beta", "smooth"), [(0.5, 0.5, 1.0), (0.3, 0.7, 0.25), (0.9, 0.1, 2.0)])
def test_index_is_the_numpy_one(pair, alpha, beta, smooth):
    index = keras.ops.convert_to_numpy(tversky_index(*pair, alpha, beta, smooth))
    np.testing.assert_allclose(index, numpy_index(*pair, alpha, beta, smooth), rtol=1e-5)


def test_loss_is_the_weighted_mean_over_slices(pair):
    loss = ParametricTverskyLoss(rule="fixed")
    weights = np.array([[0.0, 1.0, 2.0], [0.5, 0.0, 1.0]], np.float32)
    expected = np.average(1 - numpy_index(*pair, 0.5, 0.5, 1.0), weights=weights)
    assert float(loss(*pair, weights)) == pytest.approx(expected, rel=1e-5)


def test_learned_penalties_weigh_the_two_errors(pair):
    loss = ParametricTverskyLoss()
    loss.logits.assign([0.4, 0.1])
    alpha = 1 / (1 + np.exp(-0.3))
    np.testing.assert_allclose(loss.penalties(), [alpha, 1 - alpha], rtol=1e-6)
    expected = 1 - numpy_index(*pair, alpha, 1 - alpha, 1.0).mean()
    assert float(loss(*pair, np.ones((2, 3), np.float32))) == pytest.approx(expected, rel=1e-5)


def test_smooth_is_added_on_both_sides(pair):
    loss = ParametricTverskyLoss(rule="fixed", smooth=20.0)
    expected = 1 - numpy_index(*pair, 0.5, 0.5, 20.0).mean()
    assert float(loss(*pair, np.ones((2, 3), np.float32))) == pytest.approx(expected, rel=1e-5)


def test_empty_slices_have_their_closed_form():
    truth = np.zeros((1, 2, 5, 7), np.float32)
    probability = truth.copy()
    probability[0, 1, :2, :3] = 0.5  # 3 false positives in all
    index = keras.ops.convert_to_numpy(tversky_index(truth, probability, 0.5, 0.5))
    np.testing.assert_allclose(index, [[1, 1 / (1 + 0.5 * 3)]], rtol=1e-6)


def test_perfect_slices_lose_nothing(pair):
    loss = ParametricTverskyLoss()
    assert float(loss(pair[0], pair[0], np.ones((2, 3), np.float32))) == pytest.approx(0, abs=1e-6)


def test_slices_of_weight_zero_do_not_count(pair):
    loss, weights = ParametricTverskyLoss(), np.ones((2, 3), np.float32)
    weights[1, 1] = 0
    changed = pair[1].copy()
    changed[1, 1] = 1 - changed[1, 1]
    assert float(loss(*pair, weights)) == float(loss(pair[0], changed, weights))
    assert float(loss(*pair, np.zeros((2, 3), np.float32))) == 0


def gradients(loss, truth, probability):
    """The loss and its gradients with respect to logits and probability."""
    probability = tf.constant(probability)
    with tf.GradientTape() as tape:
        tape.watch(probability)
        value = loss(truth, probability, np.ones(truth.shape[:2], np.float32))
    return float(value), *tape.gradient(value, [loss.logits.value, probability])


def test_reversal_changes_the_sign_of_the_logits_gradient_and_nothing_else(pair):
    results = {}
    for rule in ("reversal", "descent"):
        loss = ParametricTverskyLoss(rule=rule)
        loss.logits.assign([0.25, -0.125])
        results[rule] = (*gradients(loss, *pair), [float(part) for part in loss.penalties()])
    assert results["reversal"][0] == results["descent"][0]
    assert results["reversal"][3] == results["descent"][3]
    assert np.abs(results["descent"][1]).min() > 1e-4
    np.testing.assert_array_equal(results["reversal"][1], -results["descent"][1])
    np.testing.assert_array_equal(results["reversal"][2], results["descent"][2])


def biased_pair(false_positives, false_negatives):
    """One slice of 8x8 with 20 hits and the given number of wrong pixels."""
    truth, probability = np.zeros((2, 64), np.float32)
    truth[:20], probability[:20] = 1, 1
    probability[20 : 20 + false_positives] = 1
    truth[40 : 40 + false_negatives] = 1
    return (part.reshape(1, 1, 8, 8) for part in (truth, probability))


def alphas(rule, truth, probability, steps=300):
    """alpha before and after every one of `steps` steps of the logits alone."""
    loss, optimizer = ParametricTverskyLoss(rule=rule), keras.optimizers.Adam(0.02)
    optimizer.build(loss.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(truth, probability, np.ones((1, 1), np.float32))
        optimizer.apply(tape.gradient(value, [loss.logits.value]), loss.trainable_variables)
        return loss.penalties()[0]

    return np.array([0.5] + [float(step()) for _ in range(steps)])


def test_descent_drifts_to_the_smaller_error():
    path = alphas("descent", *biased_pair(12, 3))
    assert (np.diff(path) < 0).all()
    assert path[-1] < 0.05


@pytest.mark.parametrize(("errors", "end"), [((12, 3), 0.7), ((3, 12), 0.3)])
def test_reversal_moves_weight_to_the_larger_error_up_to_the_limit(errors, end):
    path = alphas("reversal", *biased_pair(*errors))
    assert (np.sign(np.diff(path[:10])) == np.sign(end - 0.5)).all()
    assert path.min() >= 0.3 - 1e-6
    assert path.max() <= 0.7 + 1e-6
    assert path[-1] == pytest.approx(end, abs=1e-5)


def test_fixed_penalties_stay_and_have_no_trainable_weight():
    loss = ParametricTverskyLoss(rule="fixed")
    assert loss.trainable_variables == []
    assert [float(part) for part in loss.penalties()] == [0.5, 0.5]


def errors_after_training(rule, steps=100):
    """False positives and false negatives of a predictor with one bias, trained with the loss, biased at first."""
    rng = np.random.default_rng(5)
    score = tf.constant(rng.normal(0, 1, (1, 1, 30, 30)), tf.float32)
    truth = tf.cast(score - 0.8 + rng.normal(0, 1, score.shape) > 0, tf.float32)
    loss, optimizer = ParametricTverskyLoss(rule=rule), keras.optimizers.SGD(1.0)
    bias = keras.Variable(np.float32(1.5))
    optimizer.build([bias, loss.logits])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            probability = tf.sigmoid(3 * (score + bias.value))
            value = loss(truth, probability, tf.ones((1, 1)))
        optimizer.apply(tape.gradient(value, [bias.value, loss.logits.value]), [bias, loss.logits])
        return tf.reduce_sum((1 - truth) * probability), tf.reduce_sum(truth * (1 - probability))

    for _ in range(steps):
        errors = step()
    return [float(error) for error in errors]


def test_reversal_balances_the_errors_of_a_predictor_and_descent_does_not():
    false_positive, false_negative = errors_after_training("reversal")
    assert false_positive == pytest.approx(false_negative, rel=0.02)
    false_positive, false_negative = errors_after_training("descent")
    assert false_positive > 50 * false_negative


@pytest.mark.parametrize("low", [0.3, 0.1, 0.5])
def test_limits_have_their_closed_form(low):
    limit = WithinLimits(low)
    reach = np.log((1 - low) / low)
    limited = keras.ops.convert_to_numpy(limit(np.array([9.0, 1.0], np.float32)))
    np.testing.assert_allclose(limited, [5 + reach / 2, 5 - reach / 2], rtol=1e-6)
    np.testing.assert_allclose(keras.ops.softmax(limited), [1 - low, low], rtol=1e-5)
    within = np.array([2 + 0.4 * reach, 2 - 0.4 * reach], np.float32)
    np.testing.assert_allclose(limit(within), within, rtol=1e-6)


def test_layer_and_limits_survive_serialisation():
    loss = ParametricTverskyLoss(rule="descent", low=0.2, smooth=3.0, name="penalty")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert (again.rule, again.low, again.smooth, again.name) == ("descent", 0.2, 3.0, "penalty")
    assert again.logits.constraint is None
    limit = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(WithinLimits(0.2)))
    assert isinstance(limit, WithinLimits)
    assert limit.low == 0.2


@pytest.mark.parametrize(
    ("arguments", "received"),
    [({"rule": "ascent"}, "ascent"), ({"low": 0}, "0"), ({"low": 0.6}, "0.6"), ({"smooth": 0}, "0")],
)
def test_arguments_out_of_range_are_refused(arguments, received):
    with pytest.raises(ValueError, match=f"received .?{received}"):
        ParametricTverskyLoss(**arguments)
