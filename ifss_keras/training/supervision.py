"""Which slices of a training volume may be known: decided once for each volume, and never drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.parts import Supervision

_FIRST_STEPS, _LEAST_STEP, _GREATEST_STEP = (6, 12), 24, 50  # of TMI 2021, section III-C3, for 29 participants


@dataclass(frozen=True)
class Seen:
    """What a training ever sees: `annotated` of `slices` slices, of all volumes together."""

    annotated: int
    slices: int

    def __str__(self) -> str:
        share = 100 * self.annotated / self.slices
        return f"{self.annotated:,} of {self.slices:,} slices annotated ({share:.1f} %)"


def supervised(
    volumes: Sequence[TrainingVolume], supervision: Supervision, codes: Sequence[int] | None = None
) -> list[TrainingVolume]:
    """The volumes, their labels known on the slices of a schedule alone.

    Args:
        volumes: in their order, by which "decremental" goes.
        supervision: the schedule.
        codes: of the labels that it is for; others, such as known negatives, stay as they are. None: all.
    """
    return [_supervised(volume, supervision, place, len(volumes), codes) for place, volume in enumerate(volumes)]


def annotated_slices(supervision: Supervision, slices: int, place: int, count: int) -> np.ndarray:
    """(slice,) bool: which slices of a volume a schedule takes; not of kind "files", which depends on the labels.

    - "every": a run of slices in the middle of each of the equal parts that are nearest to `every` slices long: of
      1400 slices 14 times 3, the 42 of TMI 2021, section III-C2.
    - "share": that share of the slices, evenly spread.
    - "decremental": one slice in every d, d = 6, 12, 24, 25, ..., 50 for 29 volumes, as the numbers of slices that TMI
      2021, section III-C3, prints imply: floor(1400 / d). It calls the decay exponential; it is not. For any other
      number of volumes the steps from 24 to 50 are spread evenly over those after the second.

    Args:
        supervision: the schedule.
        slices: of the volume.
        place: of the volume among `count`.
        count: volumes there are.
    """
    if supervision.kind == "every":
        return _runs(slices, supervision.every, supervision.run)
    if supervision.kind == "share":
        return _spread(slices, max(round(supervision.share * slices), 1))
    if supervision.kind == "decremental":
        step = decremental_steps(count)[place]
        chosen = np.zeros(slices, bool)
        chosen[min(step // 2, slices - 1) :: step][: max(slices // step, 1)] = True
        return chosen
    return np.ones(slices, bool)


def decremental_steps(count: int) -> list[int]:
    """The distance of annotated slices in each of `count` volumes, see `annotated_slices`."""
    rest = np.linspace(_LEAST_STEP, _GREATEST_STEP, max(count - len(_FIRST_STEPS), 0))
    return [*_FIRST_STEPS, *(int(step) for step in np.round(rest))][:count]


def seen(volumes: Sequence[TrainingVolume], codes: Sequence[int] | None = None) -> Seen:
    """What a training on these volumes ever sees of some labels; None: of all."""
    annotated = 0
    for volume in volumes:
        named = volume.codes if codes is None else codes
        annotated += int(np.any([volume.known(code) for code in named], axis=0).sum())
    return Seen(annotated, sum(len(volume.image) for volume in volumes))


def _supervised(volume: TrainingVolume, supervision: Supervision, place: int, count: int, codes) -> TrainingVolume:
    if supervision.kind == "full":
        return volume
    chosen = annotated_slices(supervision, len(volume.image), place, count)
    annotated = dict(volume.annotated)
    for code in volume.codes if codes is None else codes:
        known = _of_files(volume, code, supervision) if supervision.kind == "files" else chosen
        annotated[code] = known & volume.known(code)
    return replace(volume, annotated=annotated).with_known_extents()


def _of_files(volume: TrainingVolume, code: int, supervision: Supervision) -> np.ndarray:
    held = volume.holds(code)
    known = volume.holds_any() if supervision.complete else held.copy()
    there = np.flatnonzero(held)
    if supervision.ends_annotated and len(there):
        known[: there[0]] = known[there[-1] + 1 :] = True
    return known


def _runs(slices: int, every: int, run: int) -> np.ndarray:
    parts, chosen = max(round(slices / every), 1), np.zeros(slices, bool)
    for part in range(parts):
        first = int((part + 0.5) * slices / parts - run / 2)
        chosen[max(first, 0) : max(first, 0) + run] = True
    return chosen


def _spread(slices: int, count: int) -> np.ndarray:
    chosen = np.zeros(slices, bool)
    chosen[((np.arange(count) + 0.5) * slices / count).astype(int)] = True
    return chosen
