"""What is drawn becomes annotated, slice by slice and label by label, and what is carried on is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError
from ifss_keras.inference.suggest import suggest
from ifss_keras.napari_plugin.annotator import Annotator
from ifss_keras.napari_plugin.shown import ABSENT, DRAWN
from ifss_keras.volumes.volume import Volume
from tests.napari_plugin.drawing import Drawing


def pixels(truth, code, *slices):
    return {index: np.count_nonzero(truth[index] == code) for index in slices}


def test_what_is_drawn_is_annotated_and_carried_on_as_the_predictor_does(drawing, tiny, volume, two_muscles):
    truth = two_muscles[1]
    drawing.draw(2, 10)
    drawing.draw(6, codes=(3,))
    changed = drawing.propagate()
    drawing.settle()
    assert drawing.annotated() == {3: pixels(truth, 3, 2, 6, 10), 7: pixels(truth, 7, 2, 10)}
    annotator = drawing.annotator
    expected = tiny.predict(volume, annotator.session.annotation)
    np.testing.assert_array_equal(drawing.labels, expected.labels)
    assert [row.volume_ml for row in annotator.rows(drawing.labels)] == pytest.approx(
        [summary.volume_ml for summary in expected.summaries]
    )
    assert set(changed) <= {0, 1, 3, 4, 5, 6, 7, 8, 9, 11, 12}  # on 2 and 10 both were drawn
    assert not annotator.drawn(drawing.labels)


def test_a_muscle_that_is_corrected_is_annotated_there_and_the_other_is_not(drawing):
    drawing.draw(2, 10)
    drawing.propagate()
    before = drawing.labels.copy()
    row, column = np.argwhere((drawing.truth[5] == 7) & (before[5] == 7))[0]
    drawing.labels[5][row, column] = 0
    drawing.propagate()
    assert drawing.annotated()[7] == {**pixels(drawing.truth, 7, 2, 10), 5: np.count_nonzero(before[5] == 7) - 1}
    assert drawing.annotated()[3] == pixels(drawing.truth, 3, 2, 10)
    assert drawing.labels[5][row, column] != 7


def test_a_predicted_muscle_that_is_wiped_out_is_absent_and_a_drawn_one_is_annotated_no_longer(drawing):
    drawing.draw(2, 6, 10, codes=(7,))
    drawing.propagate()
    assert (drawing.labels[8] == 7).any()
    drawing.labels[8][drawing.labels[8] == 7] = 0
    drawing.labels[6] = 0
    drawing.propagate()
    assert drawing.annotated() == {7: {**pixels(drawing.truth, 7, 2, 10), 8: 0}}
    assert not (drawing.labels[8] == 7).any()


def test_a_stroke_that_is_undone_before_it_is_carried_on_is_none(drawing):
    drawing.draw(4)
    drawing.labels[:] = 0
    assert not drawing.annotator.drawn(drawing.labels)


def test_with_the_last_annotated_slice_the_mask_goes(drawing):
    drawing.draw(4, codes=(7,))
    drawing.propagate()
    drawing.propagate(drawing.annotator.withdrawn(drawing.labels, 4, 7))
    assert (drawing.annotated(), drawing.labels.any(), drawing.annotator.prediction) == ({}, False, None)


def test_a_slice_that_is_right_counts_as_annotated(drawing):
    drawing.draw(2, 10)
    drawing.propagate()
    before = drawing.labels[6].copy()
    drawing.propagate(drawing.annotator.confirmed(drawing.labels, 6, 3))
    assert drawing.annotated()[3][6] == np.count_nonzero(before == 3)
    assert 6 not in drawing.annotated()[7]
    np.testing.assert_array_equal(drawing.labels[6] == 3, before == 3)


def test_a_muscle_may_be_said_to_be_absent_where_it_is_drawn(drawing):
    drawing.draw(2, 6, 10)
    drawing.propagate()
    drawing.propagate(drawing.annotator.absent(drawing.labels, 6, 7))
    assert drawing.annotated()[7] == {**pixels(drawing.truth, 7, 2, 10), 6: 0}
    assert not (drawing.labels[6] == 7).any()
    np.testing.assert_array_equal(drawing.labels[6] == 3, drawing.truth[6] == 3)


@pytest.mark.parametrize(("drawn", "end", "beyond"), [((4, 6), 8, 9), ((6, 8), 4, 3)])
def test_a_muscle_ends_away_from_its_other_annotated_slices(drawn, end, beyond, drawing):
    drawing.draw(*drawn, end, codes=(7,))
    drawing.propagate(drawing.annotator.ended(drawing.labels, end, 7))
    assert drawing.annotated() == {7: {**pixels(drawing.truth, 7, *drawn, end), beyond: 0}}
    outside = drawing.labels[9:] if beyond == 9 else drawing.labels[:4]
    assert not (outside == 7).any()


def test_at_the_edge_of_the_volume_a_muscle_ends_by_itself(drawing):
    drawing.truth = drawing.truth.copy()
    drawing.truth[12] = drawing.truth[11]
    drawing.draw(6, 12, codes=(7,))
    drawing.propagate(drawing.annotator.ended(drawing.labels, 12, 7))
    assert drawing.annotated() == {7: pixels(drawing.truth, 7, 6, 12)}


@pytest.mark.parametrize(
    ("drawn", "index", "told"),
    [
        ((4, 6, 8), 6, "label 7 cannot end on slice 6.*annotated on both sides of it; annotate others first"),
        ((6,), 6, "annotated on no other slice"),
        ((4, 6), 0, "label 7 has no voxel on slice 0: draw it there"),
    ],
)
def test_ends_that_cannot_be_are_refused(drawn, index, told, drawing):
    drawing.draw(*drawn, codes=(7,))
    with pytest.raises(InputError, match=told):
        drawing.annotator.ended(drawing.labels, index, 7)


def test_slices_that_are_drawn_on_meanwhile_stay_and_are_heard_next(drawing):
    drawing.draw(2, 10, codes=(7,))
    revision = drawing.annotator.drawn(drawing.labels)
    drawing.annotator.revise(revision)
    drawing.draw(5, codes=(3,))  # while the network ran
    drawing.labels[10, 0, 0] = 7
    held = drawing.labels[[5, 10]].copy()
    changed = drawing.annotator.show(drawing.labels, revision)
    np.testing.assert_array_equal(drawing.labels[[5, 10]], held)
    assert not {5, 10} & set(changed)
    drawing.propagate()
    assert drawing.annotated() == {
        7: {2: np.count_nonzero(drawing.truth[2] == 7), 10: np.count_nonzero(drawing.truth[10] == 7) + 1},
        3: pixels(drawing.truth, 3, 5),
    }


class Cancelled(Exception):
    pass


def test_what_is_cancelled_can_be_carried_on_later(drawing):
    drawing.draw(2, 10)
    drawing.propagate()
    drawing.draw(6)
    held, revision = drawing.labels.copy(), drawing.annotator.drawn(drawing.labels)

    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        drawing.annotator.revise(revision, cancel)
    np.testing.assert_array_equal(drawing.labels, held)
    assert 6 not in drawing.annotated()[3]
    drawing.propagate()
    assert drawing.annotated()[3] == pixels(drawing.truth, 3, 2, 6, 10)


def test_while_it_is_drawn_the_millilitres_follow_and_the_interval_goes(drawing, volume):
    drawing.draw(2, 6, 10)
    drawing.propagate()
    before = drawing.annotator.rows(drawing.labels)
    assert before[1].low_ml < before[1].volume_ml < before[1].high_ml
    drawing.labels[0, :3, :4] = 7
    three, seven = drawing.annotator.rows(drawing.labels)
    assert three == before[0]
    added_ml = np.count_nonzero(drawing.labels[0] == 7) * 2.5 * 0.8 * 0.5 / 1000
    held_ml = np.count_nonzero(drawing.labels[1:] == 7) * 2.5 * 0.8 * 0.5 / 1000
    assert seven.volume_ml == pytest.approx(held_ml + added_ml)
    assert (seven.low_ml, seven.high_ml, seven.references) == (None, None, 3)


def test_marks_say_what_is_known_of_each_slice(drawing):
    drawing.draw(2, 6, 9, codes=(7,))
    drawing.propagate(drawing.annotator.absent(drawing.labels, 12, 7))
    marks, (summary,) = drawing.annotator.marks(7), drawing.annotator.prediction.summaries
    assert {index: mark.reference for index, mark in enumerate(marks) if mark.reference} == {
        2: DRAWN,
        6: DRAWN,
        9: DRAWN,
        12: ABSENT,
    }
    assert [mark.held for mark in marks] == (drawing.labels == 7).any(axis=(1, 2)).tolist()
    assert [mark.doubt for mark in marks] == pytest.approx(summary.doubts.tolist())
    assert not any(mark.held or mark.reference for mark in drawing.annotator.marks(3))


def test_the_next_slice_is_the_one_suggested(drawing):
    assert drawing.annotator.next_slice() is None
    drawing.draw(1, 6, 11)
    drawing.propagate()
    found = drawing.annotator.next_slice()
    assert [found] == suggest(drawing.annotator.prediction, 1)
    assert found.gain > 0


def test_names_are_those_of_the_prediction_and_no_two_are_the_same(drawing):
    annotator = drawing.annotator
    drawing.draw(2, 10)
    annotator.name(3, " Soleus ")
    drawing.propagate()
    annotator.name(7, "GM")
    assert annotator.prediction.names == annotator.session.prediction().names == {3: "Soleus", 7: "GM"}
    with pytest.raises(InputError, match="cannot both be named GM"):
        annotator.name(3, "GM")
    annotator.name(3, "")
    assert annotator.prediction.names == {3: "3", 7: "GM"}
    assert (annotator.title(3), annotator.title(7)) == ("label 3", "GM")


def test_another_session_takes_all_annotations_over(drawing, tiny, volume):
    drawing.draw(2, 10)
    drawing.propagate(drawing.annotator.absent(drawing.labels, 12, 7))
    held, before = drawing.annotated(), drawing.labels.copy()
    drawing.annotator.name(7, "GM")
    moved = drawing.annotator = drawing.annotator.moved(tiny.open(volume), "other")
    assert moved.session.references == {}
    row, column = np.argwhere(before[5] == 0)[0]
    drawing.labels[5, row, column] = 3  # drawn on before the other session knows anything
    drawing.propagate()
    assert drawing.annotated()[7] == held[7]
    assert drawing.annotated()[3] == {**held[3], 5: np.count_nonzero(before[5] == 3) + 1}
    assert (moved.preset, moved.title(7)) == ("other", "GM")


@pytest.mark.parametrize("code", [256, 1000, -1])
def test_codes_that_no_session_takes_are_refused(code, drawing):
    drawing.labels[4, 2:5, 2:5] = code
    assert drawing.annotator.rows(drawing.labels) == []
    with pytest.raises(InputError, match=f"There is no label {code}"):
        drawing.propagate()


def test_labels_of_another_shape_are_refused(annotator):
    with pytest.raises(InputError, match=r"has shape \(2, 3, 5\).*expected that of the image, \(13, 20, 24\)"):
        annotator.drawn(np.zeros((2, 3, 5), np.uint8))


strokes = st.lists(
    st.tuples(st.sampled_from([0, 3, 7]), st.integers(0, 12), st.integers(0, 15), st.integers(0, 18)), max_size=4
)


@settings(max_examples=10, deadline=None)
@given(st.lists(strokes, min_size=1, max_size=3))
def test_whatever_is_drawn_what_is_shown_is_what_the_predictor_makes_of_it(tiny, two_muscles, rounds):
    volume = Volume.from_array(two_muscles[0], (2.5, 0.8, 0.5))
    drawing = Drawing(Annotator(tiny.open(volume), "tiny"), two_muscles[1])
    for held in rounds:
        for code, index, row, column in held:
            drawing.labels[index, row : row + 4, column : column + 5] = code
        drawn = drawing.labels.copy()
        revision = drawing.annotator.drawn(drawing.labels)
        drawing.propagate(revision)
        references = drawing.annotator.session.references
        for code, masks in references.items():
            for index, mask in masks.items():
                np.testing.assert_array_equal(drawing.labels[index] == code, mask)
                assert index not in revision.planes or np.array_equal(drawn[index] == code, mask)
        if drawing.annotator.prediction is None:
            assert not drawing.labels.any()
        else:
            drawing.settle()
            expected = tiny.predict(volume, drawing.annotator.session.annotation).labels
            np.testing.assert_array_equal(drawing.labels, expected)
