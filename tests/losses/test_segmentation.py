"""The loss of networks without references, against NumPy and closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses.segmentation import labels_only, segmentation_loss

SHAPE = (2, 3, 5, 7)


def one_hot(classes, seed=0):
    rng = np.random.default_rng(seed)
    return np.eye(classes, dtype=np.float32)[rng.integers(0, classes, SHAPE)]


def shares(classes, seed=1):
    values = np.random.default_rng(seed).random((*SHAPE, classes), dtype=np.float32) + 0.1
    return values / values.sum(axis=-1, keepdims=True)


def numpy_dice_loss(truth, probability):
    labels = max(truth.shape[-1] - 1, 1)
    dice = []
    for sample in range(len(truth)):
        for label in range(labels):
            t, p = np.float64(truth[sample, ..., label]), np.float64(probability[sample, ..., label])
            dice.append((2 * (t * p).sum() + 1) / ((t**2).sum() + (p**2).sum() + 1))
    return 1 - np.mean(dice)


def numpy_entropy(truth, probability):
    t, p = np.float64(truth), np.float64(probability)
    return np.mean(-(t * np.log(p) + (1 - t) * np.log(1 - p)))


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_dice_and_cross_entropy_of_the_probabilities(classes):
    truth, found = one_hot(max(classes, 2)), shares(max(classes, 2))
    outputs = {"probabilities": tf.constant(found[..., :classes])}
    wanted = numpy_dice_loss(truth[..., :classes], found[..., :classes])
    wanted += numpy_entropy(truth[..., :classes], found[..., :classes])
    assert float(segmentation_loss(outputs, None, truth)) == pytest.approx(wanted, rel=1e-5)


def test_a_perfect_answer_costs_nothing_and_an_absent_class_is_no_fault():
    truth = np.zeros((*SHAPE, 3), np.float32)
    truth[..., 2] = 1
    assert float(segmentation_loss({"probabilities": tf.constant(truth)}, None, truth)) == pytest.approx(0, abs=1e-5)


def test_nine_heads_with_the_weights_of_the_authors():
    truth, heads = one_hot(3), [shares(3, seed) for seed in range(9)]
    outputs = {
        "probabilities": tf.constant(heads[-1]),
        "heads": tf.constant(np.concatenate(heads, axis=-1)),
    }
    dice_weights = (0.4, 0.5, 0.7, 0.8, 0.4, 0.7, 0.8, 1.0, 1.0)
    entropy_weights = (0.4, 0.5, 0.7, 0.8, 0.4, 0.5, 0.7, 0.8, 1.0)
    wanted = sum(
        by_dice * numpy_dice_loss(truth, head) + by_entropy * numpy_entropy(truth, head)
        for head, by_dice, by_entropy in zip(heads, dice_weights, entropy_weights, strict=True)
    )
    assert float(segmentation_loss(outputs, None, truth)) == pytest.approx(wanted, rel=1e-5)


def test_the_reconstruction_is_asked_for_with_its_weight():
    truth, found = one_hot(2), shares(2)
    image = np.random.default_rng(4).random((*SHAPE, 1), dtype=np.float32)
    outputs = {"probabilities": tf.constant(found)}
    plain = float(segmentation_loss(outputs, image, truth))
    outputs["reconstruction"] = tf.constant(image + 0.5)
    assert float(segmentation_loss(outputs, image, truth, 3.0)) == pytest.approx(plain + 3 * 0.25, rel=1e-5)


def test_labels_are_all_but_the_background():
    values = np.arange(8).reshape(2, 4)
    np.testing.assert_array_equal(labels_only(values), [[0, 1, 2], [4, 5, 6]])
    np.testing.assert_array_equal(labels_only(values[:, :1]), [[0], [4]])
