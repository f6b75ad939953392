"""Which method serves each label of a volume best, seen on a reference that none of them was shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ifss_keras.data.anchor import interpolate_shapes
from ifss_keras.data.pseudo_clips import PseudoSpan
from ifss_keras.data.region import to_grid
from ifss_keras.inference.label_propagation import LabelPropagation
from ifss_keras.inference.span_network import SpanNetwork
from ifss_keras.metrics.overlap import dice
from ifss_keras.training.adaptation import Adaptation, VolumeTrainer

LEAST_BETWEEN = 6  # references of all labels with others on both sides: from fewer the network learns harm
CLEARLY = 0.9  # of the network's error: what the adapted network's may be at most, as a slice or three tell little
LEAST_DISTANCE = 2  # slices from a reference held back to those beside it
MOST_CHECKED = 3
ALL_COUNT = 3  # slices: what the mean over all labels counts beside a label's own, which are one to three
SHARE_BEFORE_CHOICE = 0.7  # of the steps; the others see all references

ADAPTED, NETWORK = "adapted network", "network"
CURVE, SHAPE = INTERPOLATIONS = ("curve", "shape")  # the better one first: where both are equal it is taken


@dataclass(frozen=True)
class Check:
    """How well each method found references that it was not shown, from the references on both sides.

    Attributes:
        slices: of those references.
        dice: method to mean Dice.
    """

    slices: tuple[int, ...]
    dice: dict[str, float]


def winners(checks: Mapping[int, Check]) -> dict[int, str]:
    """Label code to the best method, the adapted network only if it is clearly better than the network.

    What one slice says of a label is mostly chance, and from twice as far away as anything is predicted it favours
    interpolation here and the network there. So it counts beside what was found over all labels: on the volumes for
    development (torso every 10, 35 labels) a slice alone took interpolation for 7 labels and lost 0.011 Dice by it. A
    volume of one label has its own slices only, and what is taken is never worse than interpolation on them.
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
    return mean + (own - mean) * slices / (slices + ALL_COUNT)


def _winner(dice: Mapping[str, float]) -> str:
    network, adapted = dice[NETWORK], dice[ADAPTED]
    clearly = adapted > network and 1 - adapted <= CLEARLY * (1 - network)
    return max((NETWORK, *((ADAPTED,) if clearly else ()), *INTERPOLATIONS), key=dice.__getitem__)


@dataclass(frozen=True, eq=False)
class Choice:
    """What a label is predicted with.

    Attributes:
        method: `ADAPTED`, `NETWORK`, `SHAPE` or `CURVE`.
        propagation: by a network that also sees the volume mirrored; for the interpolations it serves outside the
            outermost references only.
        check: what was decided on; None where there was nothing to decide.
    """

    method: str
    propagation: LabelPropagation
    check: Check | None = None


def held_out_references(masks: Mapping[int, np.ndarray]) -> tuple[int, ...]:
    """Of the references that hold the label between two others that do, one to three that are no neighbours.

    At most a quarter of all, and none if none lies so. The two others must be a few slices apart, and none beside it:
    near another every method is right.
    """
    inner = _between_others(masks)
    count = min(max(len(masks) // 4, 1), MOST_CHECKED, (len(inner) + 1) // 2)
    return tuple(inner[int((place + 0.5) * len(inner) / count)] for place in range(count))


def _between_others(masks: Mapping[int, np.ndarray]) -> list[int]:
    """The references that hold the label between two others that do, a few slices apart."""
    indices = sorted(masks)
    return [
        index
        for before, index, after in zip(indices, indices[1:], indices[2:], strict=False)
        if min(index - before, after - index) >= LEAST_DISTANCE and all(masks[i].any() for i in (before, index, after))
    ]


def choose(
    propagation: LabelPropagation,
    masks: Mapping[int, Mapping[int, np.ndarray]],
    adaptation: Adaptation,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, Choice]:
    """For every label the method to predict it with; the same input gives the same choice.

    A copy of the network is trained without one to three references of each label, which then decide between that
    copy, the network as it was, and shape interpolation, straight or bent; at last the copy is trained on all for a
    few steps more. With fewer than `LEAST_BETWEEN` references that lie between two others every label keeps the
    network: on synthetic calves with 3 or 4 references for each of three muscles the copy was worse, and a reference
    held back did not tell, as it is twice as far from its neighbours as any slice that is predicted.

    Args:
        propagation: with the network as it is.
        masks: label code to slice index to (row, column) bool.
        adaptation: see there.
        progress: called with the steps done and the steps to do.
    """
    if sum(len(_between_others(references)) for references in masks.values()) < LEAST_BETWEEN:
        return dict.fromkeys(masks, Choice(NETWORK, propagation.mirrored()))
    held_out = {code: held_out_references(references) for code, references in masks.items()}
    network, working = propagation.network, propagation.working
    steps = adaptation.steps_for(len(masks))
    first = round(SHARE_BEFORE_CHOICE * steps)
    settings = working.clip_settings(network.window)
    trainer = VolumeTrainer(network.network, settings, adaptation, steps, working.recurrent)
    shown = {
        code: {index: mask for index, mask in references.items() if index not in held_out[code]}
        for code, references in masks.items()
    }
    spans = pseudo_spans(propagation, shown)
    trainer.train(propagation.annotated(shown), spans, first, progress)
    adapted = LabelPropagation(SpanNetwork(trainer.network, working.recurrent), propagation.volume, working)
    checks = {
        code: _check(held_out[code], masks[code], {ADAPTED: adapted, NETWORK: propagation})
        for code in masks
        if held_out[code]
    }
    won = dict.fromkeys(masks, NETWORK) | winners(checks)
    if ADAPTED in won.values():
        trainer.train(propagation.annotated(masks), spans, steps - first, progress)
    adapted, propagation = adapted.mirrored(), propagation.mirrored()
    return {
        code: Choice(method, adapted if method == ADAPTED else propagation, checks.get(code))
        for code, method in won.items()
    }


def pseudo_spans(
    propagation: LabelPropagation, masks: Mapping[int, Mapping[int, np.ndarray]], most: int = 8
) -> list[PseudoSpan]:
    """What the network predicts between references that both hold a label, in at most `most` evenly chosen gaps."""
    if propagation.working.softness is None:
        return []
    gaps = [
        (code, first, last)
        for code, references in masks.items()
        for first, last in pairwise(sorted(references))
        if last - first > propagation.network.window and references[first].any() and references[last].any()
    ]
    spans = []
    for place in np.unique(np.linspace(0, len(gaps) - 1, min(most, len(gaps))).round().astype(int)):
        code, first, last = gaps[place]
        soft = propagation.between(first, last, masks[code])
        values = np.stack([soft[index].values for index in range(first + 1, last)])
        spans.append(PseudoSpan(code, first, last, soft[first + 1].region, values))
    return spans


def _check(slices: tuple[int, ...], masks: Mapping[int, np.ndarray], networks: Mapping[str, LabelPropagation]) -> Check:
    """Mean Dice at some references, each predicted from the others before and after it."""
    found = [_dice_at(index, slices, masks, networks) for index in slices]
    return Check(slices, {method: float(np.mean([dices[method] for dices in found])) for method in found[0]})


def _dice_at(index, hidden, masks, networks) -> dict[str, float]:
    """Method to Dice at the reference `index`, none of the references in `hidden` shown."""
    shown = {other: mask for other, mask in masks.items() if other not in hidden}
    before, after = max(other for other in shown if other < index), min(other for other in shown if other > index)
    spacing_mm = next(iter(networks.values())).volume.spacing_mm[1:]
    found = {method: _interpolated(shown, index, spacing_mm, method == CURVE) for method in INTERPOLATIONS}
    for method, propagation in networks.items():
        soft = propagation.between(before, after, shown)[index]
        values = to_grid(soft.values[None], soft.region, spacing_mm, masks[index].shape)[0]
        found[method] = values > propagation.working.threshold
    return {method: float(dice(mask[None], masks[index][None])) for method, mask in found.items()}


def _interpolated(shown: Mapping[int, np.ndarray], index: int, spacing_mm, curved: bool) -> np.ndarray:
    """The slice `index` of a label, interpolated from the two references before it and the two after it."""
    before, after = (sorted(other for other in shown if (other > index) == later) for later in (False, True))
    near = {other: shown[other] for other in before[-2:] + after[:2]}
    return dict(interpolate_shapes(near, spacing_mm, curved=curved))[index]
