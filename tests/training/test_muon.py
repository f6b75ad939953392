"""Muon on convolution kernels, against NumPy."""

import keras
import numpy as np
import pytest

from ifss_keras.training.muon import ConvolutionMuon


def orthogonal(matrix, steps=5):
    """The quintic Newton-Schulz iteration of Jordan et al. 2024."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def variable(shape, name, rng):
    return keras.Variable(rng.normal(size=shape).astype(np.float32), name=name)


@pytest.mark.parametrize("shape", [(3, 2, 5, 7, 11), (1, 1, 1, 8, 9), (12, 10)])
def test_two_steps_on_a_kernel_are_numpys(shape):
    rng = np.random.default_rng(0)
    weights = variable(shape, "kernel", rng)
    expected, momentum = weights.numpy().reshape(-1, shape[-1]).astype(np.float64), 0.0
    rows, columns = expected.shape
    optimizer = ConvolutionMuon(0.01, weight_decay=None, rms_rate=0.2)
    for _ in range(2):
        gradient = rng.normal(size=shape).astype(np.float32)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weights])
        flat = gradient.reshape(rows, columns)
        momentum = 0.95 * momentum + flat
        expected -= 0.01 * 0.2 * np.sqrt(max(rows, columns)) * orthogonal(flat + 0.95 * momentum)
    np.testing.assert_allclose(weights.numpy().reshape(rows, columns), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((9,), "bias"),
        ((3, 3, 16, 4), "few_outputs"),
        ((3, 2, 9), "few_inputs"),
        ((3, 3, 8, 8), "depthwise"),
        ((9, 8), "head"),
    ],
)
def test_other_weights_follow_adam_at_their_share_of_the_rate(shape, name):
    rng = np.random.default_rng(1)
    ours = variable(shape, name, rng)
    plain = keras.Variable(ours.numpy(), name="plain")
    muon = ConvolutionMuon(0.03, weight_decay=None, adam_weight_decay=None, adam_lr_ratio=1 / 3)
    adam = keras.optimizers.Adam(0.01)
    for _ in range(3):
        gradient = keras.ops.convert_to_tensor(rng.normal(size=shape).astype(np.float32))
        muon.apply([gradient], [ours])
        adam.apply([gradient], [plain])
    np.testing.assert_allclose(ours.numpy(), plain.numpy(), atol=1e-6)


def test_it_is_rebuilt_from_its_config():
    optimizer = ConvolutionMuon(0.02, momentum=0.9, adam_lr_ratio=0.5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is ConvolutionMuon
    assert again.get_config() == optimizer.get_config()
