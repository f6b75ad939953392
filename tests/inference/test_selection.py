"""The choice between adapted network, network and shape interpolation, on a reference held back."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.inference import selection
from ifss_keras.inference.interpolation import predict_by_curve, predict_by_shape
from ifss_keras.inference.predictor import Predictor
from ifss_keras.inference.selection import (
    ADAPTED,
    CURVE,
    NETWORK,
    SHAPE,
    SelectionSettings,
    Selector,
    held_out_references,
    winners,
)
from ifss_keras.inference.summary import Check
from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose, soft_shapes
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.propagation.shape import interpolate_shapes
from ifss_keras.training.adaptation import Adaptation
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.networks.ifss_net import IFSSNet

SPACING_MM = (2.0, 1.0, 0.8)
SHORT = Adaptation(steps=2, batch=2)


def disc(row, column, radius=7.0):
    rows, columns = np.indices((40, 44))
    return np.hypot(rows - row, columns - column) < radius


TRUTH = np.stack([disc(14 + index / 2, 26 - index / 3) for index in range(24)])


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return IFSSNet(
        image_size=(16, 16), widths=(4, 6), rates=(1, 2), encoder_depth_kernel=1, matching_kernel=3, memory_level=1
    )


@pytest.fixture
def carrier(network):
    volume = Volume.from_array(np.where(TRUTH, 180, 40).astype(np.uint8), SPACING_MM)
    return Carrier(SpanRunner(network), volume, PropagationSettings(size=16))


class Untrained:
    """Takes the place of `VolumeTrainer`, whose copy learns nothing here: see tests/training/test_adaptation.py."""

    def __init__(self, network, propagation, adaptation, steps, into):
        self.network = into or type(network).from_config(network.get_config())
        self.network.set_weights(network.get_weights())

    def train(self, volume, spans, steps, progress):
        pass


@pytest.fixture(autouse=True)
def untrained(monkeypatch):
    monkeypatch.setattr(selection, "VolumeTrainer", Untrained)


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    monkeypatch.setattr(selection, "SETTINGS", SelectionSettings(least_between=3))


def references(*slices, empty=()):
    return {index: TRUTH[index] for index in slices} | dict.fromkeys(empty, np.zeros_like(TRUTH[0]))


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        (references(0, 6, 12, 18, 23), (12,)),
        (references(0, 6, 12, 18), (12,)),
        (references(0, 6, 12), (6,)),
        (references(0, 12), ()),
        (references(5, 6, 7), ()),
        (references(5, 6, 7, 18), ()),
        (references(0, 1, 7, 8, 18, 19), ()),  # each has a neighbour
        (references(0, 1, 7, 18, 19), (7,)),
        (references(0, 6, 12, empty=(18, 23)), (6,)),
        (references(6, 12, empty=(0, 18)), ()),
        (references(*range(0, 24, 3)), (6, 15)),
        (references(*range(0, 24, 2)), (4, 12, 18)),
        (references(*range(24)), ()),
    ],
)
def test_references_between_two_that_hold_the_label_are_held_back(masks, expected):
    assert held_out_references(masks) == expected


@given(st.sets(st.integers(0, 23), min_size=2))
def test_references_held_back_are_no_neighbours(slices):
    masks, ordered = references(*slices), sorted(slices)
    places = [ordered.index(index) for index in held_out_references(masks)]
    assert all(0 < place < len(ordered) - 1 for place in places)
    assert all(b - a > 1 for a, b in pairwise(places))
    assert len(places) <= max(len(ordered) // 4, 1)


@pytest.mark.parametrize(
    ("shape", "curve", "network", "adapted", "winner"),
    [
        (0.9, 0.9, 0.9, 0.9, NETWORK),
        (0.9, 0.9, 0.9, 0.8, NETWORK),
        (0.91, 0.8, 0.9, 0.8, SHAPE),
        (0.8, 0.91, 0.9, 0.8, CURVE),
        (0.91, 0.91, 0.9, 0.8, CURVE),
        (0.0, 0.0, 0.9, 0.905, NETWORK),  # better, but not clearly
        (0.0, 0.0, 0.9, 0.912, ADAPTED),
        (0.903, 0.0, 0.9, 0.905, SHAPE),
        (0.0, 0.903, 0.9, 0.905, CURVE),
        (0.0, 0.92, 0.9, 0.915, CURVE),
        (1.0, 1.0, 1.0, 1.0, NETWORK),
    ],
)
def test_the_network_stays_unless_another_is_clearly_better_or_interpolation_is_better_at_all(
    shape, curve, network, adapted, winner
):
    check = Check((3,), {SHAPE: shape, CURVE: curve, NETWORK: network, ADAPTED: adapted})
    assert winners({7: check}) == {7: winner}


@given(st.tuples(*4 * [st.floats(0, 1)]))
def test_what_is_chosen_was_never_worse_than_interpolation(dices):
    check = Check((3,), dict(zip((SHAPE, CURVE, NETWORK, ADAPTED), dices, strict=True)))
    winner = winners({7: check})[7]
    assert check.dice[winner] >= max(check.dice[SHAPE], check.dice[CURVE])


def test_what_is_found_over_all_labels_counts_as_three_slices():
    def check(slices, curve):
        return Check(tuple(range(slices)), {SHAPE: 0, CURVE: curve, NETWORK: 0.8, ADAPTED: 0})

    # the mean of the curve is 0.6, 0.2 below the network's: one slice needs to be 4 times this above it, three twice
    assert winners({1: check(1, 1.0), 2: check(1, 0.2)}) == {1: NETWORK, 2: NETWORK}
    assert winners({1: check(3, 0.99), 2: check(1, 0.21)}) == {1: NETWORK, 2: NETWORK}
    assert winners({1: check(3, 1.0), 2: check(1, 0.3)}) == {1: CURVE, 2: NETWORK}
    assert winners({1: check(1, 0.7), 2: check(1, 1.0)}) == {1: CURVE, 2: CURVE}
    assert winners({}) == {}


def test_the_checks_of_interpolation_are_those_without_the_reference_held_back(carrier):
    masks = references(0, 6, 12, 18, 23)
    choice = Selector().choose(carrier, {1: masks}, SHORT)[1]
    assert choice.check.slices == (12,)
    del masks[12]
    for method, curved in ((SHAPE, False), (CURVE, True)):
        between = dict(interpolate_shapes(masks, SPACING_MM[1:], curved=curved))[12]
        expected = 2 * (between & TRUTH[12]).sum() / (between.sum() + TRUTH[12].sum())
        assert choice.check.dice[method] == pytest.approx(expected, abs=1e-6)
    assert choice.method in (SHAPE, CURVE)  # the network is untrained


def test_too_few_references_between_others_leave_the_network_as_it_is(carrier, monkeypatch):
    told, masks = [], {1: references(0, 6, 12, 18, 23), 2: references(0, 12, 23)}
    monkeypatch.setattr(selection, "SETTINGS", SelectionSettings())
    choices = Selector().choose(carrier, masks, SHORT, lambda *what: told.append(what))
    assert [(choice.method, choice.check) for choice in choices.values()] == 2 * [(NETWORK, None)]
    assert told == []
    assert choices[1].carrier.runner is carrier.runner
    masks[2] |= references(6, 18)
    assert Selector().choose(carrier, masks, SHORT)[1].check is not None


def test_whatever_is_chosen_also_sees_the_volume_mirrored(carrier):
    masks = {1: references(0, 6, 12, 18, 23), 2: references(0, 13)}
    assert all(choice.carrier.mirrored for choice in Selector().choose(carrier, masks, SHORT).values())
    assert not carrier.mirrored


def test_one_copy_is_adapted_volume_after_volume_and_its_step_is_traced_once(network, monkeypatch):
    monkeypatch.setattr(selection, "winners", lambda checks: dict.fromkeys(checks, ADAPTED))
    predictor, volume_slices, runners = Predictor(network, PropagationSettings(size=16)), (24, 22, 20), []
    for slices in volume_slices:
        volume = Volume.from_array(np.where(TRUTH[:slices], 180, 40).astype(np.uint8), SPACING_MM)
        annotation = Annotation.from_array(TRUTH[:slices].astype(np.uint8), keep_slices=np.arange(0, slices, 4))
        prediction = predictor.predict(volume, annotation, adaptation=SHORT)
        assert prediction.summaries[0].method == ADAPTED
        runners.append(predictor.selector._adapted)
    assert runners[0] is runners[1] is runners[2]
    assert (predictor.runner.traces, runners[0].traces) == (1, 1)


def test_nothing_trained_on_holds_the_reference_that_decides(carrier, monkeypatch):
    seen = []

    class Recorder:
        def __init__(self, network, settings, adaptation, steps, into):
            self.network = network

        def train(self, volume, spans, steps, progress):
            seen.append((steps, {code: sorted(masks) for code, masks in volume.masks.items()}))

    monkeypatch.setattr(selection, "VolumeTrainer", Recorder)
    monkeypatch.setattr(selection, "winners", lambda checks: dict.fromkeys(checks, ADAPTED))
    masks = {1: references(0, 6, 12, 18, 23), 2: references(0, 13)}
    choices = Selector().choose(carrier, masks, Adaptation(steps=100))
    assert seen == [(106, {1: [0, 6, 18, 23], 2: [0, 13]}), (46, {1: [0, 6, 12, 18, 23], 2: [0, 13]})]
    assert {code: choice.method for code, choice in choices.items()} == {1: ADAPTED, 2: NETWORK}


def test_a_reference_held_back_does_not_bend_the_way_to_another(carrier, monkeypatch):
    asked = []

    def between(first, last, masks):
        asked.append((first, last, sorted(masks)))
        return original(first, last, masks)

    original = carrier.between
    monkeypatch.setattr(carrier, "between", between)
    masks = references(*range(0, 24, 3))
    selection._check((6, 15), masks, {NETWORK: carrier})
    assert asked == [(3, 9, [0, 3, 9, 12, 18, 21]), (12, 18, [0, 3, 9, 12, 18, 21])]


@pytest.mark.parametrize("curved", [False, True])
def test_soft_shapes_are_the_interpolated_masks_exactly(curved):
    masks = references(2, 9, 20)
    soft = soft_shapes(masks, SPACING_MM[1:], curved)
    assert sorted(soft) == [index for index in range(3, 20) if index != 9]
    labels = compose({1: soft}, {1: masks}, TRUTH.shape, SPACING_MM)
    for index, mask in interpolate_shapes(masks, SPACING_MM[1:], curved=curved):
        np.testing.assert_array_equal(labels[index] == 1, mask)


@pytest.mark.parametrize(("method", "function"), [(SHAPE, predict_by_shape), (CURVE, predict_by_curve)])
def test_predict_by_a_chosen_interpolation_is_that_between_the_references(network, monkeypatch, method, function):
    monkeypatch.setattr(selection, "winners", lambda checks: dict.fromkeys(checks, method))
    held = np.zeros(TRUTH.shape, np.uint8)
    held[[0, 6, 12, 18, 23]] = TRUTH[[0, 6, 12, 18, 23]]
    volume = Volume.from_array(np.where(TRUTH, 180, 40).astype(np.uint8), SPACING_MM)
    references = Annotation.from_array(held)
    prediction = Predictor(network, PropagationSettings(size=16)).predict(volume, references, adaptation=SHORT)
    summary = prediction.summaries[0]
    assert (summary.method, summary.check.slices) == (method, (12,))
    assert set(summary.check.dice) == {SHAPE, CURVE, NETWORK, ADAPTED}
    np.testing.assert_array_equal(prediction.labels, function(volume, references).labels)
