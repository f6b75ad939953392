"""Muon on convolution kernels, against NumPy and Keras' Adam."""

import keras
import numpy as np
import pytest

from ifss_keras.training.muon import Muon, orthogonal


def newton_schulz(matrix):
    """The quintic iteration of Jordan et al. 2024."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / np.linalg.norm(x)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def variable(shape, name, rng):
    return keras.Variable(rng.normal(size=shape).astype(np.float32), name=name)


@pytest.mark.parametrize("shape", [(12, 10), (9, 30)])
def test_singular_values_come_near_one_and_the_directions_stay(shape):
    matrix = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    found = keras.ops.convert_to_numpy(orthogonal(keras.ops.convert_to_tensor(matrix)))
    inner = left.T @ found @ right.T
    assert 0.6 < np.diag(inner).min() < np.diag(inner).max() < 1.3
    np.testing.assert_allclose(inner, np.diag(np.diag(inner)), atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 2, 5, 7, 11), (1, 1, 1, 8, 9), (12, 10)])
def test_two_steps_on_a_kernel_are_numpys(shape):
    rng = np.random.default_rng(0)
    weights = variable(shape, "kernel", rng)
    expected, momentum = weights.numpy().reshape(-1, shape[-1]).astype(np.float64), 0.0
    rows, columns = expected.shape
    optimizer = Muon(0.01)
    for _ in range(2):
        gradient = rng.normal(size=shape).astype(np.float32)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weights])
        flat = gradient.reshape(rows, columns)
        momentum = 0.95 * momentum + flat
        expected -= 0.01 * 0.2 * np.sqrt(max(rows, columns)) * newton_schulz(flat + 0.95 * momentum)
    np.testing.assert_allclose(weights.numpy().reshape(rows, columns), expected, atol=1e-4)


OTHERS = [((9,), "bias"), ((3, 3, 16, 4), "few"), ((3, 2, 9), "thin"), ((3, 3, 8, 8), "depthwise"), ((9, 8), "head")]


@pytest.mark.parametrize(("shape", "name"), OTHERS)
def test_other_weights_follow_adam_at_their_share_of_the_rate(shape, name):
    rng = np.random.default_rng(1)
    ours = variable(shape, name, rng)
    plain = keras.Variable(ours.numpy(), name="plain")
    muon, adam = Muon(0.03, adam_share=1 / 3), keras.optimizers.Adam(0.01)
    for _ in range(3):
        gradient = keras.ops.convert_to_tensor(rng.normal(size=shape).astype(np.float32))
        muon.apply([gradient], [ours])
        adam.apply([gradient], [plain])
    np.testing.assert_allclose(ours.numpy(), plain.numpy(), atol=1e-6)


def test_it_is_rebuilt_from_its_config():
    optimizer = Muon(0.02, momentum=0.9, adam_share=0.5, weight_decay=0.01, global_clipnorm=2.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is Muon
    assert again.get_config() == optimizer.get_config()
