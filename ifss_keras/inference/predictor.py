"""From a volume and a few annotated slices to the whole mask and its millilitres."""

from __future__ import annotations

from pathlib import Path

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.selection import CURVE, INTERPOLATIONS, NETWORK, Choice, Selector
from ifss_keras.inference.summary import Origin, content_order
from ifss_keras.propagation.carry import Carried, Carrier
from ifss_keras.propagation.compose import compose, soft_shapes
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.adaptation import Adaptation
from ifss_keras.volumes.annotation import Annotation, LabelAnnotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.catalogue import find_architecture
from ifss_keras.zoo.presets import CONFIG, DEFAULT_PRESET, find_preset, load_network

DEFAULT_ADAPTATION = Adaptation()


class Predictor:
    """A network, ready to carry annotations through any volume.

    Args:
        network: an `IFSSNet`, or another that carries annotated slices on.
        settings: how volumes are shown to it.
    """

    def __init__(self, network, settings: PropagationSettings):
        self.network = network
        self.settings = settings
        self.runner = SpanRunner(network, settings.recurrent)
        self.selector = Selector()

    @classmethod
    def from_preset(cls, preset: str | Path = DEFAULT_PRESET) -> Predictor:
        """A predictor with released weights, or with those of a training.

        Args:
            preset: its name, or the folder of a preset, such as `ifss train` writes.

        Raises:
            InputError: its network carries no annotated slices on.
            PresetError, ChecksumError: see `load_network`.
        """
        found = find_preset(preset)
        if not find_architecture(found.architecture).needs_reference:
            raise InputError(
                f"The preset {found.name} is of the network {found.architecture}, which carries no annotated slices "
                "on: use `Segmenter`."
            )
        if found.propagation is None:
            raise PresetError(
                f"{found.folder / CONFIG} does not say how volumes are shown to the network: add propagation."
            )
        return cls(load_network(found), found.propagation)

    def predict(
        self,
        volume: Volume,
        annotation: Annotation,
        *,
        adaptation: Adaptation | None = DEFAULT_ADAPTATION,
        progress: Progress = silent,
    ) -> Prediction:
        """The annotated slices carried through the volume by the network.

        Between references both sides are used; outside them, unless they are said or seen to be the ends, the mask is
        carried on and ends where the muscle ends.
        Where labels meet, each voxel goes to the more probable one. With enough references a copy of the
        network is first adapted to the volume, and references held back decide between that copy, the network as it
        is, and shape interpolation, straight or bent (`inference.selection`); the network also sees the volume
        mirrored. The same input gives the same result.

        Args:
            volume: any grid, any real voxel type.
            annotation: on the volume's grid.
            adaptation: how long the network is adapted; None leaves it as it is, and the volume is seen once.
            progress: told of each label, or of "adaptation", the slices or steps done and those to do.
        """
        carrier = Carrier(self.runner, volume, self.settings)
        masks = {code: annotation.for_label(code).masks for code in content_order(annotation)}
        choices = dict.fromkeys(masks, Choice(NETWORK, carrier))
        if adaptation is not None:
            choices = self.selector.choose(carrier, masks, adaptation, progress)
        soft, origins = {}, {}
        for code, choice in choices.items():
            carried = _carried(choice, annotation.for_label(code), annotation.ends_annotated, progress)
            soft[code] = carried.soft
            origins[code] = Origin(choice.method, choice.check, carried.ends)
        labels = compose(soft, masks, volume.array.shape, volume.spacing_mm, self.settings.threshold)
        return Prediction.of_labels(labels, volume, annotation, origins)


def _carried(choice: Choice, label: LabelAnnotation, ends_annotated: bool, progress: Progress) -> Carried:
    """One label by the method that was chosen for it."""
    volume, masks = choice.carrier.volume, label.masks
    slices = max(masks) - min(masks) + 1 if ends_annotated else len(volume.array)
    done = Counter(progress, label.name, slices - len(masks))
    within = None
    if choice.method in INTERPOLATIONS:
        within = soft_shapes(masks, volume.spacing_mm[1:], curved=choice.method == CURVE)
    return choice.carrier.carry(masks, done, within=within, ends_annotated=ends_annotated)
