"""From a volume and a few annotated slices to the whole mask and its millilitres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.data.references import References
from ifss_keras.data.volume import Volume
from ifss_keras.inference.label_propagation import LabelPropagation, Working
from ifss_keras.inference.soft_volume import compose
from ifss_keras.inference.span_network import SpanNetwork
from ifss_keras.inference.summary import Prediction, content_order, summarize
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, load_network


class Predictor:
    """A network, ready to carry annotations through any volume.

    Args:
        network: an `IFSSNet`.
        working: how volumes are shown to it.
    """

    def __init__(self, network, working: Working):
        self.working = working
        self._spans = SpanNetwork(network)

    @classmethod
    def from_preset(cls, name: str = DEFAULT_PRESET) -> Predictor:
        """A predictor with released weights.

        Raises:
            PresetError, ChecksumError: see `IFSSNet.from_preset`.
        """
        return cls(load_network(name), Working(**find_preset(name).working))

    @classmethod
    def from_training(cls, weights: str | Path) -> Predictor:
        """A predictor with weights that `ifss train` wrote; the recipe.yaml beside them tells the network.

        Raises:
            InputError: no recipe.yaml beside the weights, or its network cannot be built.
            PresetError: weights that do not fit the recipe's network.
        """
        from ifss_keras.training.recipe import read_recipe
        from ifss_keras.zoo.ifss_net import IFSSNet
        from ifss_keras.zoo.weights_file import load_weights

        weights = Path(weights)
        if not weights.is_file():
            raise InputError(f"The weights file {weights} does not exist; check the path.")
        recipe = read_recipe(weights.parent / "recipe.yaml")
        settings = recipe.clip_settings()
        try:
            network = IFSSNet(name="ifss_net", **recipe.network.model_dump())
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"The network in {weights.parent / 'recipe.yaml'} cannot be built: {reason}") from error
        load_weights(network, weights)
        return cls(network, Working(settings.size, settings.margin, settings.least_share, settings.softness))

    def predict(
        self,
        volume: Volume,
        references: References,
        *,
        progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    ) -> Prediction:
        """The references carried through the volume by the network.

        Between references both sides are used; outside them the mask is carried on and ends where the muscle ends.
        Where labels meet, each voxel goes to the more probable one. The same input gives the same result.

        Args:
            volume: any grid, any real voxel type.
            references: on the volume's grid.
            progress: called with a label's name, the slices done and the slices to do.
        """
        propagation = LabelPropagation(self._spans, volume, self.working)
        held = [references.for_label(code) for code in content_order(references)]
        soft = {}
        for label in held:
            total = len(volume.array) - len(label.masks)
            done = _Counter(lambda count, name=label.name, total=total: progress(name, count, total))
            soft[label.code] = propagation.run(label.masks, done)
        masks = {label.code: label.masks for label in held}
        labels = compose(soft, masks, volume.array.shape, volume.spacing_mm, self.working.threshold)
        return Prediction(labels, summarize(labels, volume.spacing_mm, references))


class _Counter:
    """Adds up what it is called with and reports the sum."""

    def __init__(self, report: Callable[[int], None]):
        self.count = 0
        self.report = report

    def __call__(self, more: int) -> None:
        self.count += more
        self.report(self.count)
