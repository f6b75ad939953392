"""From a volume and a few annotated slices to the whole mask and its millilitres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.data.anchor import Softness
from ifss_keras.data.references import LabelReferences, References
from ifss_keras.data.volume import Volume
from ifss_keras.inference.adaptive import CURVE, INTERPOLATIONS, NETWORK, Choice, choose
from ifss_keras.inference.label_propagation import LabelPropagation, Working
from ifss_keras.inference.shape import soft_shapes
from ifss_keras.inference.soft_volume import SoftMask, compose
from ifss_keras.inference.span_network import SpanNetwork
from ifss_keras.inference.summary import Prediction, content_order, summarize
from ifss_keras.inference.trained import trained_network
from ifss_keras.training.adaptation import Adaptation
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.zoo.presets import DEFAULT_PRESET, Preset, find_preset, load_network

DEFAULT_ADAPTATION = Adaptation()


class Predictor:
    """A network, ready to carry annotations through any volume.

    Args:
        network: an `IFSSNet`.
        working: how volumes are shown to it.
    """

    def __init__(self, network, working: Working):
        self.working = working
        self.network = network
        self.spans = SpanNetwork(network, working.recurrent)

    @classmethod
    def from_preset(cls, name: str = DEFAULT_PRESET) -> Predictor:
        """A predictor with released weights.

        Raises:
            PresetError, ChecksumError: see `IFSSNet.from_preset`.
        """
        return cls(load_network(name), working_of(find_preset(name)))

    @classmethod
    def from_training(cls, weights: str | Path) -> Predictor:
        """A predictor with weights that `ifss train` wrote; the recipe.yaml beside them tells the network.

        Raises:
            InputError: no recipe.yaml beside the weights, or its network cannot be built.
            PresetError: weights that do not fit the recipe's network.
        """
        recipe, network = trained_network(weights)
        if not isinstance(recipe, PropagationRecipe):
            raise InputError(
                f"{weights} is of a {recipe.model}, which carries no annotated slices on: see `Segmenter`."
            )
        settings = recipe.clip_settings(network.window)
        working = Working(settings.size, settings.margin, settings.least_share, settings.softness)
        return cls(network, replace(working, recent=settings.recent > 0, recurrent=recipe.clips.recurrent))

    def predict(
        self,
        volume: Volume,
        references: References,
        *,
        adaptation: Adaptation | None = DEFAULT_ADAPTATION,
        progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    ) -> Prediction:
        """The references carried through the volume by the network.

        Between references both sides are used; outside them, unless they are said or seen to be the ends, the mask is
        carried on and ends where the muscle ends.
        Where labels meet, each voxel goes to the more probable one. With enough references a copy of the
        network is first adapted to the volume, and references held back decide between that copy, the network as it
        is, and shape interpolation, straight or bent (`inference.adaptive`); the network also sees the volume
        mirrored. The same input gives the same result.

        Args:
            volume: any grid, any real voxel type.
            references: on the volume's grid.
            adaptation: how long the network is adapted; None leaves it as it is, and the volume is seen once.
            progress: called with a label's name, or "adaptation", the slices or steps done and those to do.
        """
        propagation = LabelPropagation(self.spans, volume, self.working)
        masks = {code: references.for_label(code).masks for code in content_order(references)}
        choices = dict.fromkeys(masks, Choice(NETWORK, propagation))
        if adaptation is not None:
            choices = choose(propagation, masks, adaptation, lambda done, total: progress("adaptation", done, total))
        ends = references.ends_annotated
        soft, gone = {}, {}
        for code in masks:
            soft[code], gone[code] = _soft(choices[code], references.for_label(code), volume, ends, progress)
        labels = compose(soft, masks, volume.array.shape, volume.spacing_mm, self.working.threshold)
        return Prediction(labels, summarize(labels, volume.spacing_mm, references, NETWORK, choices, gone))


def _soft(
    choice: Choice, label: LabelReferences, volume: Volume, ends_annotated: bool, progress
) -> tuple[dict[int, SoftMask], list[int]]:
    """The soft masks of one label by the method that was chosen for it, and where it was seen to be gone."""
    masks, slices = label.masks, len(volume.array)
    if ends_annotated:
        slices = max(masks) - min(masks) + 1
    done = _Counter(lambda count: progress(label.name, count, slices - len(masks)))
    if choice.method in INTERPOLATIONS:
        within = soft_shapes(masks, volume.spacing_mm[1:], curved=choice.method == CURVE)
        done(len(within))
    else:
        within = choice.propagation.within(masks, done)
    if ends_annotated:
        return within, []
    gone = choice.propagation.seen_ends(masks, within)
    return within | choice.propagation.outside(masks, done, gone), gone


def working_of(preset: Preset) -> Working:
    """How volumes are shown to a preset's network."""
    working = dict(preset.working)
    return Working(**working | {"softness": Softness(**working.get("softness", {}))})


class _Counter:
    """Adds up what it is called with and reports the sum."""

    def __init__(self, report: Callable[[int], None]):
        self.count = 0
        self.report = report

    def __call__(self, more: int) -> None:
        self.count += more
        self.report(self.count)
