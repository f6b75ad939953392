"""From a volume and a few annotated slices to the whole mask and its millilitres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.data.anchor import interpolate_shapes
from ifss_keras.data.references import LabelReferences, References
from ifss_keras.data.volume import Volume
from ifss_keras.inference.label_propagation import LabelPropagation, Working
from ifss_keras.inference.soft_volume import compose
from ifss_keras.inference.span_network import SpanNetwork
from ifss_keras.inference.summary import LabelSummary, summarize
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, load_network, load_weights


@dataclass(frozen=True, eq=False)
class Prediction:
    """The mask of every label on the image's grid, and what it measures.

    Attributes:
        labels: (slice, row, column), the references' codes, 0 elsewhere.
        summaries: one per label, in the order of the codes.
    """

    labels: np.ndarray
    summaries: tuple[LabelSummary, ...]


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
            InputError: no recipe.yaml beside the weights.
            PresetError: weights that do not fit the recipe's network.
        """
        from ifss_keras.training.recipe import read_recipe
        from ifss_keras.zoo.ifss_net import IFSSNet

        weights = Path(weights)
        if not weights.is_file():
            raise InputError(f"The weights file {weights} does not exist; check the path.")
        recipe = read_recipe(weights.parent / "recipe.yaml")
        network = IFSSNet(name="ifss_net", **recipe.network.model_dump())
        load_weights(network, weights)
        settings = recipe.clip_settings()
        return cls(network, Working(settings.size, settings.margin, settings.softness))

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
        labels = compose(soft, masks, volume.array.shape, volume.spacing_mm)
        return Prediction(labels, summarize(labels, volume.spacing_mm, references))


def predict_by_shape(volume: Volume, references: References) -> Prediction:
    """The references joined by shape interpolation alone: what a laboratory gets today without a network.

    Between references only; nothing outside them. Where two interpolated labels meet, the first in
    `content_order` keeps the voxel.
    """
    labels = np.zeros(volume.array.shape, np.uint8 if max(references.codes) < 256 else np.uint16)
    for code in reversed(content_order(references)):
        for index, mask in interpolate_shapes(references.for_label(code).masks, volume.spacing_mm[1:]):
            labels[index][mask] = code
    for index, plane in zip(references.slices, references.masks, strict=True):
        keep = labels[index] * ~np.isin(labels[index], np.unique(plane[plane > 0]))
        labels[index] = np.where(plane > 0, plane, keep)
    return Prediction(labels, summarize(labels, volume.spacing_mm, references))


def content_order(references: References) -> list[int]:
    """The label codes ordered by where the labels begin, so that renumbering labels changes nothing."""

    def place(label: LabelReferences):
        first = min(index for index, mask in label.masks.items() if mask.any())
        return first, int(np.flatnonzero(label.masks[first].ravel())[0])

    return sorted(references.codes, key=lambda code: place(references.for_label(code)))


class _Counter:
    """Adds up what it is called with and reports the sum."""

    def __init__(self, report: Callable[[int], None]):
        self.count = 0
        self.report = report

    def __call__(self, more: int) -> None:
        self.count += more
        self.report(self.count)

