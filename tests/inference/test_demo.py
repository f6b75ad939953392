"""Which slices the demo annotates."""

import numpy as np

from ifss_keras.inference.demo import annotated_slices


def test_both_ends_of_every_muscle_and_then_the_middle_of_the_widest_gap():
    labels = np.zeros((40, 2, 3), np.uint8)
    labels[3:31, 0, 0] = 100  # slices 3 to 30
    labels[5:24, 1, 1] = 150  # slices 5 to 23
    assert annotated_slices(labels, 4) == [3, 5, 23, 30]
    assert annotated_slices(labels, 5) == [3, 5, 14, 23, 30]
    assert annotated_slices(labels, 7) == [3, 5, 9, 14, 18, 23, 30]
