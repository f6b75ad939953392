"""Propagation with toy networks whose answer is known, against a loop in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.settings import Flow
from ifss_keras.propagation.step import (
    PropagationState,
    entering_estimate,
    initial_state,
    mask_channel,
    roll_out,
    step,
    unroll,
    windowed,
)

BATCH, SLICES, PLANE = 2, 9, (3, 5, 1)


def toy(inputs):
    """Muscle from mask, image and memory; the memory fades, and its cell counts windows."""
    memory = 0.1 * inputs["hidden"][:, None] + 0.01 * inputs["cell"][:, None]
    muscle = 0.4 * inputs["mask"] + 0.3 * inputs["image"] + memory
    return {
        "probabilities": tf.concat([muscle, 1 - muscle], axis=-1),
        "hidden": 0.5 * inputs["hidden"] + inputs["image"][:, 0],
        "cell": inputs["cell"] + 1,
    }


def random_evidence(seed=0):
    """Every sample its own references and anchors; the first slice of the first one is a reference."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, (BATCH, SLICES, 1, 1, 1))  # 0 a reference, 1 anchored, 2 neither
    kind[0, 0] = 0
    is_reference, has_anchor = (kind == 0).astype(np.float32), (kind == 1).astype(np.float32)
    image, annotation, anchor = rng.random((3, BATCH, SLICES, *PLANE), dtype=np.float32)
    return Evidence(image, annotation * is_reference, is_reference, anchor * has_anchor, has_anchor)


def random_state(window, seed=1):
    rng = np.random.default_rng(seed)
    hidden, cell = rng.random((2, BATCH, *PLANE), dtype=np.float32)
    return PropagationState(rng.random((BATCH, window - 1, *PLANE), dtype=np.float32), {"hidden": hidden, "cell": cell})


def numpy_propagation(evidence, state, count, window, sample):
    """Window by window and slice by slice, one sample, estimates kept by slice number."""
    image, annotation, is_reference, anchor, has_anchor = (part[sample] for part in evidence)
    hidden, cell = state.memory["hidden"][sample], state.memory["cell"][sample]
    estimates = dict(enumerate(state.estimates[sample]))
    probabilities = []
    for first in range(count):
        newest = first + window - 1
        estimates[newest] = estimates[newest - 1]
        if has_anchor[newest, 0, 0, 0]:
            estimates[newest] = anchor[newest]
        muscle = []
        for index in range(first, first + window):
            mask = estimates[index]
            if is_reference[index, 0, 0, 0]:
                mask = annotation[index]
            elif has_anchor[index, 0, 0, 0]:
                mask = (anchor[index] + estimates[index]) / 2
            muscle.append(0.4 * mask + 0.3 * image[index] + 0.1 * hidden + 0.01 * cell)
            estimates[index] = annotation[index] if is_reference[index, 0, 0, 0] else muscle[-1]
        probabilities.append(muscle)
        hidden, cell = 0.5 * hidden + image[first], cell + 1
    shared = [estimates[index] for index in range(count, count + window - 1)]
    return np.array(probabilities), PropagationState(np.array(shared), {"hidden": hidden, "cell": cell})


def assert_states_equal(actual, expected, **tolerance):
    keras.tree.assert_same_structure(actual, expected)
    for one, other in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


@pytest.mark.parametrize("window", [2, 3, 4])
def test_unroll_is_the_numpy_loop(window):
    evidence, state = random_evidence(), random_state(window)
    count = SLICES - window + 1
    probabilities, after = unroll(toy, evidence, state, 0, count, window)
    assert probabilities.shape == (count, BATCH, window, *PLANE[:2], 2)
    for sample in range(BATCH):
        expected, last = numpy_propagation(evidence, state, count, window, sample)
        np.testing.assert_allclose(probabilities[:, sample, ..., :1], expected, atol=1e-6)
        np.testing.assert_allclose(probabilities[:, sample, ..., 1:], 1 - expected, atol=1e-6)
        assert_states_equal(keras.tree.map_structure(lambda part, sample=sample: part[sample], after), last, atol=1e-6)


def test_chunks_give_what_the_whole_gives():
    evidence, state = random_evidence(), random_state(3)
    whole, end = unroll(toy, evidence, state, 0, 7, 3)
    first, between = unroll(toy, evidence, state, 0, 2, 3)
    second, after = unroll(toy, evidence, between, 2, 5, 3)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert_states_equal(after, end, rtol=0)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_rolling_out_first_changes_nothing(count):
    evidence, state = random_evidence(), random_state(3)
    whole, end = unroll(toy, evidence, state, 0, 7, 3)
    rest, after = unroll(toy, evidence, roll_out(toy, evidence, state, count, 3), count, 7 - count, 3)
    np.testing.assert_array_equal(rest, whole[count:])
    assert_states_equal(after, end, rtol=0)


def test_a_tensor_as_count_and_a_compiled_graph_change_nothing():
    evidence, state = random_evidence(), random_state(3)

    @tf.function
    def compiled(evidence, state, count):
        between = roll_out(toy, evidence, state, count, 3)
        return between, *unroll(toy, evidence, between, count, 3, 3)

    tensors = Evidence(*(tf.constant(part) for part in evidence))
    for count in (0, 2, 4):
        between = roll_out(toy, evidence, state, count, 3)
        expected, end = unroll(toy, evidence, between, count, 3, 3)
        seen, probabilities, after = compiled(tensors, state, tf.constant(count))
        assert_states_equal(seen, between, atol=1e-6)
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)
        assert_states_equal(after, end, atol=1e-6)
        assert_states_equal(roll_out(toy, tensors, state, tf.constant(count), 3), between, atol=1e-6)


def three_kinds():
    """Three slices of one pixel: a reference of 1, an anchor of 0.5, neither."""
    column = np.array([1.0, 0.0, 0.0], np.float32).reshape(1, 3, 1, 1, 1)
    anchored = column[:, [1, 0, 2]]
    return Evidence(0 * column, column, column, 0.5 * anchored, anchored)


def test_mask_channel_by_kind_of_slice():
    estimates = np.array([0.2, 0.25, 0.7], np.float32).reshape(1, 3, 1, 1, 1)
    mask = mask_channel(three_kinds(), estimates)
    np.testing.assert_allclose(np.ravel(mask), [1, 0.375, 0.7], rtol=1e-6)


def test_an_entering_slice_is_estimated_by_kind():
    last = np.full((1, 3, 1, 1, 1), 0.125, np.float32)
    np.testing.assert_array_equal(np.ravel(entering_estimate(three_kinds(), last)), [1, 0.5, 0.125])


def recorded_masks(evidence, state, count):
    """The mask channels that a network gets which always answers 0.9."""
    masks = []

    def network(inputs):
        masks.append(np.ravel(inputs["mask"]).tolist())
        muscle = tf.fill(tf.shape(inputs["mask"]), 0.9)
        return {
            "probabilities": tf.concat([muscle, 1 - muscle], -1),
        }

    for index in range(count):
        _, state = step(network, windowed(evidence, index, 3), state)
    return masks


def evidence_of(references, anchors, slices):
    """Pixels: slice number to annotation, slice number to anchor."""
    parts = np.zeros((5, 1, slices, 1, 1, 1), np.float32)
    for flag, held in ((2, references), (4, anchors)):
        for index, value in held.items():
            parts[flag - 1, 0, index], parts[flag, 0, index] = value, 1
    return Evidence(*parts)


def test_mask_channel_between_two_references():
    evidence = evidence_of({0: 1, 4: 0}, {1: 0.8, 2: 0.6, 3: 0.2}, 5)
    state = initial_state(evidence, 3, {})
    expected = [[1, 0.8, 0.6], [0.85, 0.75, 0.2], [0.75, 0.55, 0]]
    np.testing.assert_allclose(recorded_masks(evidence, state, 3), expected, rtol=1e-6)


def test_mask_channel_beyond_the_last_reference():
    evidence = evidence_of({0: 0.5}, {}, 5)
    state = initial_state(evidence, 3, {})
    expected = [[0.5, 0.5, 0.5], [0.9, 0.9, 0.9], [0.9, 0.9, 0.9]]
    np.testing.assert_allclose(recorded_masks(evidence, state, 3), expected, rtol=1e-6)


def test_initial_state_carries_the_last_known_slice_on():
    evidence = evidence_of({0: 0.5}, {2: 0.25}, 5)
    state = initial_state(evidence, 5, {"hidden": "h", "cell": "c"})
    np.testing.assert_array_equal(np.ravel(state.estimates), [0.5, 0.5, 0.25, 0.25])
    assert state.memory == {"hidden": "h", "cell": "c"}
    assert np.ravel(initial_state(evidence_of({}, {}, 3), 3, {}).estimates).tolist() == [0, 0]


def test_estimates_are_handed_on_but_a_reference_as_annotated():
    evidence = evidence_of({1: 0.25}, {}, 3)
    memory = np.ones((2, 1, 1, 1, 1), np.float32)
    probabilities, after = step(toy, evidence, initial_state(evidence, 3, {"hidden": memory[0], "cell": memory[1]}))
    np.testing.assert_allclose(np.ravel(probabilities[..., 0]), [0.11, 0.21, 0.21], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(after.estimates), [0.25, 0.21], rtol=1e-6)
    assert tuple(float(after.memory[name][0, 0, 0, 0]) for name in ("hidden", "cell")) == (0.5, 2)


@pytest.mark.parametrize("start", [0, 4, tf.constant(2)])
def test_windows_are_consecutive_slices(start):
    evidence = random_evidence()
    for part, whole in zip(windowed(evidence, start, 3), evidence, strict=True):
        np.testing.assert_array_equal(part, whole[:, int(start) : int(start) + 3])


@pytest.mark.parametrize("count", [1, 4])
def test_without_recurrence_every_window_is_the_first_one(count):
    evidence = random_evidence()
    nothing = {name: np.zeros((BATCH, *PLANE), np.float32) for name in ("hidden", "cell")}
    probabilities, _ = unroll(toy, evidence, random_state(3), 2, count, 3, Flow(recurrent=False))
    for index in range(count):
        window = windowed(evidence, 2 + index, 3)
        alone, _ = step(toy, window, initial_state(windowed(window, 0, 2), 3, nothing))
        np.testing.assert_array_equal(probabilities[index], alone)
    rest, _ = unroll(
        toy,
        evidence,
        roll_out(toy, evidence, random_state(3), 2, 3, Flow(recurrent=False)),
        2,
        count,
        3,
        Flow(recurrent=False),
    )
    np.testing.assert_array_equal(rest, probabilities)
    assert np.abs(probabilities - unroll(toy, evidence, random_state(3), 2, count, 3)[0]).max() > 1e-3
