"""Training clips from nothing but the annotated slices of the volume that is to be predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from ifss_keras.propagation.beyond import gather_beyond
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars, gather_exemplars
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.region import region_around, to_working
from ifss_keras.propagation.settings import PropagationSettings, Softness
from ifss_keras.propagation.shape import ShapeSpan, signed_distance
from ifss_keras.training.examples.augmentation import augment_intensity, bend, degrade_mask, jitter_region, smooth_field
from ifss_keras.training.examples.clips import Clip


@dataclass(frozen=True, eq=False)
class AnnotatedVolume:
    """A volume and its references.

    Attributes:
        image: (slice, row, column), any real type.
        spacing_mm: (slice, row, column).
        intensity: range of the grey values.
        masks: label code to slice index to (row, column) bool.
    """

    image: np.ndarray
    spacing_mm: tuple[float, float, float]
    intensity: IntensityRange
    masks: Mapping[int, Mapping[int, np.ndarray]]


@dataclass(frozen=True)
class ReferenceClipSettings:
    """Which clips are drawn from references.

    Attributes:
        open: share of the clips that carry on a mask without an anchor, as outside the outermost references.
        least_scale: the shortest distance that is played, as a part of that to the neighbours.
    """

    open: float = 0.15
    least_scale: float = 0.15


class _Hidden(NamedTuple):
    """The reference that is asked for, and its neighbours among the label's references, if any."""

    code: int
    index: int
    before: int | None
    after: int | None


def draw_reference_clip(
    rng: np.random.Generator,
    volume: AnnotatedVolume,
    propagation: PropagationSettings,
    settings: ReferenceClipSettings,
) -> Clip:
    """A clip of one window around a reference that is hidden and asked for; no other slice counts in the loss.

    Between two other references the anchor errs as theirs does, but by a random part of it, as if they were nearer,
    and is as soft as it would be at that distance. Elsewhere, and without `softness`, a mask is carried on.

    Args:
        rng: decides everything that is random.
        volume: a label needs two references or more; one in which none has them cannot be drawn from.
        propagation: how clips are shown.
        settings: which clips are drawn.
    """
    size, window = propagation.size, propagation.window
    hidden = _choose(rng, volume.masks)
    masks = volume.masks[hidden.code]
    neighbours = [index for index in (hidden.before, hidden.after) if index is not None]
    closed = len(neighbours) == 2 and all(masks[index].any() for index in (hidden.index, *neighbours))
    closed = closed and propagation.softness is not None and rng.random() >= settings.open
    first = _first_slice(rng, hidden.index, window, len(volume.image))
    indices = range(first, first + window)
    shown = neighbours if closed else [_carried_from(rng, masks, neighbours)]
    holds = masks[hidden.index].any() and not closed
    around = [masks[hidden.index]] if holds else [masks[index] for index in shown]
    spacing_mm = volume.spacing_mm[1:]
    region = region_around(around, spacing_mm, propagation.margin, least_share=propagation.least_share)
    region = jitter_region(rng, region, 0.04, (0.92, 1.12))

    def working(array):
        return to_working(array, region, spacing_mm, size)

    images = working(volume.intensity.apply(volume.image[first : first + window]))
    truth = working(masks[hidden.index][None])[0]
    references = {index: masks[index] for index in shown}
    exemplars = gather_exemplars(
        volume.image, volume.intensity, references, region, spacing_mm, size, centred=not closed
    )
    if closed:
        pair = [working(masks[index][None])[0] > 0.5 for index in neighbours]
        beyond = gather_beyond(masks, hidden.before, hidden.after, region, spacing_mm, size, propagation.bend)
        span = ShapeSpan(*pair, gap=hidden.after - hidden.before, beyond=beyond)
        scale = rng.uniform(settings.least_scale, 1)
        anchors, start = _anchors(rng, span, truth > 0.5, hidden, indices, propagation.softness, scale)
    else:
        carried = truth if truth.any() else working(masks[shown[0]][None])[0]
        anchors, start = None, degrade_mask(rng, np.repeat(carried[None], window - 1, axis=0))
    asked = np.arange(window) == hidden.index - first
    target = asked[:, None, None] * truth
    return changed_clip(rng, images, anchors, start, target.astype(np.float32), asked, exemplars)


def _choose(rng, masks: Mapping[int, Mapping[int, np.ndarray]]) -> _Hidden:
    """A label, and one of its references: one that holds it, or now and then one where it has just ended."""
    codes = [code for code, held in masks.items() if len(held) > 1 and any(mask.any() for mask in held.values())]
    code = int(codes[rng.integers(len(codes))])
    indices = sorted(masks[code])
    holds = [masks[code][index].any() for index in indices]
    places = [place for place, held in enumerate(holds) if held]
    ended = [place for place, held in enumerate(holds) if not held and any(holds[max(place - 1, 0) : place + 2])]
    chosen = ended if ended and rng.random() < 0.1 else places
    place = int(chosen[rng.integers(len(chosen))])
    before = indices[place - 1] if place else None
    after = indices[place + 1] if place + 1 < len(indices) else None
    return _Hidden(code, indices[place], before, after)


def _carried_from(rng, masks, neighbours: list[int]) -> int:
    """The neighbour that a mask is carried on from: one that holds the label, if there is one."""
    holding = [index for index in neighbours if masks[index].any()] or neighbours
    return holding[int(rng.integers(len(holding)))]


def _first_slice(rng, index, window, slices) -> int:
    return int(np.clip(index - rng.integers(window), 0, slices - window))


def _anchors(rng, span: ShapeSpan, truth, hidden: _Hidden, indices, softness: Softness, scale: float):
    """Anchors (window, row, column) and estimates (window - 1, row, column) that err by a part of what they would.

    The signed distance of the neighbours' anchor is moved towards that of the truth; the same movement serves the
    slices beside it, where the truth is unknown.
    """
    gap, size = hidden.after - hidden.before, len(truth)
    wrong = span.at((hidden.index - hidden.before) / gap) - signed_distance(truth)
    wrong = wrong + rng.uniform(0, 1) * smooth_field(rng, (size, size))
    offsets = np.clip(np.array(indices) - hidden.before, 0, gap)
    distances = np.stack([span.at(offset / gap) for offset in offsets])
    soft = softness.at(offsets * scale, gap * scale, span.change() * scale)[:, None, None]
    anchors = expit((distances - (1 - scale) * wrong) / soft)
    better = scale * rng.uniform(0, 1)
    estimates = distances - (1 - better) * wrong + rng.uniform(0, 0.7) * smooth_field(rng, (size, size))
    estimates = expit(estimates[:-1] / rng.uniform(0.4, 1.2)).astype(np.float32)
    return anchors.astype(np.float32), estimates if rng.random() < 0.7 else None


def changed_clip(
    rng: np.random.Generator,
    images: np.ndarray,
    anchors: np.ndarray | None,
    start: np.ndarray | None,
    truth: np.ndarray,
    weight: np.ndarray,
    exemplars: Exemplars,
) -> Clip:
    """A clip of one window without a reference in it; grey values changed alike, everything bent alike.

    Args:
        rng: decides.
        images: (slice, row, column) in [0, 1], as are `anchors` and `truth`.
        anchors: None where the mask is carried on.
        start: (slice - 1, row, column), the estimates before; None: as the anchors say.
        truth: what is asked for.
        weight: (slice,), of each slice in the loss.
        exemplars: the references that the network may look up.
    """
    window, size = len(images), images.shape[1]
    together = augment_intensity(rng, np.concatenate([images, exemplars.image[..., 0]]))
    has_anchor, has_start = np.float32(anchors is not None), np.float32(start is not None)
    anchors = np.zeros((window, size, size), np.float32) if anchors is None else anchors
    start = np.zeros((window - 1, size, size), np.float32) if start is None else start
    stack = np.concatenate([together, anchors, start, truth, exemplars.mask[..., 0]])
    stack = np.clip(bend(rng, stack), 0, 1)[..., None]
    parts = np.split(stack, np.cumsum([window, len(exemplars.image), window, window - 1, window]))
    images, shown, anchors, start, truth, held = parts
    flags = np.zeros((window, 1, 1, 1), np.float32)
    evidence = Evidence(images, np.zeros_like(images), flags, anchors, flags + has_anchor)
    target = (truth > 0.5).astype(np.float32)
    exemplars = Exemplars(shown, held, exemplars.weight)
    return Clip(evidence, start, has_start.reshape(1, 1, 1, 1), target, weight.astype(np.float32), exemplars)
