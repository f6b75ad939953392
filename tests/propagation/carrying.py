"""Networks whose answer is known, what they carry through a volume, and what there is to see in it."""

import numpy as np
from keras import ops

from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose
from ifss_keras.propagation.engine import KerasEngine
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.0, 1.0, 1.0)


class Answer:
    """A network without weights whose muscle channel is one of its inputs."""

    window = 3

    def __init__(self, name):
        self.name = name

    def initial_memory(self, batch):
        return {}

    def remember(self, image, mask, weight):
        return {}

    def halves(self):
        return None

    def __call__(self, inputs, training=None):
        muscle = inputs[self.name]
        probabilities = ops.concatenate([muscle, 1 - muscle], axis=-1)
        return {"probabilities": probabilities}


def answering(name):
    """A runner of a network that answers with its input of that name."""
    return SpanRunner(KerasEngine(Answer(name)))


def discs(centres, radius=7.0, shape=(48, 56)):
    """(slice, row, column) bool: a disc around each centre (row, column), none for None."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    empty = np.zeros(shape, bool)
    return np.stack([empty if c is None else np.hypot(rows - c[0], columns - c[1]) < radius for c in centres])


def carried(network, truth, references, *, image=None, empty=(), settings=None):
    """The mask that the network carries from the reference slices of `truth` through a volume as bright as it."""
    volume = Volume.from_array(np.where(truth, 200, 20).astype(np.uint8) if image is None else image, SPACING_MM)
    masks = {index: truth[index] for index in references} | {index: np.zeros_like(truth[0]) for index in empty}
    soft = Carrier(network, volume, settings or PropagationSettings(size=48)).carry(masks).soft
    assert not set(soft) & set(masks)
    return compose({1: soft}, {1: masks}, truth.shape, SPACING_MM) == 1


def held(mask):
    return np.flatnonzero(mask.any(axis=(1, 2))).tolist()


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())
