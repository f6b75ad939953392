"""Which method serves each label of a volume best, seen on a reference that none of them was shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.summary import Check
from ifss_keras.metrics.overlap import dice
from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.region import to_grid
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.shape import interpolate_shapes
from ifss_keras.training.adaptation import Adaptation, VolumeTrainer
from ifss_keras.training.examples.pseudo_clips import PseudoSpan
from ifss_keras.training.examples.reference_clips import AnnotatedVolume

ADAPTED, NETWORK = "adapted network", "network"
CURVE, SHAPE = INTERPOLATIONS = ("curve", "shape")  # the better one first: where both are equal it is taken


@dataclass(frozen=True)
class SelectionSettings:
    """How is chosen; measured on volumes for development, see docs/propagation.md.

    Attributes:
        least_between: references of all labels with others on both sides; fewer teach the network nothing useful.
        clearly: of the network's error: what the adapted network's may be at most, as a slice or three tell little.
        least_distance: slices from a reference held back to those beside it.
        most_checked: references held back of a label.
        all_count: slices: what the mean over all labels counts beside a label's own, which are one to three.
        share_before_choice: of the steps of adaptation; the others see all references.
    """

    least_between: int = 6
    clearly: float = 0.9
    least_distance: int = 2
    most_checked: int = 3
    all_count: int = 3
    share_before_choice: float = 0.7


SETTINGS = SelectionSettings()


def winners(checks: Mapping[int, Check]) -> dict[int, str]:
    """Label code to the best method, the adapted network only if it is clearly better than the network.

    What one slice says of a label is mostly chance, and from twice as far away as anything is predicted it favours
    interpolation here and the network there. So it counts beside what was found over all labels. A volume of one
    label has its own slices only, and what is taken is never worse than interpolation on them.
    """
    if not checks:
        return {}
    methods = (NETWORK, ADAPTED, *INTERPOLATIONS)
    means = {method: np.mean([check.dice[method] for check in checks.values()]) for method in methods}
    return {
        code: _winner({method: _shrunk(check.dice[method], means[method], len(check.slices)) for method in methods})
        for code, check in checks.items()
    }


def _shrunk(own: float, mean: float, slices: int) -> float:
    """The Dice to expect of a label after some slices of its own."""
    return mean + (own - mean) * slices / (slices + SETTINGS.all_count)


def _winner(dice: Mapping[str, float]) -> str:
    network, adapted = dice[NETWORK], dice[ADAPTED]
    clearly = adapted > network and 1 - adapted <= SETTINGS.clearly * (1 - network)
    return max((NETWORK, *((ADAPTED,) if clearly else ()), *INTERPOLATIONS), key=dice.__getitem__)


@dataclass(frozen=True, eq=False)
class Choice:
    """What a label is predicted with.

    Attributes:
        method: `ADAPTED`, `NETWORK`, `SHAPE` or `CURVE`.
        carrier: by a network that also sees the volume mirrored; for the interpolations it serves outside the
            outermost references only.
        check: what was decided on; None where there was nothing to decide.
    """

    method: str
    carrier: Carrier
    check: Check | None = None


def held_out_references(masks: Mapping[int, np.ndarray]) -> tuple[int, ...]:
    """Of the references that hold the label between two others that do, one to three that are no neighbours.

    At most a quarter of all, and none if none lies so. The two others must be a few slices apart, and none beside it:
    near another every method is right.
    """
    inner = _between_others(masks)
    count = min(max(len(masks) // 4, 1), SETTINGS.most_checked, (len(inner) + 1) // 2)
    return tuple(inner[int((place + 0.5) * len(inner) / count)] for place in range(count))


def _between_others(masks: Mapping[int, np.ndarray]) -> list[int]:
    """The references that hold the label between two others that do, a few slices apart."""
    indices = sorted(masks)
    return [
        index
        for before, index, after in zip(indices, indices[1:], indices[2:], strict=False)
        if min(index - before, after - index) >= SETTINGS.least_distance
        and all(masks[i].any() for i in (before, index, after))
    ]


class Selector:
    """Chooses between methods, volume after volume, with one copy of the network that is adapted to each anew."""

    def __init__(self):
        self._adapted: SpanRunner | None = None

    def choose(
        self,
        carrier: Carrier,
        masks: Mapping[int, Mapping[int, np.ndarray]],
        adaptation: Adaptation,
        progress: Progress = silent,
    ) -> dict[int, Choice]:
        """For every label the method to predict it with; the same input gives the same choice.

        A copy of the network is trained without one to three references of each label, which then decide between that
        copy, the network as it was, and shape interpolation, straight or bent; at last the copy is trained on all for
        a few steps more. With fewer than `least_between` references that lie between two others every label keeps the
        network: there the copy is worse, and a reference held back does not tell, as it is twice as far from its
        neighbours as any slice that is predicted.

        Args:
            carrier: with the network as it is, always the same for one selector.
            masks: label code to slice index to (row, column) bool.
            adaptation: see there.
            progress: told of "adaptation", the steps done and the steps to do.
        """
        if sum(len(_between_others(references)) for references in masks.values()) < SETTINGS.least_between:
            return dict.fromkeys(masks, Choice(NETWORK, carrier.also_mirrored()))
        held_out = {code: held_out_references(references) for code, references in masks.items()}
        shown = {
            code: {index: mask for index, mask in references.items() if index not in held_out[code]}
            for code, references in masks.items()
        }
        steps = adaptation.steps_for(len(masks))
        first = round(SETTINGS.share_before_choice * steps)
        trainer, by_copy = self._trainer(carrier, adaptation, steps)
        spans = pseudo_spans(carrier, shown)
        trainer.train(annotated_volume(carrier, shown), spans, first, progress)
        checks = {
            code: _check(held_out[code], masks[code], {ADAPTED: by_copy, NETWORK: carrier})
            for code in masks
            if held_out[code]
        }
        won = dict.fromkeys(masks, NETWORK) | winners(checks)
        if ADAPTED in won.values():
            trainer.train(annotated_volume(carrier, masks), spans, steps - first, progress)
        by_copy, carrier = by_copy.also_mirrored(), carrier.also_mirrored()
        return {
            code: Choice(method, by_copy if method == ADAPTED else carrier, checks.get(code))
            for code, method in won.items()
        }

    def _trainer(self, carrier: Carrier, adaptation: Adaptation, steps: int) -> tuple[VolumeTrainer, Carrier]:
        """What adapts the copy, and what carries by it."""
        into = self._adapted and self._adapted.network
        trainer = VolumeTrainer(carrier.runner.network, carrier.settings, adaptation, steps, into)
        self._adapted = self._adapted or SpanRunner(trainer.network, carrier.settings.recurrent)
        return trainer, Carrier(self._adapted, carrier.volume, carrier.settings)


def annotated_volume(carrier: Carrier, masks: Mapping[int, Mapping[int, np.ndarray]]) -> AnnotatedVolume:
    """The volume with references of several labels, to adapt a network to."""
    return AnnotatedVolume(carrier.volume.array, carrier.volume.spacing_mm, carrier.intensity, masks)


def pseudo_spans(carrier: Carrier, masks: Mapping[int, Mapping[int, np.ndarray]], most: int = 8) -> list[PseudoSpan]:
    """What the network predicts between references that both hold a label, in at most `most` evenly chosen gaps."""
    if carrier.settings.softness is None:
        return []
    gaps = [
        (code, first, last)
        for code, references in masks.items()
        for first, last in pairwise(sorted(references))
        if last - first > carrier.runner.window and references[first].any() and references[last].any()
    ]
    spans = []
    for place in np.unique(np.linspace(0, len(gaps) - 1, min(most, len(gaps))).round().astype(int)):
        code, first, last = gaps[place]
        soft = carrier.between(first, last, masks[code])
        values = np.stack([soft[index].values for index in range(first + 1, last)])
        spans.append(PseudoSpan(code, first, last, soft[first + 1].region, values))
    return spans


def _check(slices: tuple[int, ...], masks: Mapping[int, np.ndarray], carriers: Mapping[str, Carrier]) -> Check:
    """Mean Dice at some references, each predicted from the others before and after it."""
    found = [_dice_at(index, slices, masks, carriers) for index in slices]
    return Check(slices, {method: float(np.mean([dices[method] for dices in found])) for method in found[0]})


def _dice_at(index, hidden, masks, carriers) -> dict[str, float]:
    """Method to Dice at the reference `index`, none of the references in `hidden` shown."""
    shown = {other: mask for other, mask in masks.items() if other not in hidden}
    before, after = max(other for other in shown if other < index), min(other for other in shown if other > index)
    spacing_mm = next(iter(carriers.values())).volume.spacing_mm[1:]
    found = {method: _interpolated(shown, index, spacing_mm, method == CURVE) for method in INTERPOLATIONS}
    for method, carrier in carriers.items():
        soft = carrier.between(before, after, shown)[index]
        values = to_grid(soft.values[None], soft.region, spacing_mm, masks[index].shape)[0]
        found[method] = values > carrier.settings.threshold
    return {method: float(dice(mask[None], masks[index][None])) for method, mask in found.items()}


def _interpolated(shown: Mapping[int, np.ndarray], index: int, spacing_mm, curved: bool) -> np.ndarray:
    """The slice `index` of a label, interpolated from the two references before it and the two after it."""
    before, after = (sorted(other for other in shown if (other > index) == later) for later in (False, True))
    near = {other: shown[other] for other in before[-2:] + after[:2]}
    return dict(interpolate_shapes(near, spacing_mm, curved=curved))[index]
