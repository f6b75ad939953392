"""From a volume and a few annotated slices to the whole mask and its millilitres."""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ifss_keras.core.backend import start_backend
from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.along_sweep import along_sweep, needs_order
from ifss_keras.inference.carried_labels import carry_annotation
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.session import Session
from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose
from ifss_keras.propagation.engine import Engine, KerasEngine
from ifss_keras.propagation.openvino_engine import OpenVinoEngine
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.settings import MEMORY_GB, PropagationSettings
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.catalogue import find_architecture
from ifss_keras.zoo.preset import CONFIG, Preset
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, load_network, verified_engine


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

        A preset with an exported engine runs by OpenVINO, which starts at once and is faster on a processor; one
        without, where OpenVINO is not installed, or where the environment names a `KERAS_BACKEND`, by Keras.

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
        if _runs_exported(found):
            return cls(OpenVinoEngine(verified_engine(found)), found.propagation)
        start_backend()
        return cls.of_network(load_network(found), found.propagation)

    def open(self, volume: Volume) -> Session:
        """A session in which a volume's slices are annotated one after the other."""
        return Session(self, volume)

    def predict(
        self,
        volume: Volume,
        annotation: Annotation,
        *,
        previous: np.ndarray | None = None,
        progress: Progress = silent,
        memory_gb: float = MEMORY_GB,
    ) -> Prediction:
        """The annotated slices carried through the volume by the network.

        Between references both sides are used; outside them, unless they are said or seen to be the ends, the mask is
        carried on and ends where the muscle ends. Where labels meet, each voxel goes to the more probable one. The same
        input gives the same result.

        Args:
            volume: any grid, any real voxel type.
            annotation: on the volume's grid.
            previous: (slice, row, column) codes, the mask that fewer references gave. What lies between two references
                of a label, or beyond the outermost one, is copied from it bit for bit where it holds these references
                as they are; only other spans are run. Voxels that a reference of another label claims are that label's.
            progress: told of each label, the slices done and those to do.
            memory_gb: for what the network sees in slices, in 10^9 bytes; with less, long spans are looked at twice.

        Raises:
            InputError: `previous` is of another shape, or given for the frames of a tracked sweep.
        """
        if previous is not None:
            _check_previous(previous, volume)
        if needs_order(volume):
            return along_sweep(partial(self.predict, progress=progress, memory_gb=memory_gb), volume, annotation)
        carrier = Carrier(SpanRunner(self.runner.engine, memory_gb), volume, self.settings)
        carried = carry_annotation(carrier, annotation, progress, previous)
        shape, spacing_mm, threshold = volume.array.shape, volume.spacing_mm, self.settings.threshold
        labels = compose(carried.soft, carried.drawn, shape, spacing_mm, threshold)
        return Prediction.of_labels(labels, volume, annotation, carried.origins(carrier))


def _check_previous(previous: np.ndarray, volume: Volume) -> None:
    if needs_order(volume):
        raise InputError("Of the frames of a tracked sweep nothing is copied from an earlier mask: leave it out.")
    if previous.shape != volume.array.shape:
        raise InputError(
            f"The earlier mask has shape {previous.shape} (slice, row, column): expected the volume's, "
            f"{volume.array.shape}; give the mask that was predicted on this image."
        )


def _runs_exported(preset: Preset) -> bool:
    """Whether a preset runs without Keras: unless a backend of Keras is asked for, as where there is a GPU."""
    return bool(preset.engine) and "KERAS_BACKEND" not in os.environ and find_spec("openvino") is not None
