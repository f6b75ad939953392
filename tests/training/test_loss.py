"""The clip's loss: what counts, what has a gradient, and that copying the mask channel does not pay."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses import NamedLoss
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.clips import Clip, batch_of_clips
from ifss_keras.training.loss import clip_start, one_after_another, rolled_out_start, trained_truth, trained_windows

WINDOW, WINDOWS = 3, 2
PROPAGATION = PropagationSettings(size=16, window=WINDOW)


def copies_its_mask(inputs):
    return answer(inputs["mask"], inputs)


def answer(muscle, inputs):
    probabilities = tf.concat([muscle, 1 - muscle], axis=-1)
    return {"probabilities": probabilities, "hidden": inputs["hidden"], "cell": inputs["cell"]}


def memory(clip):
    return {name: tf.zeros((len(clip.truth), 1, 1, 1)) for name in ("hidden", "cell")}


def loss_of(network, clip, cross_entropy=0.5):
    """(loss, probability, truth, weight) as the trainer computes them."""
    state = rolled_out_start(network, clip, memory(clip), WINDOW, WINDOWS)
    return loss_after(network, clip, state, cross_entropy)


def loss_after(network, clip, state, cross_entropy=0.5):
    """As `loss_of`, from the state before the trained windows on."""
    probability = one_after_another(trained_windows(network, clip, state, WINDOW, WINDOWS)[0])
    truth, weight = trained_truth(clip, WINDOW, WINDOWS)
    terms = {"parametric_tversky": 1.0, "cross_entropy": cross_entropy}
    loss = NamedLoss(terms, rule="fixed")(truth, probability, weight)
    return loss, probability, truth, weight


def knows_the_truth(clip):
    """A network that returns the truth of one window after the other."""
    numbers = iter(range(clip.truth.shape[1]))

    def network(inputs):
        first = next(numbers)
        return answer(tf.constant(clip.truth[:, first : first + WINDOW]), inputs)

    return network


def drawn(volume, settings, seed, rollout=(0, 0)):
    return batch_of_clips([volume], replace(settings, rollout=rollout), PROPAGATION, 3, seed)


def test_a_network_that_copies_its_mask_channel_loses_clearly(moving_disc, clip_settings):
    copied, known = [], []
    for seed in range(25):
        clip = drawn(moving_disc, clip_settings, seed, (0, 5))
        copied.append(float(loss_of(copies_its_mask, clip)[0]))
        at_once = clip._replace(**cut(clip))
        known.append(float(loss_of(knows_the_truth(at_once), at_once)[0]))
    assert max(known) < 1e-4
    assert np.mean(copied) > 0.15
    assert min(copied) > 0.02


def cut(clip):
    """The fields of the clip's last slices, without the roll-out."""
    last = slice(-(WINDOWS + WINDOW - 1), None)
    return {
        "evidence": Evidence(*(part[:, last] for part in clip.evidence)),
        "truth": clip.truth[:, last],
        "weight": clip.weight[:, last],
    }


@pytest.mark.parametrize("cross_entropy", [0.0, 0.7])
def test_the_loss_is_the_numpy_one(moving_disc, clip_settings, cross_entropy):
    clip = drawn(moving_disc, clip_settings, 3)
    values = np.random.default_rng(1).random((WINDOWS, 3, WINDOW, 16, 16, 1), dtype=np.float32)
    numbers = iter(range(WINDOWS))
    loss, probability, truth, weight = loss_of(
        lambda inputs: answer(tf.constant(values[next(numbers)]), inputs), clip, cross_entropy
    )
    total = counted = 0
    for number, sample, index in np.ndindex(WINDOWS, 3, WINDOW):
        p, y = values[number, sample, index, ..., 0], clip.truth[sample, number + index, ..., 0]
        w = clip.weight[sample, number + index]
        hit, wrong, missed = (p * y).sum(), (p * (1 - y)).sum(), ((1 - p) * y).sum()
        entropy = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        total += w * (1 - (hit + 1) / (hit + (wrong + missed) / 2 + 1) + cross_entropy * entropy)
        counted += w
        np.testing.assert_array_equal(probability[3 * number + sample, index], p)
        np.testing.assert_array_equal(truth[3 * number + sample, index], y)
        assert weight[3 * number + sample, index] == w
    assert counted < WINDOWS * 3 * WINDOW  # some are references
    assert float(loss) == pytest.approx(total / counted, rel=1e-4)


def rolled_out_clip(volume, settings, first_seed=0):
    """A batch with a roll-out of six windows, and with references among the trained slices."""
    for seed in range(first_seed, first_seed + 100):
        clip = drawn(volume, settings, seed, (5, 6))
        if clip.truth.shape[1] == 6 + WINDOWS + WINDOW - 1 and not clip.weight[:, 6:].all():
            return clip
    raise AssertionError("no such clip")


def test_references_and_rolled_out_slices_do_not_count(moving_disc, clip_settings):
    clip = rolled_out_clip(moving_disc, clip_settings)
    uncounted = np.broadcast_to((clip.weight == 0)[..., None, None, None], clip.truth.shape).copy()
    uncounted[:, :6] = True
    other = clip._replace(truth=np.where(uncounted, 1 - clip.truth, clip.truth))
    assert float(loss_of(copies_its_mask, other)[0]) == float(loss_of(copies_its_mask, clip)[0])
    counted = clip._replace(truth=np.where(uncounted, clip.truth, 1 - clip.truth))
    assert float(loss_of(copies_its_mask, counted)[0]) != float(loss_of(copies_its_mask, clip)[0])


def two_samples():
    """Two samples of four slices of one pixel, both annotated 1 on the first; the first one brings a start."""
    parts = np.zeros((5, 2, 4, 1, 1, 1), np.float32)
    parts[1:3, :, 0] = 1
    start = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32).reshape(2, 2, 1, 1, 1)
    has_start = np.array([1, 0], np.float32).reshape(2, 1, 1, 1, 1)
    return Clip(Evidence(*parts), start, has_start, parts[0], np.ones((2, 4), np.float32), None)


def test_a_clip_begins_with_its_own_start_or_what_the_evidence_says():
    clip = two_samples()
    state = clip_start(clip, {"hidden": "h"}, 3)
    np.testing.assert_array_equal(np.squeeze(state.estimates), [[0.25, 0.75], [1, 1]])
    assert state.memory == {"hidden": "h"}


def test_the_roll_out_covers_all_but_the_trained_windows(moving_disc, clip_settings):
    clip = rolled_out_clip(moving_disc, clip_settings)
    windows = []

    def network(inputs):
        windows.append(inputs["image"])
        return copies_its_mask(inputs)

    rolled_out_start(network, clip, memory(clip), WINDOW, WINDOWS)
    assert len(windows) == 6
    for index, window in enumerate(windows):
        np.testing.assert_array_equal(window, clip.evidence.image[:, index : index + WINDOW])


def scaled(factor):
    """A network with one weight; its memory and estimates depend on it."""

    def network(inputs):
        muscle = tf.sigmoid(factor * (inputs["image"] + inputs["mask"] + inputs["hidden"][:, None] - 1))
        return answer(muscle, inputs) | {"hidden": factor * tf.reduce_mean(inputs["image"], axis=1)[:, :1, :1]}

    return network


def test_the_roll_out_has_no_gradient_and_the_trained_windows_have_all_of_it(moving_disc, clip_settings):
    clip = rolled_out_clip(moving_disc, clip_settings, first_seed=20)
    factor = tf.Variable(1.5)
    with tf.GradientTape() as tape:
        loss = loss_of(scaled(factor), clip)[0]
    gradient = float(tape.gradient(loss, factor))

    state, step = rolled_out_start(scaled(1.5), clip, memory(clip), WINDOW, WINDOWS), 0.01

    def value(at):
        return float(loss_after(scaled(at), clip, state)[0])

    assert gradient == pytest.approx((value(1.5 + step) - value(1.5 - step)) / (2 * step), rel=1e-2)
    through = (float(loss_of(scaled(1.5 + step), clip)[0]) - float(loss_of(scaled(1.5 - step), clip)[0])) / (2 * step)
    assert abs(through - gradient) > 0.03 * abs(gradient)  # had the roll-out a gradient, it would be this one
