"""Training clips: how their references are shown, and what all that are annotated say of the slices between."""

import dataclasses

import numpy as np

from ifss_keras.propagation.evidence import gather_evidence
from ifss_keras.propagation.exemplars import exemplar_slices
from ifss_keras.propagation.region import whole_plane
from ifss_keras.training.examples import clips
from tests.training.examples.clip_cases import PROPAGATION, SETTINGS, WIDE, beginning, clip_of


def test_exemplars_are_the_references_as_they_are_annotated(moving_discs, drawn, monkeypatch):
    monkeypatch.setattr(clips, "flip", lambda rng, clip: clip)
    monkeypatch.setattr(clips, "augment_intensity", lambda rng, image: image)
    for seed in range(40):
        clip = clip_of(moving_discs, seed)
        (both, draw), held = drawn[-1], clip.exemplars
        chosen = exemplar_slices(draw.references)
        assert held.weight.tolist() == [1.0] * len(chosen) + [0.0] * (2 - len(chosen))
        assert not held.mask[len(chosen) :].any()
        for slot, index in enumerate(chosen):
            assert held.mask[slot].any()
            place = index - draw.first
            if both and 0 <= place < len(clip.weight):  # one region serves both
                np.testing.assert_array_equal(held.mask[slot], clip.evidence.annotation[place])
                np.testing.assert_array_equal(held.image[slot], clip.evidence.image[place])
            if not both:  # around itself
                rows, columns = np.nonzero(held.mask[slot, ..., 0] > 0.5)
                assert abs((rows.min() + rows.max()) / 2 - 7.5) < 1.5
                assert abs((columns.min() + columns.max()) / 2 - 7.5) < 1.5


def test_redrawn_references_differ_a_little_and_only_where_asked(moving_discs, drawn, monkeypatch):
    monkeypatch.setattr(clips, "flip", lambda rng, clip: clip)

    def masks(share):
        known = {
            "settings": dataclasses.replace(SETTINGS, redrawn=share),
            "propagation": dataclasses.replace(PROPAGATION, size=48),
        }
        return [clip_of(moving_discs, seed, **known).exemplars.mask > 0.5 for seed in range(20)]

    for plain, redrawn in zip(masks(0.0), masks(1.0), strict=True):
        assert 2 * (plain & redrawn).sum() / (plain.sum() + redrawn.sum()) > 0.9
    assert any((a != b).any() for a, b in zip(masks(0.0), masks(1.0), strict=True))


def test_annotations_lie_inside_or_outside_the_border_truth_and_references_alike(moving_discs, drawn, monkeypatch):
    plane = whole_plane(moving_discs.labels.shape[1:], moving_discs.spacing_mm[1:])
    monkeypatch.setattr(clips, "_region", lambda *given: plane)
    settings = dataclasses.replace(SETTINGS, both_ends=1)
    ratios = []
    for seed in range(40):
        plain, moved = (
            clip_of(moving_discs, seed, settings=dataclasses.replace(settings, border_mm=border), propagation=WIDE)
            for border in (1e-9, 1.5)
        )
        held = (plain.truth.sum(axis=(1, 2, 3)) > 0) & (plain.evidence.is_reference[:, 0, 0, 0] == 0)
        if held.any():
            sizes = [(clip.truth[held].sum(), (clip.evidence.anchor[held] > 0.5).sum()) for clip in (plain, moved)]
            ratios.append(np.sqrt(np.divide(sizes[1], sizes[0])))
    truth, anchors = np.transpose(ratios)
    assert 0.65 < truth.min() < 0.93
    assert 1.07 < truth.max() < 1.35
    assert np.corrcoef(truth, anchors)[0, 1] > 0.9


def test_anchors_have_the_area_that_all_annotated_slices_tell(moving_discs, drawn, monkeypatch):
    asked = []
    monkeypatch.setattr(clips, "gather_evidence", lambda *given: asked.append(given) or gather_evidence(*given))
    for seed in range(10):
        clip_of(moving_discs, seed, settings=dataclasses.replace(SETTINGS, both_ends=1))
        (_, draw), (*_, areas) = drawn[-1], asked[-1]
        code, upside_down = beginning(moving_discs, seed)
        labels = moving_discs.labels[::-1] if upside_down else moving_discs.labels
        known = {index: labels[index] == code for index in (*draw.references, *draw.further)}
        assert areas == clips.expected_areas(known, *draw.references)
