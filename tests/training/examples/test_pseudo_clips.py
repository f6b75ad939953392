"""Clips from between references: shown as prediction shows the slices, asked for where the masks were sure."""

import numpy as np
import pytest

from ifss_keras.propagation.anchor import anchor
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.region import region_around, to_working
from ifss_keras.propagation.settings import PropagationSettings, Softness
from ifss_keras.training.examples.pseudo_clips import PseudoSpan, confidence, draw_pseudo_clip
from ifss_keras.training.examples.reference_clips import AnnotatedVolume

SPACING_MM = (2.0, 1.0, 0.5)
SETTINGS = PropagationSettings(size=32, softness=Softness(per_change=0.08), bend=0.0)


def disc(centre, radius=8.0):
    rows, columns = np.indices((48, 64))
    return np.hypot(rows - centre[0], (columns - centre[1]) * 0.5) < radius


MASKS = {4: disc((18, 20)), 12: disc((22, 30))}
REGION = region_around(list(MASKS.values()), SPACING_MM[1:], 1.4, least_share=0.5)


def span(unsure=()):
    """Slices 5 to 11, each with the mask of slice 4 moved on; those in `unsure` are soft all over."""
    soft = [to_working(disc((18 + k / 2, 20 + k))[None], REGION, SPACING_MM[1:], 32)[0] for k in range(1, 8)]
    soft = np.clip(np.stack(soft), 0.001, 0.999)
    soft[[index - 5 for index in unsure]] = 0.4 + 0.2 * (soft[0] > 0.5)
    return PseudoSpan(5, 4, 12, REGION, soft.astype(np.float32))


def volume():
    """16 slices whose grey value is their number."""
    image = np.repeat(np.arange(16, dtype=np.uint8), 48 * 64).reshape(16, 48, 64) * 16
    return AnnotatedVolume(image, SPACING_MM, IntensityRange(0, 240), {5: MASKS})


def clips(held, count=40):
    return [draw_pseudo_clip(np.random.default_rng(seed), volume(), held, SETTINGS) for seed in range(count)]


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 1, 0, 0], 1), ([0.8, 0.6, 0, 0], 2 * 1.4 / 3.4), ([0, 0, 0, 0], 1), ([0.4] * 4, 0)]
)
def test_confidence_is_the_expected_dice(values, expected):
    soft = np.array(values, np.float32).reshape(1, 2, 2)
    assert confidence(soft)[0] == pytest.approx(expected, abs=1e-5)


def test_windows_hold_no_reference_and_a_sure_slice():
    assert span().windows(3) == [5, 6, 7, 8, 9]
    assert span(unsure=(5, 6, 7, 8)).windows(3) == [7, 8, 9]
    assert span(unsure=range(5, 12)).windows(3) == []
    assert span().windows(8) == []


def test_a_clip_asks_for_the_sure_masks_alone():
    seen = set()
    for clip in clips(span(unsure=(8,))):
        assert set(clip.weight.tolist()) <= {0.0, 1.0}
        assert clip.weight.any()
        seen.add(tuple(clip.weight.tolist()))
        assert not clip.evidence.is_reference.any()
        assert not clip.evidence.annotation.any()
        assert clip.exemplars.weight.tolist() == [1, 1]
    assert seen == {(1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)}


def test_slices_are_shown_as_in_prediction(monkeypatch):
    """Unchanged by the augmentation, the anchor is that of the two references and the image that of the slices."""
    from ifss_keras.training.examples import reference_clips

    monkeypatch.setattr(reference_clips, "bend", lambda rng, stack: stack)
    monkeypatch.setattr(reference_clips, "augment_intensity", lambda rng, images: images)
    pair = [to_working(MASKS[index][None], REGION, SPACING_MM[1:], 32)[0] > 0.5 for index in (4, 12)]
    for clip in clips(span(), count=20):
        first = round(float(clip.evidence.image[0, 16, 16, 0]) * 15)
        expected = anchor(*pair, np.arange(first, first + 3) - 4, 8, SETTINGS.softness)
        np.testing.assert_allclose(clip.evidence.anchor[..., 0], expected, atol=1e-6)
        np.testing.assert_array_equal(clip.truth[..., 0], span().soft[first - 5 : first - 2] > 0.5)
        np.testing.assert_array_equal(clip.exemplars.mask[0, ..., 0] > 0.5, pair[0])


def test_the_same_seed_gives_the_same_clip():
    a, b = (clips(span(), count=3)[2] for _ in range(2))
    for one, other in zip((*a.evidence, *a[1:-1]), (*b.evidence, *b[1:-1]), strict=True):
        np.testing.assert_array_equal(one, other)
