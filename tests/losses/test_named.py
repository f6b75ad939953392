"""Losses by name, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses import LOSSES, NamedLoss, ParametricTverskyLoss

SHAPE = (2, 3, 5, 7)
RNG = np.random.default_rng(3)
TRUTH = (RNG.random(SHAPE) > 0.6).astype(np.float32)
FOUND = RNG.uniform(0.05, 0.95, SHAPE).astype(np.float32)
WEIGHTS = np.array([[1.0, 0.0, 0.5], [0.25, 1.0, 0.0]], np.float32)
SMOOTH = 2.0


def loss_of(terms, weights=WEIGHTS, **settings):
    loss = NamedLoss(terms, smooth=SMOOTH, **settings)
    return float(loss(*map(tf.constant, (TRUTH, FOUND, weights))))


def per_slice(value):
    """The mean of value(truth, probability) of every slice, by weight."""
    values = [[value(TRUTH[b, s], FOUND[b, s]) for s in range(SHAPE[1])] for b in range(SHAPE[0])]
    return np.average(values, weights=WEIGHTS)


def tversky(t, p, alpha):
    hit, wrong, missed = (t * p).sum(), ((1 - t) * p).sum(), (t * (1 - p)).sum()
    return 1 - (hit + SMOOTH) / (hit + alpha * wrong + (1 - alpha) * missed + SMOOTH)


def of_examples(power):
    values = []
    for b in range(SHAPE[0]):
        w = WEIGHTS[b][:, None, None]
        below = (w * (TRUTH[b] ** power + FOUND[b] ** power)).sum()
        values.append(1 - (2 * (w * TRUTH[b] * FOUND[b]).sum() + SMOOTH) / (below + SMOOTH))
    return np.mean(values)


WANTED = {
    "parametric_tversky": per_slice(lambda t, p: tversky(t, p, 0.5)),
    "tversky": per_slice(lambda t, p: tversky(t, p, 0.2)),
    "dice": of_examples(1),
    "squared_dice": of_examples(2),
    "sequence_dice": per_slice(lambda t, p: 1 - (2 * (t * p).sum() + SMOOTH) / ((t**2 + p**2).sum() + SMOOTH)),
    "cross_entropy": per_slice(lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_the_numpy_one(name):
    assert loss_of({name: 1.0}, alpha=0.2) == pytest.approx(WANTED[name], rel=1e-5)
    assert loss_of({name: 1.0}, 0 * WEIGHTS) == 0


def test_all_of_them_differ():
    assert len({round(value, 4) for value in WANTED.values()}) == len(LOSSES)


def test_a_sum_has_the_weights_that_it_was_given():
    terms = {"dice": 0.5, "cross_entropy": 2.0, "tversky": 0.0}
    assert loss_of(terms) == pytest.approx(0.5 * WANTED["dice"] + 2 * WANTED["cross_entropy"], rel=1e-5)


def test_factors_of_regions_and_of_the_entropy():
    loss = NamedLoss({"dice": 1.0, "cross_entropy": 1.0}, smooth=SMOOTH)
    tensors = list(map(tf.constant, (TRUTH, FOUND, WEIGHTS)))
    assert float(loss(*tensors, region=0.25, entropy=0.0)) == pytest.approx(WANTED["dice"] / 4, rel=1e-5)
    assert float(loss(*tensors, region=0.0, entropy=3.0)) == pytest.approx(3 * WANTED["cross_entropy"], rel=1e-5)


@pytest.mark.parametrize("rule", ["reversal", "descent", "fixed"])
def test_the_learned_penalties_are_those_of_the_parametric_loss(rule):
    loss, alone = NamedLoss({"parametric_tversky": 1.0}, rule=rule, low=0.2, smooth=SMOOTH), None
    alone = ParametricTverskyLoss(rule=rule, low=0.2, smooth=SMOOTH)
    gradients = []
    for held, logits in ((loss, loss.tversky.logits), (alone, alone.logits)):
        with tf.GradientTape() as tape:
            tape.watch(logits.value)
            value = held(*map(tf.constant, (TRUTH, FOUND, WEIGHTS)))
        gradients.append(tape.gradient(value, logits.value))
    np.testing.assert_allclose(*gradients, rtol=1e-6)
    assert len(loss.trainable_variables) == (rule != "fixed")
    assert NamedLoss({"dice": 1.0}).tversky is None


def test_it_survives_its_config():
    loss = NamedLoss({"tversky": 1.0, "cross_entropy": 0.5}, alpha=0.3, smooth=4.0)
    assert NamedLoss.from_config(loss.get_config()).get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("terms", "settings", "said"),
    [
        ({}, {}, "a loss or more"),
        ({"dise": 1}, {}, "no loss 'dise': .*did you mean dice"),
        ({"dice": -1}, {}, "weight of dice must be 0 or more"),
        ({"dice": 1}, {"alpha": 2}, "alpha must lie from 0 to 1"),
        ({"dice": 1}, {"smooth": 0}, "smooth must be above 0"),
    ],
)
def test_what_it_cannot_be_is_refused(terms, settings, said):
    with pytest.raises(ValueError, match=said):
        NamedLoss(terms, **settings)
