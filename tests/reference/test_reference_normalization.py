"""The NumPy normalisations against closed forms."""

import numpy as np

from tests.reference.normalization import batch_norm, group_norm, slice_norm


def test_two_values_become_plus_and_minus_one_over_the_root():
    x = np.array([1.0, 5.0]).reshape(1, 2, 1)  # mean 3, variance 4
    y = group_norm(x, gamma=3.0, beta=0.5, epsilon=0.25).ravel()
    np.testing.assert_allclose(y, 0.5 + 3.0 * np.array([-2.0, 2.0]) / np.sqrt(4.25))


def test_each_group_has_the_mean_and_variance_that_epsilon_leaves():
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 5, 6))
    y = group_norm(x, 1.0, 0.0, groups=2, epsilon=0.1)
    for start in (0, 3):
        before = x[..., start : start + 3].var(axis=(1, 2, 3))
        after = y[..., start : start + 3]
        np.testing.assert_allclose(after.mean(axis=(1, 2, 3)), 0, atol=1e-12)
        np.testing.assert_allclose(after.var(axis=(1, 2, 3)), before / (before + 0.1))


def test_gamma_and_beta_belong_to_channels():
    x = np.random.default_rng(0).normal(size=(1, 4, 3))
    plain, gamma, beta = group_norm(x, 1.0, 0.0), np.array([2.0, 0.0, -1.0]), np.array([0.0, 7.0, 1.0])
    np.testing.assert_allclose(group_norm(x, gamma, beta), plain * gamma + beta)


def test_slices_of_any_brightness_normalise_alike():
    one = np.random.default_rng(0).normal(size=(1, 1, 3, 5, 2))
    y = slice_norm(np.concatenate([one, 40 * one + 7], axis=1), 1.0, 0.0, epsilon=0.0)
    np.testing.assert_allclose(y[:, 0], y[:, 1])


def test_channels_of_any_brightness_normalise_alike_on_their_own_only():
    one = np.random.default_rng(0).normal(size=(1, 2, 3, 5, 1))
    x = np.concatenate([one, 40 * one + 7], axis=-1)
    alone, jointly = (slice_norm(x, 1.0, 0.0, per_channel=each, epsilon=0.0) for each in (True, False))
    np.testing.assert_allclose(alone[..., 0], alone[..., 1])
    np.testing.assert_allclose(alone.std(axis=(2, 3)), 1)
    assert np.ptp(jointly[..., 0]) < 0.1 * np.ptp(jointly[..., 1])


def test_batch_norm_by_its_moving_statistics_gives_zero_and_one():
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 5, 4, 2))
    mean, variance = x.mean(axis=(0, 1, 2, 3)), x.var(axis=(0, 1, 2, 3))
    y = batch_norm(x, 1.0, 0.0, mean, variance, epsilon=0.0)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2, 3)), 1)
    # (7 - 1) / sqrt(3.75 + 0.25) = 3
    np.testing.assert_allclose(batch_norm(np.array([[7.0]]), 2.0, 0.5, 1.0, 3.75, epsilon=0.25), 6.5)
