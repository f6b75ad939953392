"""Training clips: a few consecutive windows of one muscle, with the references that were drawn for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from ifss_keras.core.checks import require
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
    move_border,
    redraw_mask,
)
from ifss_keras.training.examples.corpus import TrainingVolume


@dataclass(frozen=True)
class ClipSettings:
    """Which clips are drawn. Lengths are in slices, shares from 0 to 1; `PropagationSettings` say how they are shown.

    Attributes:
        windows: consecutive windows that are trained on.
        gap: the least and greatest distance between two references, drawn log-uniformly.
        both_ends: share of the clips with a reference at both ends; the others have one to a window of them on one
            side.
        degraded: share of the clips that start from a degraded truth and not from what the anchor says.
        redrawn: share of the clips whose references are a little wrong, as contours drawn by hand are.
        border_mm: so far inside to so far outside of a label the annotations of a clip run, truth and references alike,
            but at most a fifth of the label's radius: experts draw inside, on, or outside of a bright line.
        recent: share of the clips with references on one side that look up an estimate of the slices just before,
            as prediction does there, beside the first reference.
        lost: share of the estimates, of starts and of recent slices, that lack a large part of the muscle.
        rollout: the range of windows before the trained ones that the network runs through without gradient.
        recent_slices: how far back such an estimate may lie.
    """

    __pydantic_config__: ClassVar[dict] = {"extra": "forbid"}

    windows: int = 5
    gap: tuple[int, int] = (4, 80)
    both_ends: float = 2 / 3
    degraded: float = 0.5
    redrawn: float = 0.0
    border_mm: float = 0.0
    recent: float = 0.0
    lost: float = 0.0
    rollout: tuple[int, int] = (0, 24)
    recent_slices: int = 9

    def __post_init__(self):
        for name in ("windows", "recent_slices"):
            require(getattr(self, name) > 0, f"{name} must be 1 or more, received {getattr(self, name)}.")
        for name, least in (("gap", 1), ("rollout", 0)):
            low, high = pair = getattr(self, name)
            right = least <= low <= high
            require(right, f"{name}: the least comes first, then the greatest, both {least} or more, received {pair}.")
        require(0 <= self.border_mm < np.inf, f"border_mm must be a length from 0 on, received {self.border_mm}.")
        for name in ("both_ends", "degraded", "redrawn", "recent", "lost"):
            share = getattr(self, name)
            require(0 <= share <= 1, f"{name} must be a share from 0 to 1, received {share}.")


class Clip(NamedTuple):
    """One example. Arrays (slice, row, column, 1) as in `Evidence`, `weight` (slice,).

    Attributes:
        evidence: what the network may know.
        start: (window - 1, row, column, 1), the estimates before the first window.
        has_start: (1, 1, 1, 1): 1 where `start` holds, 0 where the evidence itself says how to start.
        truth: the target, 0 or 1.
        weight: of each slice in the loss; 0 on a reference, so no annotation is both seen and asked for.
        exemplars: the references that the network may look up.
    """

    evidence: Evidence
    start: np.ndarray
    has_start: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    exemplars: Exemplars


class Draw(NamedTuple):
    """Which slices a clip holds and which of the volume's are its references.

    Attributes:
        first: slice of the clip.
        references: that the clip is shown.
        further: beyond these; they tell how the muscle goes on.
    """

    first: int
    references: tuple[int, ...]
    further: tuple[int, ...] = ()


def draw_between(rng, extent, slices, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """A clip anywhere between two references that both hold the muscle.

    A gap shorter than the clip lets it run over the second reference, as far as the volume goes. In three of four clips
    the muscle is annotated at about this distance from end to end, as people do, else nowhere beyond the two.
    """
    length = clip_length(settings, window, rollout)
    room = extent[1] - extent[0]
    least = min(max(settings.gap[0], min(length - 1, settings.gap[1]) if rollout else 0), room)
    most = max(min(settings.gap[1], room), least)
    gap = int(np.exp(rng.uniform(np.log(least), np.log(most + 0.999))))
    a = int(rng.integers(extent[0], extent[1] - gap + 1))
    b = a + gap
    first = int(rng.integers(a, max(a, b - length + 1) + 1))
    further = ()
    if rng.random() < 0.75:
        step = max(round(gap * rng.uniform(0.7, 1.3)), 1)
        before, after = range(a - step, extent[0], -step), range(b + step, extent[1], step)
        ends = {extent[0], extent[1]} - {a, b}
        further = tuple(sorted({*before, *after, *ends}))
    return Draw(min(first, slices - length), (a, b), further)


def draw_one_sided(rng, extent, slices, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """A clip at or after consecutive references on one side.

    A quarter of them run over the muscle's end, a quarter begin where the muscle begins and go inwards, the others
    lie anywhere: where all references near an end led out of the muscle, the network would learn that a mask near
    an end vanishes. Half of them have as many references as a window; the others one or more, as the outermost of a
    volume may be alone.
    """
    length = clip_length(settings, window, rollout)
    run = window if rng.random() < 0.5 else int(rng.integers(1, window + 1))
    latest = max(extent[0], extent[1] - run + 1)
    place, away = rng.random(), 0 if rollout else int(rng.integers(0, settings.gap[1]))
    if place < 1 / 4:
        first = extent[1] - int(rng.integers(-2, length))
        reference = first - away
    elif place < 1 / 2:
        reference = extent[0] + int(rng.integers(0, (extent[1] - extent[0]) // 10 + 1))
        first = reference + away // 8
    else:
        reference = int(rng.integers(extent[0], latest + 1))
        first = min(reference + away, extent[1])
    reference = int(np.clip(reference, extent[0], latest))
    first = int(np.clip(first, reference, slices - length))
    return Draw(first, tuple(range(reference, min(reference + run, extent[1] + 1))))


def clip_length(settings: ClipSettings, window: int, rollout: int) -> int:
    """Slices in a clip of `rollout` windows without gradient and the trained ones, each of `window` slices."""
    return rollout + settings.windows + window - 1


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
    draw = (draw_one_sided if far else draw_between)(rng, extent, slices, settings, window, rollout)
    first, references, length = draw.first, draw.references, clip_length(settings, window, rollout)

    spacing_mm = volume.spacing_mm[1:]
    label = _Label(rng, labels, code, spacing_mm, extent, settings.border_mm)
    masks = {index: label.at(index) for index in references}
    annotated = masks | {index: label.at(index) for index in draw.further}
    areas = expected_areas(annotated, *references) if propagation.anchor_area and not far else None
    region = _region(rng, label, masks, propagation, first + length // 2 if far else None, areas)
    images = to_working(volume.intensity.apply(image[first : first + length]), region, spacing_mm, size)
    truth = to_working(np.stack([label.at(index) for index in range(first, first + length)]), region, spacing_mm, size)
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
    return flip(rng, _with_start(rng, evidence, truth, before, shown, settings, window - 1))


class _Label:
    """One label as an annotator draws it: its border up to `border_mm` inside or outside, everywhere alike."""

    def __init__(self, rng, labels, code, spacing_mm, extent, border_mm):
        self.labels, self.code, self.spacing_mm, self.extent = labels, code, spacing_mm, extent
        self._offset_mm = 0.0
        if border_mm:
            middle = (labels[sum(extent) // 2] == code).sum() * spacing_mm[0] * spacing_mm[1]
            self._offset_mm = rng.uniform(-1, 1) * min(border_mm, 0.2 * np.sqrt(middle / np.pi))

    def at(self, index: int) -> np.ndarray:
        """The mask (row, column) bool; where nothing would be left, it is the label's own."""
        mask = self.labels[index] == self.code
        moved = move_border(mask, self.spacing_mm, self._offset_mm)
        return moved if moved.any() else mask


def _region(rng, label: _Label, masks, propagation: PropagationSettings, middle: int | None, areas) -> Region:
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
