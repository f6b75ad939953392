"""From a volume and a few annotated slices to the whole mask and its millilitres."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.inference.along_sweep import along_sweep, needs_order
from ifss_keras.inference.methods import NETWORK
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.session import Session
from ifss_keras.inference.summary import Origin, content_order
from ifss_keras.propagation.carry import Carrier, Told
from ifss_keras.propagation.compose import compose
from ifss_keras.propagation.engine import Engine, KerasEngine
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.catalogue import find_architecture
from ifss_keras.zoo.presets import CONFIG, DEFAULT_PRESET, find_preset, load_network


class Predictor:
    """A network, ready to carry annotations through any volume.

    Args:
        engine: runs the network.
        settings: how volumes are shown to it.
    """

    def __init__(self, engine: Engine, settings: PropagationSettings):
        self.settings = settings
        self.runner = SpanRunner(engine)

    @classmethod
    def of_network(cls, network, settings: PropagationSettings) -> Predictor:
        """A predictor with an `IFSSNet`, or another network that carries annotated slices on, by Keras."""
        return cls(KerasEngine(network, settings.flow), settings)

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
        import os

        if os.environ.get("EXP"):
            from ifss_keras.propagation.openvino_engine import OpenVinoEngine

            return cls(OpenVinoEngine(Path("/tmp/exp/v5.openvino"), os.environ["EXP"]), found.propagation)
        return cls.of_network(load_network(found), found.propagation)

    def open(self, volume: Volume) -> Session:
        """A session in which a volume's slices are annotated one after the other."""
        return Session(self, volume)

    def predict(self, volume: Volume, annotation: Annotation, *, progress: Progress = silent) -> Prediction:
        """The annotated slices carried through the volume by the network.

        Between references both sides are used; outside them, unless they are said or seen to be the ends, the mask is
        carried on and ends where the muscle ends. Where labels meet, each voxel goes to the more probable one. The same
        input gives the same result.

        Args:
            volume: any grid, any real voxel type.
            annotation: on the volume's grid.
            progress: told of each label, the slices done and those to do.
        """
        if needs_order(volume):
            return along_sweep(partial(self.predict, progress=progress), volume, annotation)
        told = {}
        for code in content_order(annotation):
            label = annotation.for_label(code)
            held = max(label.masks) - min(label.masks) + 1
            slices = held if annotation.ends_annotated else len(volume.array)
            done = Counter(progress, label.name, slices - len(label.masks))
            told[code] = Told(label.masks, annotation.ends_annotated, done)
        carried = Carrier(self.runner, volume, self.settings).carry_all(told)
        soft = {code: found.soft for code, found in carried.items()}
        masks = {code: label.masks for code, label in told.items()}
        origins = {code: Origin(NETWORK, found.ends, found.certainty) for code, found in carried.items()}
        labels = compose(soft, masks, volume.array.shape, volume.spacing_mm, self.settings.threshold)
        return Prediction.of_labels(labels, volume, annotation, origins)
