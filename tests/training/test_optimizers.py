"""Optimizers of recipes: their rates step by step, and their steps on a quadratic against NumPy."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest

from ifss_keras.training.optimizers import is_kernel, l2_penalty, optimizer_of, schedule_of
from ifss_keras.training.parts import Optimizer

START = np.array([2.0, -3.0, 5.0])
CURVATURE = np.array([1.0, 0.5, 0.25])


def rates(settings, epochs, steps_per_epoch):
    schedule = schedule_of(settings, epochs, steps_per_epoch)
    return [float(schedule(step)) for step in range(epochs * steps_per_epoch // settings.accumulate)]


def steps(settings, gradients, epochs=1):
    """The weights after each batch, whose gradient is that of a quadratic times a factor."""
    weights = keras.Variable(START.astype(np.float32), name="kernel")
    optimizer, found = optimizer_of(settings, epochs, len(gradients) // epochs), []
    for factor in gradients:
        gradient = keras.ops.convert_to_tensor((factor * CURVATURE * weights.numpy()).astype(np.float32))
        optimizer.apply([gradient], [weights])
        found.append(weights.numpy())
    return np.array(found)


def test_steps_warm_up_and_drop_at_the_beginning_of_their_epochs():
    settings = Optimizer(learning_rate=0.5, schedule="steps", warmup_steps=4, drops=(3, 4), factor=0.1)
    expected = [0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005]
    assert rates(settings, 4, 3) == pytest.approx(expected)


def test_a_constant_rate_stays_and_ignores_the_drops():
    assert rates(Optimizer(learning_rate=0.5, schedule="constant", warmup_steps=0, drops=(2,)), 2, 2) == [0.5] * 4


def test_the_cosine_falls_to_a_hundredth_with_a_warm_up_and_without():
    assert rates(Optimizer(learning_rate=1.0, warmup_steps=0), 1, 4)[0] == 1.0
    settings = Optimizer(learning_rate=1.0, warmup_steps=2)
    cosine = [0.01 + 0.99 * (1 + np.cos(np.pi * part / 4)) / 2 for part in range(4)]
    assert rates(settings, 2, 3) == pytest.approx([0, 0.5, *cosine], abs=1e-6)
    assert float(schedule_of(settings, 2, 3)(6)) == pytest.approx(0.01, rel=1e-4)


def test_drops_count_steps_of_the_weights_where_several_batches_make_one():
    # 3 epochs of 5 batches, two to a step: steps end in batches 1, 3 | 5, 7, 9 | 11, 13, counted from 0
    settings = Optimizer(learning_rate=1.0, schedule="steps", warmup_steps=0, drops=(2, 3), factor=0.5, accumulate=2)
    assert rates(settings, 3, 5) == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    optimizer, found = optimizer_of(settings, 3, 5), []
    weights = keras.Variable(np.zeros(2, np.float32))
    for batch in range(15):
        before = weights.numpy().sum()
        if batch % 2:
            found.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.ones(2)], [weights])
        assert (weights.numpy().sum() != before) == bool(batch % 2)
    assert found == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


@dataclass
class Adam:
    """In double precision."""

    first: np.ndarray = 0.0
    second: np.ndarray = 0.0
    count: int = 0

    def step(self, gradient, rate):
        self.count += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        first, second = self.first / (1 - 0.9**self.count), self.second / (1 - 0.999**self.count)
        return rate * first / (np.sqrt(second) + 1e-7)


@dataclass
class Nesterov:
    """In double precision."""

    velocity: np.ndarray = 0.0

    def step(self, gradient, rate):
        self.velocity = 0.9 * self.velocity - rate * gradient
        return -(0.9 * self.velocity - rate * gradient)


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("clip_norm", [None, 0.75])
@pytest.mark.parametrize(("kind", "rule"), [("adamw", Adam), ("adam", Adam), ("sgd", Nesterov), ("muon", Adam)])
def test_steps_on_a_quadratic_are_numpys(kind, rule, clip_norm, accumulate):
    factors, rule, decay = [1.0, 0.5, 3.0, 2.0, 0.25, 1.5], rule(), 0.05
    settings = {"weight_decay": decay, "clip_norm": clip_norm, "schedule": "steps", "drops": (2,), "factor": 0.5}
    settings = Optimizer(kind=kind, learning_rate=0.2, warmup_steps=0, accumulate=accumulate, **settings)
    found = steps(settings, factors, epochs=2)
    weights, gathered, share = START, [], 1 / 3 if kind == "muon" else 1.0
    for batch, factor in enumerate(factors):
        gathered.append(factor * CURVATURE * weights)
        if len(gathered) == accumulate:
            gradient, gathered = np.mean(gathered, axis=0), []
            if clip_norm:
                gradient = gradient * min(1, clip_norm / np.linalg.norm(gradient))
            rate = 0.2 if batch < 3 else 0.1
            weights = weights * (1 - rate * decay)  # decoupled, before the step
            weights = weights - rule.step(gradient, rate * share)
        np.testing.assert_allclose(found[batch], weights, rtol=2e-5, atol=1e-5)
    assert len(np.unique(found[:, 0])) == 6 // accumulate + (accumulate > 1), "as many steps as there should be"


def test_an_optimizer_is_rebuilt_from_its_config():
    settings = Optimizer(kind="muon", schedule="steps", drops=(2,), accumulate=2, clip_norm=None)
    optimizer = optimizer_of(settings, 3, 5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert [float(again._learning_rate(step)) for step in (0, 300)] == [
        float(optimizer._learning_rate(step)) for step in (0, 300)
    ]


def test_the_penalty_is_that_of_the_kernels_which_are_trained(tiny_network):
    network = tiny_network(3)
    kernels = [weight for weight in network.trainable_weights if is_kernel(weight)]
    left = {weight.path.rpartition("/")[2] for weight in network.trainable_weights if not is_kernel(weight)}
    assert left <= {"bias", "gamma", "beta", "log_sharpness", "log_reach"}
    assert len({weight.path.rpartition("/")[2] for weight in kernels}) > 1
    expected = sum(float((weight.numpy().astype(np.float64) ** 2).sum()) for weight in kernels)
    assert float(l2_penalty(network)) == pytest.approx(expected, rel=1e-5)
    network.get_layer("head").trainable = False
    head = float((network.get_layer("head").kernel.numpy() ** 2).sum())
    assert head > 0
    assert float(l2_penalty(network)) == pytest.approx(expected - head, rel=1e-4)
