"""The next slice: where the area is least sure; before that, in the middle of the widest gap."""

import numpy as np
import pytest

from ifss_keras.inference.methods import NETWORK
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import Origin, summarize
from ifss_keras.napari_plugin.next_slice import Suggestion, next_slices
from ifss_keras.propagation.cut import WITHIN_95, Certainty
from ifss_keras.volumes.annotation import LabelAnnotation
from ifss_keras.volumes.volume import Volume

SHAPE = (31, 5, 7)


def summary_of(code, held, references, deviations=None):
    """Of a label that holds 10 pixels on the slices `held`; `deviations` are of its pixels on some slices."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[held[0] : held[1] + 1, 1:3, 1:6] = code
    masks = {index: labels[index] == code for index in references}
    certainty = deviations and Certainty(deviations, 1.0)
    return summarize(
        labels, (1.0, 1.0, 1.0), LabelAnnotation(code, str(code), masks, {}), Origin(NETWORK, certainty=certainty)
    )


def prediction_of(*summaries):
    return Prediction(np.zeros(SHAPE, np.uint8), summaries, Volume.from_array(np.zeros(SHAPE, np.uint8), (1, 1, 1)))


def test_the_slice_whose_area_is_least_sure_comes_first():
    first = summary_of(1, (2, 28), (2, 15, 28), {8: 1.0, 20: 2.0})
    second = summary_of(2, (2, 28), (2, 15, 28), {8: 3.0, 20: 0.5})
    found = next_slices(prediction_of(first, second), 2)
    assert [(suggestion.code, suggestion.slice) for suggestion in found] == [(2, 8), (1, 20)]
    assert [suggestion.gain for suggestion in found] == pytest.approx([WITHIN_95 * 3 / 10, WITHIN_95 * 2 / 10])
    assert next_slices(prediction_of(first, second)) == found[:1]


@pytest.mark.parametrize(
    ("held", "references", "expected"),
    [
        ((2, 28), (2, 10, 28), (19, 9)),
        ((2, 28), (10, 14), (21, 7)),  # the mask goes on to 28, where nobody has looked
        ((9, 11), (10,), (11, 1)),
    ],
)
def test_without_certainty_it_is_the_middle_of_the_widest_gap(held, references, expected):
    found = next_slices(prediction_of(summary_of(4, held, references)))
    assert found == [Suggestion(expected[0], 4, expected[1])]


def test_a_label_of_which_nothing_is_known_comes_before_others():
    sure, unknown = summary_of(1, (2, 28), (2, 15, 28), {8: 9.0}), summary_of(2, (2, 8), (2, 8))
    assert [suggestion.code for suggestion in next_slices(prediction_of(sure, unknown), 2)] == [2, 1]


def test_where_all_is_annotated_there_is_no_next_slice():
    assert next_slices(prediction_of(summary_of(4, (9, 11), (9, 10, 11)))) == []
    assert next_slices(prediction_of(summary_of(4, (9, 11), (9, 10, 11), {9: 0.0}))) == []
