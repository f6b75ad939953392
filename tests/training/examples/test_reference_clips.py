"""Clips from a volume's own references: which one is asked for, what is hidden, and how far the anchor errs."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.settings import PropagationSettings, Softness
from ifss_keras.propagation.shape import interpolate_shapes
from ifss_keras.training.examples.reference_clips import AnnotatedVolume, ReferenceClipSettings, draw_reference_clip

SPACING_MM = (2.0, 1.0, 0.5)
CENTRES = {4: (18, 20), 12: (22, 30), 20: (30, 36), 28: (20, 44)}
SETTINGS = PropagationSettings(size=32, softness=Softness(per_change=0.08), bend=0.0)
CLOSED = ReferenceClipSettings(open=0.0)


def disc(centre, radius=8.0):
    rows, columns = np.indices((48, 64))
    return np.hypot(rows - centre[0], (columns - centre[1]) * 0.5) < radius


def volume(**empty):
    """32 slices whose grey value is their number; references at `CENTRES`, and empty ones."""
    image = np.repeat(np.arange(32, dtype=np.uint8), 48 * 64).reshape(32, 48, 64) * 7
    masks = {index: disc(centre) for index, centre in CENTRES.items()}
    masks |= dict.fromkeys(empty.get("empty", ()), np.zeros((48, 64), bool))
    return AnnotatedVolume(image, SPACING_MM, IntensityRange(0, 217), {5: masks})


def clips(held, propagation=SETTINGS, settings=CLOSED, count=60):
    return [draw_reference_clip(np.random.default_rng(seed), held, propagation, settings) for seed in range(count)]


def closed(clip):
    return bool(clip.evidence.has_anchor.all())


def test_one_slice_counts_and_it_is_no_reference_that_is_shown():
    for clip in clips(volume()):
        assert clip.weight.tolist().count(1.0) == 1
        assert clip.weight.sum() == 1
        place = int(clip.weight.argmax())
        assert clip.truth[place].any()
        assert not np.delete(clip.truth, place, axis=0).any()
        assert not clip.evidence.is_reference.any()
        assert not clip.evidence.annotation.any()
        assert clip.evidence.has_anchor.all() or (not clip.evidence.has_anchor.any() and clip.has_start.all())


def test_shapes_and_types():
    clip = clips(volume(), count=1)[0]
    assert clip.evidence.image.shape == clip.evidence.anchor.shape == clip.truth.shape == (3, 32, 32, 1)
    assert clip.start.shape == (2, 32, 32, 1)
    assert clip.exemplars.image.shape == clip.exemplars.mask.shape == (2, 32, 32, 1)
    assert clip.exemplars.weight.shape == (2,)
    for part in (*clip.evidence, *clip[1:-1], *clip.exemplars):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1


def test_between_two_references_both_are_shown_and_outside_one_is():
    weights = {closed(clip): set() for clip in clips(volume())}
    for clip in clips(volume()):
        weights[closed(clip)].add(tuple(clip.exemplars.weight.tolist()))
    assert weights == {True: {(1.0, 1.0)}, False: {(1.0, 0.0)}}


def test_the_same_seed_gives_the_same_clip():
    a, b = (clips(volume(), count=3)[2] for _ in range(2))
    np.testing.assert_array_equal(a.evidence.image, b.evidence.image)
    np.testing.assert_array_equal(a.evidence.anchor, b.evidence.anchor)


def test_the_anchor_errs_by_a_part_of_what_the_neighbours_say():
    """Closer to the truth than the neighbours' shape half-way between them, and not yet the truth."""
    errors = [_error(clip) for clip in clips(volume(), count=150) if closed(clip)]
    held, apart = volume().masks[5], []
    for before, hidden, after in ((4, 12, 20), (12, 20, 28)):
        found = dict(interpolate_shapes({before: held[before], after: held[after]}))[hidden]
        apart.append(1 - 2 * (found & held[hidden]).sum() / (found.sum() + held[hidden].sum()))
    assert np.mean(errors) == pytest.approx(0.6 * np.mean(apart), rel=0.25)
    assert np.quantile(errors, 0.05) < 0.4 * np.mean(apart)


def test_the_anchor_bends_for_references_beyond_only_where_asked(monkeypatch):
    """Of four references on a curve the outer ones bend the way between the inner ones' neighbours."""
    from ifss_keras.training.examples import reference_clips

    spans, span_of = [], reference_clips.ShapeSpan
    monkeypatch.setattr(
        reference_clips, "ShapeSpan", lambda *pair, **known: spans.append(known) or span_of(*pair, **known)
    )
    for bend in (0.0, 0.5):
        spans.clear()
        clips(volume(), replace(SETTINGS, bend=bend), count=40)
        away = {tuple(further and further.slices for further in known["beyond"][:2]) for known in spans}
        assert {known["gap"] for known in spans} == {16}
        assert away == ({(None, 8), (8, None)} if bend else {(None, None)})


def _error(clip):
    place = int(clip.weight.argmax())
    anchor, truth = clip.evidence.anchor[place] > 0.5, clip.truth[place] > 0.5
    return 1 - 2 * (anchor & truth).sum() / (anchor.sum() + truth.sum())


def test_a_label_that_has_ended_is_asked_for_as_nothing():
    found = [clip for clip in clips(volume(empty=(31,)), count=200) if not clip.truth.any()]
    assert 5 < len(found) < 60
    for clip in found:
        assert clip.has_start.all()
        assert clip.start.max() > 0.5  # as if carried on
        assert not clip.evidence.has_anchor.any()


def test_windows_stay_within_the_volume_and_show_its_slices():
    held = volume()
    two = AnnotatedVolume(
        held.image[4:13], SPACING_MM, held.intensity, {5: {0: held.masks[5][4], 8: held.masks[5][12]}}
    )
    for clip in clips(two, count=20):
        assert np.isfinite(clip.evidence.image).all()
        assert clip.weight.argmax() in (0, 1, 2)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_share_of_open_clips(share):
    held = volume()
    inner = AnnotatedVolume(
        held.image, SPACING_MM, held.intensity, {5: {index: held.masks[5][index] for index in (4, 12, 20)}}
    )
    opened = [not closed(clip) for clip in clips(inner, settings=ReferenceClipSettings(open=share))]
    assert np.mean(opened) == 1 if share else np.mean(opened) == pytest.approx(2 / 3, abs=0.2)
