"""`Session`: slices annotated, revised and forgotten give what the same annotation gives at once; nothing half-done."""

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.inference.predictor import Predictor
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture(scope="module")
def tiny(tiny_preset):
    return Predictor.from_preset(tiny_preset)


@pytest.fixture
def session(tiny, two_muscles):
    return tiny.open(Volume.from_array(two_muscles[0], SPACING_MM))


def references(labels, **slices):
    """By code the masks of label 3 on the slices `three`, and of label 7 on the slices `seven`."""
    chosen = {3: slices.get("three", ()), 7: slices.get("seven", ())}
    return {code: {index: labels[index] == code for index in held} for code, held in chosen.items() if held}


def test_a_revision_gives_what_single_annotations_and_the_predictor_give(tiny, session, two_muscles):
    masks = references(two_muscles[1], three=[2, 6], seven=[4, 10])
    changed = session.revise(masks)
    other = tiny.open(session.volume)
    for code, held in masks.items():
        for index, mask in held.items():
            other.annotate(index, mask, code)
    assert all(np.array_equal(session.labels[index], plane) for index, plane in changed.items())
    assert set(changed) == set(np.flatnonzero(session.labels.any(axis=(1, 2))))
    session.settle()
    other.settle()
    np.testing.assert_array_equal(session.labels, other.labels)
    np.testing.assert_array_equal(session.labels, tiny.predict(session.volume, session.annotation).labels)
    np.testing.assert_array_equal(session.labels[6] == 3, two_muscles[1][6] == 3)


@pytest.mark.parametrize("order", [[2, 6, 9], [9, 6, 2]])
def test_drawn_from_one_end_to_the_other_nothing_between_waits_to_be_settled(order, tiny, session, two_muscles):
    """The third slice tells how the shape bends between the first two: what was found without it does not stay."""
    for index in order:
        session.annotate(index, two_muscles[1][index] == 3, 3)
    expected = tiny.predict(session.volume, session.annotation).labels
    np.testing.assert_array_equal(session.labels[2:10], expected[2:10])


def test_one_revision_annotates_and_forgets(tiny, session, two_muscles):
    labels = two_muscles[1]
    session.revise(references(labels, three=[2, 6, 9]))
    session.revise({3: {6: None, 7: labels[7] == 3}, 7: {4: labels[4] == 7, 11: np.zeros(labels.shape[1:], bool)}})
    expected = tiny.open(session.volume)
    expected.revise(references(labels, three=[2, 7, 9], seven=[4]))
    expected.annotate(11, np.zeros(labels.shape[1:], bool), 7)
    session.settle()
    expected.settle()
    np.testing.assert_array_equal(session.labels, expected.labels)
    assert {code: sorted(held) for code, held in session.references.items()} == {3: [2, 7, 9], 7: [4, 11]}


def test_where_masks_of_one_slice_overlap_the_later_has_the_voxels(session, two_muscles):
    plane = two_muscles[1].shape[1:]
    first, later = np.zeros(plane, bool), np.zeros(plane, bool)
    first[2:9, 3:11], later[5:14, 6:12] = True, True
    session.revise({3: {5: first}, 7: {5: later}})
    np.testing.assert_array_equal(session.references[3][5], first & ~later)
    np.testing.assert_array_equal(session.references[7][5], later)


class Stopped(Exception):
    pass


def test_a_revision_that_is_stopped_changes_nothing(session, two_muscles):
    labels = two_muscles[1]
    session.revise(references(labels, three=[2, 9]))
    before, held = session.labels.copy(), {code: dict(masks) for code, masks in session.references.items()}

    def stop(*_):
        raise Stopped

    with pytest.raises(Stopped):
        session.revise({3: {2: None, 6: labels[6] == 3}, 7: {2: labels[2] >= 3}}, progress=stop)
    np.testing.assert_array_equal(session.labels, before)
    assert {code: sorted(masks) for code, masks in session.references.items()} == {3: [2, 9]}
    assert all(np.array_equal(mask, session.references[3][index]) for index, mask in held[3].items())
    assert session.forget(9, 3) != {}  # and it goes on from there


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        ({3: {13: np.zeros((20, 24), bool)}}, "There is no slice 13: expected 0 to 12."),
        ({3: {1.5: np.zeros((20, 24), bool)}}, "There is no slice 1.5"),
        ({3: {1: np.full((20, 24), 3, np.uint8)}}, "The mask holds 3: expected true and false, or 0 and 1"),
        ({3: {1: np.zeros((20, 23), bool)}}, r"The mask has shape \(20, 23\) \(row, column\)"),
        ({3: {1: np.ones((20, 24), bool)}, 256: {1: np.zeros((20, 24), bool)}}, "There is no label 256"),
    ],
)
def test_a_revision_that_is_refused_changes_nothing(masks, told, session):
    with pytest.raises(InputError, match=told):
        session.revise(masks)
    assert (session.references, session.labels.any()) == ({}, False)
