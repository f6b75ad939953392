"""Training clips: a few consecutive windows of one muscle, with the references that were drawn for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ifss_keras.propagation.area import expected_areas, swelling
from ifss_keras.propagation.beyond import NOTHING_BEYOND, gather_beyond
from ifss_keras.propagation.evidence import Evidence, gather_evidence
from ifss_keras.propagation.exemplars import Exemplars, gather_exemplars
from ifss_keras.propagation.region import Region, region_around, to_working
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.augmentation import (
    augment_intensity,
    degrade_mask,
    flip,
    jitter_region,
    lose_part,
    redraw_mask,
)
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.drawn_label import DrawnLabel
from ifss_keras.training.examples.draws import (
    Draw,
    clip_length,
    draw_between,
    draw_known_between,
    draw_known_one_sided,
    draw_one_sided,
)
from ifss_keras.training.examples.mixed import Volumes, drawn_volume
from ifss_keras.training.examples.settings import ClipSettings


class Clip(NamedTuple):
    """One example. Arrays (slice, row, column, 1) as in `Evidence`, `weight` (slice,).

    Attributes:
        evidence: what the network may know.
        start: (window - 1, row, column, 1), the estimates before the first window.
        has_start: (1, 1, 1, 1): 1 where `start` holds, 0 where the evidence itself says how to start.
        truth: the target, 0 or 1.
        weight: of each slice in the loss; 0 on a reference, so no annotation is both seen and asked for, and where it
            is not known which pixels are of the muscle.
        exemplars: the references that the network may look up.
    """

    evidence: Evidence
    start: np.ndarray
    has_start: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    exemplars: Exemplars


def draw_clip(
    rng: np.random.Generator,
    volume: TrainingVolume,
    settings: ClipSettings,
    propagation: PropagationSettings,
    rollout: int,
) -> Clip:
    """A clip of one muscle of the volume, on `rollout` + windows + window - 1 slices, augmented.

    Args:
        rng: decides everything that is random.
        volume: at least as many slices as the clip.
        settings: which clips are drawn.
        propagation: how they are shown.
        rollout: windows before the trained ones that the network runs through without gradient.
    """
    code = int(rng.choice(sorted(volume.extents)))
    upside_down = bool(rng.random() < 0.5)
    image, labels = (array[::-1] if upside_down else array for array in (volume.image, volume.labels))
    slices = len(image)
    low, high = volume.extents[code]
    extent = (slices - 1 - high, slices - 1 - low) if upside_down else (low, high)
    far = rng.random() >= settings.both_ends
    window, size = propagation.window, propagation.size
    certain, held = volume.known(code), None
    if not certain.all():
        held = volume.held(code)
        far = far or np.count_nonzero(held) < 2  # nothing lies between one annotated slice
    certain, held = (array[::-1] if upside_down and array is not None else array for array in (certain, held))
    draw = _draw(rng, certain, held, extent, far, settings, window, rollout)
    first, references, length = draw.first, draw.references, clip_length(settings, window, rollout)

    spacing_mm = volume.spacing_mm[1:]
    label = DrawnLabel(rng, labels, code, certain, extent, spacing_mm, settings.border_mm)
    masks = {index: label.at(index) for index in references}
    annotated = masks | {index: label.at(index) for index in draw.further}
    areas = expected_areas(annotated, *references) if propagation.anchor_area and not far else None
    region = _region(rng, label, masks, propagation, first + length // 2 if far else None, areas)
    images = to_working(volume.intensity.apply(image[first : first + length]), region, spacing_mm, size)
    truth = to_working(_truth(label, first, length, window - 1), region, spacing_mm, size)
    known = {index: to_working(mask[None], region, spacing_mm, size)[0] for index, mask in masks.items()}
    looked_up, estimated = masks, None
    if far and settings.recent and rng.random() < settings.recent:
        estimated = _recent_slice(rng, references, min(first + rollout, extent[1]), settings.recent_slices)
    if estimated is not None:
        looked_up = {references[0]: masks[references[0]], estimated: label.at(estimated)}
    shown = gather_exemplars(image, volume.intensity, looked_up, region, spacing_mm, size, centred=far)
    images, shown = _augmented(rng, images, shown)
    if rng.random() < settings.redrawn:
        known = {index: redraw_mask(rng, mask) for index, mask in known.items()}
        shown = shown._replace(mask=np.stack([redraw_mask(rng, mask[..., 0])[..., None] for mask in shown.mask]))
    if estimated is not None:
        shown.mask[1, ..., 0] = _estimate(rng, shown.mask[1:, ..., 0], settings)[0]
    beyond = NOTHING_BEYOND
    if not far:
        beyond = gather_beyond(annotated, *references, region, spacing_mm, size, propagation.bend)
    evidence = gather_evidence(images, known, first, propagation.softness, beyond, areas)
    before = to_working(label.at(min(first, extent[1]))[None], region, spacing_mm, size)
    truth, before = ((masks > 0.5).astype(np.float32) for masks in (truth, before))
    clip = _with_start(rng, evidence, truth, before, shown, settings, window - 1)
    return flip(rng, clip._replace(weight=clip.weight * certain[first : first + length]))


def batch_of_clips(
    volumes: Volumes, settings: ClipSettings, propagation: PropagationSettings, batch: int, seed
) -> Clip:
    """One batch, every array with a leading axis; the same arguments give the same batch.

    Half of the batches have no roll-out, the others one drawn log-uniformly up to the greatest of `settings.rollout`;
    the least is its first + 1, as none at all is the other half. A roll-out that the shortest volume has no room
    for is cut.
    """
    rng = np.random.default_rng(seed)
    longest = min(len(volume.image) for volume in volumes) - clip_length(settings, propagation.window, 0)
    drawn = int(np.exp(rng.uniform(*np.log(np.array(settings.rollout) + 1)))) if rng.random() < 0.5 else 0
    windows = min(drawn, settings.rollout[1], longest)
    picked = (drawn_volume(rng, volumes) for _ in range(batch))
    return stack_clips([draw_clip(rng, volume, settings, propagation, windows) for volume in picked])


def batches_of_clips(volumes: Volumes, settings: ClipSettings, propagation: PropagationSettings, batch: int, seed: int):
    """A function from a number to the batch of clips of that number; each has a seed of its own."""
    return lambda number: batch_of_clips(volumes, settings, propagation, batch, (seed, number))


def stack_clips(clips: Sequence[Clip]) -> Clip:
    """Clips of equal lengths as one, every array with a leading axis."""
    evidence = Evidence(*(np.stack(parts) for parts in zip(*(clip.evidence for clip in clips), strict=True)))
    exemplars = Exemplars(*(np.stack(parts) for parts in zip(*(clip.exemplars for clip in clips), strict=True)))
    rest = (np.stack([getattr(clip, name) for clip in clips]) for name in Clip._fields[1:-1])
    return Clip(evidence, *rest, exemplars)


def _draw(rng, known, held, extent, far: bool, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """Anywhere where all is known and `held` is None, else about annotated slices."""
    slices = len(known)
    if held is None:
        return (draw_one_sided if far else draw_between)(rng, extent, slices, settings, window, rollout)
    there = np.flatnonzero(held)
    if far:
        return draw_known_one_sided(rng, there, np.flatnonzero(known & ~held), slices, settings, window, rollout)
    return draw_known_between(rng, there, slices, settings, window, rollout)


def _truth(label: DrawnLabel, first: int, length: int, shared: int) -> np.ndarray:
    """The label on the slices of a clip: none where it is not known, but on the first ones what is to be expected."""
    indices = range(first, first + length)
    empty = np.zeros(label.labels.shape[1:], bool)
    return np.stack([label.at(index) if label.known[index] or index < first + shared else empty for index in indices])


def _region(rng, label: DrawnLabel, masks, propagation: PropagationSettings, middle: int | None, areas) -> Region:
    """Around the references, as wide as `areas` between them ask for; where a clip's `middle` may be far off, there."""
    seen = list(masks.values())
    if middle is not None:
        near = [label.at(index) for index in (min(masks), middle)]
        seen = near if any(mask.any() for mask in near) else seen
    if not any(mask.any() for mask in seen):  # a shape that vanishes and comes back
        seen = [label.at(label.extent[0])]
    margin = propagation.margin * (swelling(areas) if areas else 1.0)
    region = region_around(seen, label.spacing_mm, margin, least_share=propagation.least_share)
    return jitter_region(rng, region, 0.06, (0.9, 1.25))


def _augmented(rng, images, exemplars: Exemplars):
    """The images of the clip and of its exemplars, changed alike."""
    together = augment_intensity(rng, np.concatenate([images, exemplars.image[..., 0]]))
    return together[: len(images)], exemplars._replace(image=together[len(images) :, ..., None])


def _recent_slice(rng, references, newest: int, back: int) -> int | None:
    """One of the last slices up to `newest`, none of them a reference; None where there is none yet."""
    index = newest - int(rng.integers(0, back))
    return max(index, references[-1] + 1) if newest > references[-1] else None


def _estimate(rng, masks, settings: ClipSettings):
    """Masks (slice, row, column) as the network might have estimated them."""
    degraded = degrade_mask(rng, masks)
    return lose_part(rng, degraded) if settings.lost and rng.random() < settings.lost else degraded


def _with_start(
    rng, evidence: Evidence, truth, before, exemplars: Exemplars, settings: ClipSettings, shared: int
) -> Clip:
    """The clip; beyond the muscle's end half of the degraded starts hold `before`, the last mask, as if carried on."""
    nothing_known = not (evidence.is_reference[0].any() or evidence.has_anchor[0].any())
    has_start = np.float32(nothing_known or rng.random() < settings.degraded)
    start = np.zeros((shared, *truth.shape[1:]), np.float32)
    if has_start:
        masks, carry = truth[:shared].copy(), rng.random() < 0.5
        for index in range(shared):
            if carry and not masks[index].any():
                masks[index] = masks[index - 1] if index else before[0]
        start = _estimate(rng, masks, settings)
        known = evidence.is_reference[:shared, ..., 0]
        start = np.where(known > 0, evidence.annotation[:shared, ..., 0], start)
    weight = 1 - evidence.is_reference[:, 0, 0, 0]
    return Clip(evidence, start[..., None], has_start.reshape(1, 1, 1, 1), truth[..., None], weight, exemplars)
