"""Labels of a data set: their slices, their names, and which of a recipe's they are."""

from pathlib import Path

import numpy as np
import pytest

from ifss_keras.datasets.labels import LEG_3D_US, held_slices, own_names, recoding


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_slices_are_found_by_code(dtype):
    labels = np.zeros((7, 3, 5), dtype)
    labels[[1, 2, 6], 1, 2], labels[2:4, 0, 4], labels[5, 2, 0] = 200, 3, 255
    found = held_slices(labels)
    assert {code: at.tolist() for code, at in found.items()} == {3: [2, 3], 200: [1, 2, 6], 255: [5]}
    assert list(found) == [3, 200, 255]


def test_the_file_s_own_names_go_before_those_of_leg_3d_us():
    assert own_names(Path("masksX12.mha"), {}) == LEG_3D_US == {100: "SOL", 150: "GM", 200: "GL"}
    assert own_names(Path("masksX12.seg.nrrd"), {1: "SOL"}) == {1: "SOL"}
    assert own_names(Path("mask.mha"), {}) == own_names(Path("masksXa.mha"), {}) == {}


@pytest.mark.parametrize(
    ("held", "names", "wanted", "found"),
    [
        ((1, 2), {1: "SOL", 2: "GM"}, {100: "SOL", 150: "GM"}, {1: 100, 2: 150}),
        ((1, 2), {1: "GM", 2: "SOL"}, {1: "sol", 2: "gm"}, {1: 2, 2: 1}),
        ((100, 150), {}, {100: "SOL", 150: "GM"}, {100: 100, 150: 150}),
        ((1, 2), {1: "Segment_1", 2: "Segment_2"}, {1: "SOL"}, {1: 1}),  # names that nobody gave
        ((1, 2), {1: "GL", 2: "GM"}, {1: "SOL", 5: "GM"}, {2: 5}),  # 1 is another muscle by name
        ((1, 3), {1: "SOL"}, {7: "SOL", 3: "GM"}, {1: 7, 3: 3}),  # 3 has no name
        ((1,), {1: "SOL", 2: "GM"}, {7: "SOL", 8: "GM"}, {1: 7}),  # named, but not held
    ],
)
def test_labels_are_the_same_by_name_and_else_by_code(held, names, wanted, found):
    assert recoding(held, names, wanted) == found
