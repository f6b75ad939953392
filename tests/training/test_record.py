"""What a run's folder tells of its volumes."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.record import annotated_ranges, annotations, fingerprint_of


@pytest.mark.parametrize(
    ("known", "ranges"),
    [
        ([0, 0, 0], []),
        ([1, 1, 1], [(0, 2)]),
        ([1, 0, 1, 1, 0, 0, 1], [(0, 0), (2, 3), (6, 6)]),
        ([0, 1, 1, 0, 1, 0], [(1, 2), (4, 4)]),
    ],
)
def test_ranges_are_the_runs_of_known_slices(known, ranges):
    assert list(annotated_ranges(np.array(known, bool))) == ranges


def test_annotations_name_volume_and_label(moving_disc):
    known = np.isin(np.arange(40), [3, 4, 5, 20])
    some = replace(moving_disc, annotated={1: known}, name="leg_7")
    assert annotations([moving_disc, some]).splitlines() == [
        "volume,label,first,last",
        "1,1,0,39",
        "leg_7,1,3,5",
        "leg_7,1,20,20",
    ]


def test_a_fingerprint_changes_with_everything_that_a_training_sees(moving_disc):
    def changed(image=None, labels=None, spacing=(1.0, 0.5, 0.5)):
        image = moving_disc.image if image is None else image
        labels = moving_disc.labels if labels is None else labels
        return TrainingVolume.from_arrays(image, labels, spacing)

    brighter, larger = moving_disc.image.copy(), moving_disc.labels.copy()
    brighter[-1, -1, -1] ^= 1
    larger[0, 0, 0] = 1
    known = replace(moving_disc, annotated={1: np.arange(40) < 39})
    others = [changed(brighter), changed(labels=larger), changed(spacing=(1.0, 0.5, 0.6)), known]
    found = {fingerprint_of([volume]) for volume in [moving_disc, *others]}
    found |= {fingerprint_of([moving_disc, known]), fingerprint_of([known, moving_disc])}
    assert len(found) == 7
    assert fingerprint_of([changed()]) == fingerprint_of([replace(moving_disc, name="another")])
