"""References put in place of all others: the mask is that of the same references annotated one by one."""

from types import SimpleNamespace

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.inference.session import Session
from ifss_keras.volumes.volume import Volume


class Copying:
    """Every slice gets what is annotated on it."""

    def predict(self, volume, annotation, *, progress=None):
        labels = np.zeros(volume.array.shape, np.uint8)
        for code in annotation.codes:
            for index, mask in annotation.for_label(code).masks.items():
                labels[index][mask] = code
        return SimpleNamespace(labels=labels)


@pytest.fixture
def session():
    return Session(Copying(), Volume.from_array(np.zeros((5, 7, 11), np.uint8), (1.0, 0.5, 0.5)))


def mask(rows, columns):
    held = np.zeros((7, 11), bool)
    held[slice(*rows), slice(*columns)] = True
    return held


def test_references_take_the_place_of_all_others(session):
    session.annotate(1, mask((0, 3), (0, 4)))
    session.annotate(3, mask((0, 3), (0, 4)))
    references = {2: {3: mask((2, 5), (2, 9)), 4: mask((0, 7), (0, 1))}, 7: {0: mask((1, 2), (1, 2))}}
    changed = session.restore(references)
    assert sorted(changed) == [0, 1, 3, 4]
    expected = np.zeros((5, 7, 11), np.uint8)
    expected[3, 2:5, 2:9] = expected[4, :, 0] = 2
    expected[0, 1, 1] = 7
    np.testing.assert_array_equal(session.labels, expected)
    for index, plane in changed.items():
        np.testing.assert_array_equal(plane, expected[index])
    references[2][3][:] = False  # they were copied
    assert session.references[2][3].sum() == 21
    assert sorted(session.restore({})) == [0, 3, 4]
    assert not session.labels.any()
    assert session.references == {}


@pytest.mark.parametrize(
    "references", [{1: {5: np.ones((7, 11))}}, {0: {1: np.ones((7, 11))}}, {1: {1: np.ones((7, 7))}}]
)
def test_what_does_not_fit_is_refused(session, references):
    session.annotate(1, mask((0, 3), (0, 4)))
    with pytest.raises(InputError, match="expected"):
        session.restore(references)
    assert list(session.references[1]) == [1]
    assert session.labels.sum() == 12
