"""Training clips from the slices between the references of a volume, where a network has been sure of its masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.data.augmentation import degrade_mask
from ifss_keras.data.beyond import gather_beyond
from ifss_keras.data.clips import Clip
from ifss_keras.data.evidence import gather_evidence
from ifss_keras.data.exemplars import gather_exemplars
from ifss_keras.data.reference_clips import AnnotatedVolume, ReferenceClipSettings, changed_clip
from ifss_keras.data.region import Region, to_working

CONFIDENT = 0.9


@dataclass(frozen=True, eq=False)
class PseudoSpan:
    """The slices between two neighbouring references of a label, as a network saw them.

    Attributes:
        code: of the label.
        first: the reference before them; `last`: the one after them.
        region: at working size, of all of them.
        soft: (slice, row, column), slices `first` + 1 to `last` - 1.
    """

    code: int
    first: int
    last: int
    region: Region
    soft: np.ndarray

    def windows(self, window: int) -> list[int]:
        """Where windows of that many slices may begin that hold no reference and a slice that is sure."""
        sure = confidence(self.soft) >= CONFIDENT
        places = range(len(self.soft) - window + 1)
        return [self.first + 1 + place for place in places if sure[place : place + window].any()]


def confidence(soft: np.ndarray) -> np.ndarray:
    """The Dice that each slice of soft masks (slice, row, column) expects of itself, (slice,).

    Of the mask above one half, were each pixel muscle as often as its value says; 1 where all is 0.
    """
    held = soft > 0.5
    return (2 * (soft * held).sum((1, 2)) + 1e-6) / (soft.sum((1, 2)) + held.sum((1, 2)) + 1e-6)


def draw_pseudo_clip(
    rng: np.random.Generator, volume: AnnotatedVolume, span: PseudoSpan, settings: ReferenceClipSettings
) -> Clip:
    """A clip of one window, shown as prediction shows it, that asks for the network's own masks where it was sure.

    Args:
        rng: decides everything that is random.
        volume: with the references of the span.
        span: with `windows` to choose from.
        settings: with a softness.
    """
    window, spacing_mm = settings.window, volume.spacing_mm[1:]
    begins = span.windows(window)
    first = begins[int(rng.integers(len(begins)))]
    masks = {index: volume.masks[span.code][index] for index in (span.first, span.last)}
    images = volume.window.apply(volume.image[first : first + window])
    images = to_working(images, span.region, spacing_mm, settings.size)
    known = {index: to_working(mask[None], span.region, spacing_mm, settings.size)[0] for index, mask in masks.items()}
    beyond = gather_beyond(
        volume.masks[span.code], span.first, span.last, span.region, spacing_mm, settings.size, settings.bend
    )
    evidence = gather_evidence(images, known, first, settings.softness, beyond)
    exemplars = gather_exemplars(
        volume.image, volume.window, masks, span.region, spacing_mm, settings.size, centred=False
    )
    soft = span.soft[first - span.first - 1 :][:window]
    truth = (soft > 0.5).astype(np.float32)
    start = degrade_mask(rng, truth[:-1]) if rng.random() < 0.5 else None
    sure = confidence(soft) >= CONFIDENT
    return changed_clip(rng, images, evidence.anchor[..., 0], start, truth, sure, exemplars)
