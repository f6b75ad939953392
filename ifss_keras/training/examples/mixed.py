"""A lab's own volumes and synthetic ones, of which examples are drawn by share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.training.examples.corpus import TrainingVolume


@dataclass(frozen=True)
class MixedVolumes:
    """Volumes of two kinds; iterating gives all.

    Attributes:
        own: of a data set, one or more.
        synthetic: one or more.
        share: of the examples that are drawn of `own`, from 0 to 1.
    """

    own: Sequence[TrainingVolume]
    synthetic: Sequence[TrainingVolume]
    share: float

    def __iter__(self) -> Iterator[TrainingVolume]:
        yield from self.own
        yield from self.synthetic

    def __len__(self) -> int:
        return len(self.own) + len(self.synthetic)


Volumes = Sequence[TrainingVolume] | MixedVolumes


def drawn_volume(rng: np.random.Generator, volumes: Volumes) -> TrainingVolume:
    """One of the volumes, each as likely as any other; of two kinds first the kind is drawn, by share."""
    if isinstance(volumes, MixedVolumes):
        volumes = volumes.own if rng.random() < volumes.share else volumes.synthetic
    return volumes[int(rng.integers(len(volumes)))]
