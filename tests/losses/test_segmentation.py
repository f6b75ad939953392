"""The losses of networks without references, against NumPy and closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses import NamedLoss
from ifss_keras.losses.segmentation import labels_only, negative_loss, reconstruction_loss, segmentation_loss

SHAPE = (2, 3, 5, 7)
LOSS = NamedLoss({"squared_dice": 1.0, "cross_entropy": 1.0})


def one_hot(classes, seed=0):
    rng = np.random.default_rng(seed)
    return np.eye(classes, dtype=np.float32)[rng.integers(0, classes, SHAPE)]


def shares(classes, seed=1):
    values = np.random.default_rng(seed).random((*SHAPE, classes), dtype=np.float32) + 0.1
    return values / values.sum(axis=-1, keepdims=True)


def loss_of(outputs, truth, weights=None):
    weights = np.ones((*SHAPE[:2], truth.shape[-1]), np.float32) if weights is None else weights
    outputs = {name: tf.constant(value) for name, value in outputs.items()}
    return float(segmentation_loss(LOSS, outputs, tf.constant(truth), tf.constant(weights)))


def numpy_dice_loss(truth, probability, weights=None):
    labels, dice = max(truth.shape[-1] - 1, 1), []
    for sample in range(len(truth)):
        for label in range(labels):
            w = np.ones(SHAPE[1]) if weights is None else weights[sample, :, label]
            t, p = (np.float64(part[sample, ..., label]) * w[:, None, None] for part in (truth, probability))
            if w.any():
                dice.append((2 * (t * p).sum() + 1) / ((t**2).sum() + (p**2).sum() + 1))
    return 1 - np.mean(dice)


def numpy_entropy(truth, probability, weights=None):
    t, p = np.float64(truth), np.float64(probability)
    by_slice = np.mean(-(t * np.log(p) + (1 - t) * np.log(1 - p)), axis=(2, 3))
    return np.average(by_slice, weights=weights)


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_dice_and_cross_entropy_of_the_probabilities(classes):
    truth, found = one_hot(max(classes, 2)), shares(max(classes, 2))
    wanted = numpy_dice_loss(truth[..., :classes], found[..., :classes])
    wanted += numpy_entropy(truth[..., :classes], found[..., :classes])
    assert loss_of({"probabilities": found[..., :classes]}, truth) == pytest.approx(wanted, rel=1e-5)


def test_slices_where_a_class_is_not_annotated_do_not_count_for_it():
    truth, found, weights = one_hot(3), shares(3), np.ones((2, 3, 3), np.float32)
    weights[0, 1, 0] = weights[1, :, 1] = weights[0, 1, 2] = weights[1, :, 2] = 0
    wanted = numpy_dice_loss(truth, found, weights) + numpy_entropy(truth, found, weights)
    assert loss_of({"probabilities": found}, truth, weights) == pytest.approx(wanted, rel=1e-5)
    other = np.where(weights[:, :, None, None] > 0, found, 0.7).astype(np.float32)
    assert loss_of({"probabilities": other}, truth, weights) == pytest.approx(wanted, rel=1e-5)
    assert loss_of({"probabilities": found}, truth, 0 * weights) == 0


def test_a_perfect_answer_costs_nothing_and_an_absent_class_is_no_fault():
    truth = np.zeros((*SHAPE, 3), np.float32)
    truth[..., 2] = 1
    assert loss_of({"probabilities": truth}, truth) == pytest.approx(0, abs=1e-5)


def test_nine_heads_with_the_weights_of_the_authors():
    truth, heads = one_hot(3), [shares(3, seed) for seed in range(9)]
    dice_weights = (0.4, 0.5, 0.7, 0.8, 0.4, 0.7, 0.8, 1.0, 1.0)
    entropy_weights = (0.4, 0.5, 0.7, 0.8, 0.4, 0.5, 0.7, 0.8, 1.0)
    wanted = sum(
        by_dice * numpy_dice_loss(truth, head) + by_entropy * numpy_entropy(truth, head)
        for head, by_dice, by_entropy in zip(heads, dice_weights, entropy_weights, strict=True)
    )
    outputs = {"probabilities": heads[-1], "heads": np.concatenate(heads, axis=-1)}
    assert loss_of(outputs, truth) == pytest.approx(wanted, rel=1e-5)


def test_the_reconstruction_is_a_mean_square():
    image = np.random.default_rng(4).random((*SHAPE, 1), dtype=np.float32)
    outputs = {"reconstruction": tf.constant(image + 0.5)}
    assert float(reconstruction_loss(outputs, image)) == pytest.approx(0.25, rel=1e-5)


def negatives(seed=5):
    """Pixels known to be others in two slices, the first of which is annotated, (batch 1, slice 2, row 4, column 4)."""
    negative = np.zeros((1, 2, 4, 4, 1), np.float32)
    negative[0, :, 1:3, 1:3] = 1
    found = np.random.default_rng(seed).uniform(0.1, 0.9, (1, 2, 4, 4, 1)).astype(np.float32)
    return negative, found, np.array([[[1.0], [0.0]]], np.float32)


def test_known_negatives_cost_their_cross_entropy_where_the_target_is_not_annotated():
    negative, found, weights = negatives()
    wanted = -np.log(1 - found[0, 1, 1:3, 1:3]).sum() / (16 + 4)  # the pixels of the annotated slice, and these
    assert float(negative_loss("cross_entropy", found, negative, weights)) == pytest.approx(wanted, rel=1e-5)
    assert float(negative_loss("cross_entropy", found, negative, np.ones_like(weights))) == 0


def test_the_papers_dice_of_negatives_by_hand():
    negative, found, weights = negatives()
    n, g = negative[0, 1, ..., 0], found[0, 1, ..., 0]
    wanted = 2 * (n * g).sum() / ((n**2).sum() + (g**2).sum())
    assert float(negative_loss("dice", found, negative, weights)) == pytest.approx(wanted, rel=1e-5)
    assert float(negative_loss("dice", found, 0 * negative, weights)) == 0


def test_the_papers_dice_of_negatives_is_also_lowered_by_finding_more_elsewhere():
    """The defect that the cross-entropy does not have: outside the negatives it leaves the prediction alone."""
    negative, found, weights = negatives()
    more = np.where(negative > 0, found, 1.0).astype(np.float32)
    assert float(negative_loss("dice", more, negative, weights)) < float(
        negative_loss("dice", found, negative, weights)
    )
    gradients = {}
    for kind in ("dice", "cross_entropy"):
        probability = tf.Variable(found)
        with tf.GradientTape() as tape:
            loss = negative_loss(kind, probability, negative, weights)
        gradients[kind] = tape.gradient(loss, probability).numpy()[0, 1, ..., 0]
    outside = negative[0, 1, ..., 0] == 0
    assert (gradients["dice"][outside] < 0).all()  # descent raises the probability there
    assert (gradients["cross_entropy"][outside] == 0).all()
    assert (gradients["cross_entropy"][~outside] > 0).all()


def test_labels_are_all_but_the_background():
    values = np.arange(8).reshape(2, 4)
    np.testing.assert_array_equal(labels_only(values), [[0, 1, 2], [4, 5, 6]])
    np.testing.assert_array_equal(labels_only(values[:, :1]), [[0], [4]])
