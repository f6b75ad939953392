"""What is known of every slice: flags, annotations, and anchors between neighbouring references."""

import numpy as np
import pytest

from ifss_keras.propagation.anchor import anchor
from ifss_keras.propagation.evidence import gather_evidence
from ifss_keras.propagation.settings import Softness

SOFTNESS = Softness(start=0.4, per_slice=0.3, maximum=1.2)


def disc(row, radius, size=11):
    rows, columns = np.indices((size, size))
    return ((rows - row) ** 2 + (columns - 5) ** 2 < radius**2).astype(np.float32)


REFERENCES = {2: disc(4, 3), 6: disc(6, 4), 9: disc(5, 2)}


@pytest.fixture
def image():
    return np.random.default_rng(0).random((12, 11, 11), dtype=np.float32)


def test_every_slice_has_the_evidence_of_its_kind(image):
    evidence = gather_evidence(image, REFERENCES, 0, SOFTNESS)
    assert np.flatnonzero(evidence.is_reference).tolist() == [2, 6, 9]
    assert np.flatnonzero(evidence.has_anchor).tolist() == [3, 4, 5, 7, 8]
    np.testing.assert_array_equal(evidence.image[..., 0], image)
    annotation, anchors = np.zeros((2, *image.shape), np.float32)
    for index, mask in REFERENCES.items():
        annotation[index] = mask
    anchors[3:6] = anchor(REFERENCES[2] > 0, REFERENCES[6] > 0, [1, 2, 3], 4, SOFTNESS)
    anchors[7:9] = anchor(REFERENCES[6] > 0, REFERENCES[9] > 0, [1, 2], 3, SOFTNESS)
    np.testing.assert_array_equal(evidence.annotation[..., 0], annotation)
    np.testing.assert_array_equal(evidence.anchor[..., 0], anchors)
    assert all(part.dtype == np.float32 for part in evidence)
    assert evidence.is_reference.shape == evidence.has_anchor.shape == (12, 1, 1, 1)


@pytest.mark.parametrize(("first", "stop"), [(0, 4), (3, 6), (4, 5), (6, 7), (8, 12), (10, 12)])
def test_part_of_the_slices_gives_that_part_of_the_evidence(image, first, stop):
    whole = gather_evidence(image, REFERENCES, 0, SOFTNESS)
    part = gather_evidence(image[first:stop], REFERENCES, first, SOFTNESS)
    for one, other in zip(part, whole, strict=True):
        np.testing.assert_array_equal(one, other[first:stop])


def test_a_span_alone_gives_what_it_gives_among_others(image):
    whole = gather_evidence(image, REFERENCES, 0, SOFTNESS)
    alone = gather_evidence(image[2:7], {index: REFERENCES[index] for index in (6, 2)}, 2, SOFTNESS)
    for one, other in zip(alone, whole, strict=True):
        np.testing.assert_array_equal(one, other[2:7])


def test_soft_annotations_stay_soft_and_the_anchor_takes_their_half(image):
    soft = {0: 0.8 * disc(4, 3) + 0.1, 4: 0.9 * disc(6, 4)}
    evidence = gather_evidence(image[:5], soft, 0, SOFTNESS)
    hard = gather_evidence(image[:5], {0: disc(4, 3), 4: disc(6, 4)}, 0, SOFTNESS)
    np.testing.assert_array_equal(evidence.annotation[0, ..., 0], soft[0])
    np.testing.assert_array_equal(evidence.anchor, hard.anchor)


def test_one_reference_or_none_gives_no_anchor(image):
    for references in ({}, {3: disc(5, 2)}):
        evidence = gather_evidence(image, references, 0, SOFTNESS)
        assert not evidence.has_anchor.any()
        assert not evidence.anchor.any()
        assert evidence.is_reference.sum() == len(references)


def test_neighbouring_references_have_nothing_between(image):
    evidence = gather_evidence(image, {3: disc(5, 2), 4: disc(5, 3)}, 0, SOFTNESS)
    assert not evidence.has_anchor.any()
