"""Pseudo-labels: whose estimate is compared with which slice, what it weighs, and that copying does not pay."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.losses import NamedLoss
from ifss_keras.training.examples.clips import batch_of_clips
from ifss_keras.training.parts import PseudoLabels, Supervision
from ifss_keras.training.propagation_trainer import PropagationTrainer
from ifss_keras.training.pseudo_labels import (
    confidence,
    degraded,
    earlier_estimates,
    shown_channels,
    with_pseudo_labels,
)
from ifss_keras.training.supervision import supervised
from ifss_keras.zoo.zoo_model import PropagatingModel, arguments_of

WINDOWS, BATCH, WINDOW, ROWS, COLUMNS = 3, 2, 3, 5, 7
RNG = np.random.default_rng(0)
FOUND = RNG.random((WINDOWS, BATCH, WINDOW, ROWS, COLUMNS), dtype=np.float32)
START = RNG.random((BATCH, WINDOW - 1, ROWS, COLUMNS, 1), dtype=np.float32)


@pytest.mark.parametrize("started", [[1.0, 1.0], [1.0, 0.0]])
def test_a_slice_is_compared_with_what_the_window_before_said_of_it(started):
    estimates, has = earlier_estimates(tf.constant(FOUND), tf.constant(START), tf.constant(started))
    for number, sample, place in np.ndindex(WINDOWS, BATCH, WINDOW):
        there = place < WINDOW - 1 and (number > 0 or started[sample])
        assert has[number, sample, place] == there
        if there and number:  # slice number + place, at the place after it in the window before
            np.testing.assert_array_equal(estimates[number, sample, place], FOUND[number - 1, sample, place + 1])
        elif there:
            np.testing.assert_array_equal(estimates[0, sample, place], START[sample, place, ..., 0])


def test_the_paper_compares_places_and_so_neighbouring_slices():
    estimates, has = earlier_estimates(tf.constant(FOUND), tf.constant(START), tf.ones(BATCH), lagged=True)
    np.testing.assert_array_equal(estimates[1:], FOUND[:-1])
    np.testing.assert_array_equal(has[1:], 1)
    np.testing.assert_array_equal(has[0], [[0, 1, 1]] * BATCH)
    np.testing.assert_array_equal(estimates[0, :, 1:], START[..., 0])


def moving_bar(slices):
    """A bar that moves by one column from slice to slice, and windows that know it exactly."""
    bar = np.zeros((slices, 4, slices + 3), np.float32)
    for index in range(slices):
        bar[index, :, index : index + 3] = 1
    return bar, np.stack([bar[None, index : index + 3] for index in range(slices - 2)])


def test_the_lag_asks_for_the_slice_before_where_a_muscle_moves():
    """What the difference is worth: the exact answer costs nothing against its own slice, and a third when lagged."""
    bar, found = moving_bar(8)
    start = bar[None, :2, ..., None]
    lost = {}
    for lagged in (False, True):
        estimates, has = earlier_estimates(tf.constant(found), tf.constant(start), tf.ones(1), lagged)
        wrong = np.abs(np.asarray(estimates)[1:] - found[1:]).sum(axis=(-2, -1)) / found[1:].sum(axis=(-2, -1))
        lost[lagged] = np.average(wrong, weights=np.asarray(has)[1:])
    assert lost[False] == 0
    assert lost[True] == pytest.approx(2 / 3)  # one column of three is left over, and one is missing


def test_no_gradient_goes_through_a_pseudo_label():
    found, start = tf.Variable(FOUND), tf.Variable(START)
    with tf.GradientTape() as tape:
        estimates, _ = earlier_estimates(found, start, tf.ones(BATCH))
        total = tf.reduce_sum(estimates)
    assert tape.gradient(total, [found, start]) == [None, None]


def test_how_sure_an_estimate_is():
    mask = np.zeros((2, 6, 6), np.float32)
    mask[0, 1:5, 1:5] = 1
    soft = np.where(mask > 0, 0.9, 0.0).astype(np.float32)
    np.testing.assert_allclose(confidence(tf.constant(mask)), [1, 1])
    np.testing.assert_allclose(confidence(tf.constant(soft)), [1 - 2 * 16 * 0.09 / (16 * 0.9 + 1), 1], rtol=1e-5)
    assert float(confidence(tf.fill((6, 6), 0.5))) == pytest.approx(1 - 2 * 9 / 19, rel=1e-5)


@pytest.mark.parametrize("sure", [True, False])
def test_targets_and_weights_by_hand(sure):
    truth = RNG.random((2, 3, 4, 4)).astype(np.float32)
    estimates = RNG.random((2, 3, 4, 4)).astype(np.float32)
    weight, unknown = np.array([[1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 1], [1, 0, 0]], np.float32)
    has = np.array([[1, 1, 0], [1, 1, 1]], np.float32)
    settings = PseudoLabels(weight=0.5, confidence=sure)
    targets, counted = with_pseudo_labels(truth, weight, unknown, tf.constant(estimates), has, settings)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(targets[place], estimates[place] if unknown[place] else truth[place], rtol=1e-6)
        factor = float(confidence(tf.constant(estimates[place]))) if sure else 1.0
        wanted = 0.5 * has[place] * factor if unknown[place] else weight[place]
        assert float(counted[place]) == pytest.approx(wanted, rel=1e-5)


def disc(size=24, radius=7):
    rows, columns = np.indices((size, size))
    return (np.hypot(rows - size / 2, columns - size / 2) < radius).astype(np.float32)


def test_a_degraded_estimate_is_another_draw_of_about_the_same():
    held = np.broadcast_to(disc()[None, None, ..., None], (40, 2, 24, 24, 1)).astype(np.float32)
    seed = keras.random.SeedGenerator(1)
    one, other = (np.asarray(degraded(tf.constant(held), seed)) for _ in range(2))
    assert one.min() >= 0
    assert one.max() <= 1
    np.testing.assert_allclose(one[:, 0], one[:, 1], atol=1e-6)  # slices of an example are bent alike
    assert np.abs(one - other).max(axis=(1, 2, 3, 4)).min() > 0
    overlap = 2 * (one * held).sum(axis=(1, 2, 3, 4)) / (one + held).sum(axis=(1, 2, 3, 4))
    assert 0.85 < overlap.mean() < 0.99
    assert overlap.min() > 0.6


@pytest.fixture
def sparse_clip(moving_disc, clip_settings, propagation):
    (held,) = supervised([moving_disc], Supervision(kind="share", share=0.25))
    settings = clip_settings.__class__(**{**vars(clip_settings), "rollout": (0, 3)})
    batches = (batch_of_clips([held], settings, propagation, 3, seed) for seed in range(60))
    return [keras.tree.map_structure(tf.constant, clip) for clip in batches if clip.truth.shape[1] > 4]


@pytest.mark.parametrize("shown", ["anchor", "degraded"])
def test_the_mask_channel_shows_something_else_where_nothing_is_annotated(sparse_clip, shown):
    clip = sparse_clip[0]
    evidence = keras.tree.map_structure(lambda part: part[:, -3:], clip.evidence)
    estimates = tf.constant(np.broadcast_to(disc(16, 5)[None, None, ..., None], (3, 3, 16, 16, 1)))
    unknown = (1 - evidence.is_reference[..., 0, 0, 0]).numpy()
    unknown[:, 0] = 0
    channel = shown_channels(tf.constant(unknown), keras.random.SeedGenerator(0), shown)(0)(evidence, estimates)
    from ifss_keras.propagation.step import mask_channel

    plain = mask_channel(evidence, estimates).numpy()
    for sample, place in np.ndindex(3, 3):
        same = np.array_equal(channel[sample, place], plain[sample, place])
        assert same == (not unknown[sample, place])
        if unknown[sample, place] and shown == "anchor" and evidence.has_anchor[sample, place].numpy().item():
            np.testing.assert_array_equal(channel[sample, place], evidence.anchor[sample, place])


class Copier(PropagatingModel):
    """A network that answers with its mask channel, to within a weight that does nothing."""

    def __init__(self, *, window=3, **kwargs):
        arguments = arguments_of(Copier, locals())
        inputs = {name: keras.Input((window, 16, 16, 1), name=name) for name in ("image", "mask")}
        mask = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)(inputs["mask"])
        mask = mask + 0 * inputs["image"]
        outputs = {"probabilities": keras.ops.concatenate([mask, 1 - mask], axis=-1)}
        super().__init__(inputs=inputs, outputs=outputs, memory={}, arguments=arguments, multiples=(1, 1, 1), **kwargs)
        self.image_size = (16, 16)


def loss_of(trainer, clip):
    answer = trainer(clip, training=True)
    return float(trainer.compute_loss(clip, y_pred=answer)), answer


@pytest.mark.parametrize("shown", ["anchor", "degraded"])
def test_a_network_that_copies_its_mask_channel_loses_clearly(sparse_clip, shown):
    trainer = PropagationTrainer(
        Copier(), NamedLoss({"dice": 1.0}), windows=2, pseudo_labels=PseudoLabels(shown=shown, confidence=False)
    )
    trainer.build()
    copied = []
    for clip in sparse_clip[:8]:
        copied.append(loss_of(trainer, clip)[0])
    assert np.mean(copied) > 0.05
    assert np.mean(np.array(copied) > 0.01) > 0.9


def test_without_the_other_draw_copying_would_be_for_nothing(sparse_clip, monkeypatch):
    """The official code's objective, for comparison: with its lag gone, the copier's pseudo-loss vanishes."""
    from ifss_keras.training import propagation_trainer

    monkeypatch.setattr(propagation_trainer, "shown_channels", lambda *given: None)
    trainer = PropagationTrainer(
        Copier(), NamedLoss({"dice": 1.0}), windows=2, pseudo_labels=PseudoLabels(confidence=False)
    )
    trainer.build()
    for clip in sparse_clip[:4]:
        clip = clip._replace(weight=tf.zeros_like(clip.weight))
        clip = clip._replace(evidence=clip.evidence._replace(has_anchor=tf.zeros_like(clip.evidence.has_anchor)))
        answer = trainer(clip, training=True)
        wrong = np.abs(answer.probability - answer.truth).max(axis=(-2, -1))
        assert np.count_nonzero(answer.weight) > 4
        assert wrong[np.asarray(answer.weight) > 0].max() < 1e-6


def test_pseudo_labels_count_in_training_alone(sparse_clip, tiny_network):
    trainer = PropagationTrainer(
        tiny_network(), NamedLoss({"cross_entropy": 1.0}), windows=2, pseudo_labels=PseudoLabels(confidence=False)
    )
    trainer.build()
    counted = []
    for clip in sparse_clip[:6]:
        trained, tested = (trainer(clip, training=training) for training in (True, False))
        assert (trained.weight.numpy() >= tested.weight.numpy()).all()
        assert set(np.unique(tested.truth)) <= {0.0, 1.0}
        counted.append(float(tf.reduce_sum(trained.weight - tested.weight)))
    assert max(counted) > 0


def test_the_teacher_follows_the_network(sparse_clip, tiny_network):
    network, teacher = tiny_network(0), tiny_network(1)
    trainer = PropagationTrainer(
        network, NamedLoss({"cross_entropy": 1.0}), windows=2, pseudo_labels=PseudoLabels(teacher=0.75), teacher=teacher
    )
    trainer.build()
    assert not set(map(id, trainer.trainable_variables)) & set(map(id, teacher.weights))
    trainer(sparse_clip[0], training=True)
    for held, new in zip(teacher.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(held, new, rtol=1e-6)  # the first time it is the network itself
    before = network.get_weights()
    network.set_weights([weight + 1 for weight in before])
    trainer.followed.assign(100.0)
    trainer(sparse_clip[0], training=True)
    moved = 0
    for held, old, new in zip(teacher.get_weights(), before, network.get_weights(), strict=True):
        np.testing.assert_allclose(held, 0.75 * old + 0.25 * new, rtol=1e-5)
        moved += np.array_equal(new, old + 1)  # all but moving averages
    assert moved > 10


def test_the_teachers_estimates_are_the_targets(sparse_clip, tiny_network):
    trainers = []
    for decay, teacher in ((0.0, None), (0.5, tiny_network(1))):
        settings = PseudoLabels(teacher=decay, confidence=False)
        trainers.append(PropagationTrainer(
            tiny_network(0), NamedLoss({"cross_entropy": 1.0}), windows=2, pseudo_labels=settings, teacher=teacher
        ))  # fmt: skip
        trainers[-1].build()
    trainers[1].followed.assign(1e9)
    own, taught = (trainer(sparse_clip[0], training=True) for trainer in trainers)
    pseudo = np.asarray(own.weight) > 0
    annotated = np.asarray([set(np.unique(part)) <= {0.0, 1.0} for part in np.asarray(own.truth).reshape(-1, 256)])
    assert (pseudo.ravel() & ~annotated).any()
    assert np.abs(np.asarray(own.truth) - np.asarray(taught.truth)).max() > 1e-4
    np.testing.assert_array_equal(own.weight, taught.weight)
