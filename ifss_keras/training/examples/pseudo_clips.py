"""Training clips from the slices between the references of a volume, where a network has been sure of its masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.propagation.beyond import gather_beyond
from ifss_keras.propagation.evidence import gather_evidence
from ifss_keras.propagation.exemplars import gather_exemplars
from ifss_keras.propagation.region import Region, to_working
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.augmentation import degrade_mask
from ifss_keras.training.examples.clips import Clip
from ifss_keras.training.examples.reference_clips import AnnotatedVolume, changed_clip


@dataclass(frozen=True)
class PseudoClipSettings:
    """Which masks of a network's own are asked for.

    Attributes:
        confident: least Dice that a slice expects of itself, see `confidence`.
    """

    confident: float = 0.9


SETTINGS = PseudoClipSettings()


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
        sure = confidence(self.soft) >= SETTINGS.confident
        places = range(len(self.soft) - window + 1)
        return [self.first + 1 + place for place in places if sure[place : place + window].any()]


def confidence(soft: np.ndarray) -> np.ndarray:
    """The Dice that each slice of soft masks (slice, row, column) expects of itself, (slice,).

    Of the mask above one half, were each pixel muscle as often as its value says; 1 where all is 0.
    """
    held = soft > 0.5
    return (2 * (soft * held).sum((1, 2)) + 1e-6) / (soft.sum((1, 2)) + held.sum((1, 2)) + 1e-6)


def draw_pseudo_clip(
    rng: np.random.Generator, volume: AnnotatedVolume, span: PseudoSpan, propagation: PropagationSettings
) -> Clip:
    """A clip of one window, shown as prediction shows it, that asks for the network's own masks where it was sure.

    Args:
        rng: decides everything that is random.
        volume: with the references of the span.
        span: with `windows` to choose from.
        propagation: how clips are shown; with a softness.
    """
    window, size, spacing_mm, region = propagation.window, propagation.size, volume.spacing_mm[1:], span.region
    begins = span.windows(window)
    first = begins[int(rng.integers(len(begins)))]
    references = volume.masks[span.code]
    masks = {index: references[index] for index in (span.first, span.last)}
    images = to_working(volume.intensity.apply(volume.image[first : first + window]), region, spacing_mm, size)
    known = {index: to_working(mask[None], region, spacing_mm, size)[0] for index, mask in masks.items()}
    beyond = gather_beyond(references, span.first, span.last, region, spacing_mm, size, propagation.bend)
    evidence = gather_evidence(images, known, first, propagation.softness, beyond)
    exemplars = gather_exemplars(volume.image, volume.intensity, masks, region, spacing_mm, size, centred=False)
    soft = span.soft[first - span.first - 1 :][:window]
    truth = (soft > 0.5).astype(np.float32)
    start = degrade_mask(rng, truth[:-1]) if rng.random() < 0.5 else None
    sure = confidence(soft) >= SETTINGS.confident
    return changed_clip(rng, images, evidence.anchor[..., 0], start, truth, sure, exemplars)
