"""Pictures of a training: a few validation examples after some epochs, with what they should be and what was found."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
from keras import ops

from ifss_keras.core.colours import PALETTE
from ifss_keras.core.files import replacing
from ifss_keras.training.examples.clips import Clip

FOLDER = "pictures"
EXAMPLES, PICTURES = 4, 5  # in a picture; about so many in a training
_PIXELS = 192  # rows of an example, about
_GAP, _GREY = 4, 64
_TRUTH, _FOUND = PALETTE[3], PALETTE[0]  # green and orange


class ValidationPictures(keras.callbacks.Callback):
    """Writes pictures/epoch_0005.png after every few epochs and after the last one, see `picture`.

    Args:
        trainer: whose network answers.
        batch: one of validation, as `fit` takes it.
        folder: of the training.
        epochs: of the whole training.
        every: epochs from picture to picture; None: as many as give `PICTURES` in all.
    """

    def __init__(self, trainer, batch, folder: Path, epochs: int, every: int | None = None):
        super().__init__()
        self.trainer = trainer
        self.batch = batch
        self.folder = folder / FOLDER
        self.epochs = epochs
        self.every = every or math.ceil(epochs / PICTURES)

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        if done % self.every and done != self.epochs:
            return
        from matplotlib.image import imsave

        self.folder.mkdir(exist_ok=True)
        with replacing(self.folder / f"epoch_{done:04d}.png") as unfinished:
            imsave(unfinished, picture(*shown(self.trainer, self.batch)))


def shortest(batches):
    """The first of all batches with the fewest slices: pictures are made without a graph, and soon."""
    return min(batches, key=lambda batch: keras.tree.flatten(batch)[0].shape[1])


def shown(trainer, batch):
    """(image, truth, found), each (example, row, column), of the first few examples of a batch.

    A clip shows its last slice, which is estimated from all before it; a window its middle one, where every pixel has
    the number of its label in the recipe's order, counted from 1.
    """
    inputs = batch[0]
    outputs = trainer(inputs, training=False)
    if isinstance(inputs, Clip):
        examples = len(inputs.truth)
        found = ops.convert_to_numpy(outputs.probability)[-examples:, -1] > 0.5
        image, truth = (ops.convert_to_numpy(part)[:, -1, ..., 0] for part in (inputs.evidence.image, inputs.truth))
        truth = truth > 0.5
    else:
        middle, classes = inputs.shape[1] // 2, batch[1].truth.shape[-1]
        both = (batch[1].truth, outputs["probabilities"])
        truth, found = (_labels(ops.convert_to_numpy(part)[:, middle], classes) for part in both)
        image = ops.convert_to_numpy(inputs)[:, middle, ..., 0]
    return image[:EXAMPLES], truth[:EXAMPLES].astype(np.uint8), found[:EXAMPLES].astype(np.uint8)


def picture(image, truth, found) -> np.ndarray:
    """(row, column, 3) uint8: a line for each example, its image alone, with the truth's outline, and with that found.

    Args:
        image: (example, row, column), in [0, 1].
        truth, found: (example, row, column), the number of a label at each pixel, 0 for none.
    """
    factor = max(1, round(_PIXELS / image.shape[1]))
    grey, truth, found = (_enlarged(part, factor) for part in (np.clip(image, 0, 1) * 255, truth, found))
    plain = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
    lines = []
    for example in range(len(image)):
        panels = [plain[example].copy() for _ in range(3)]
        panels[1][outline(truth[example])] = _TRUTH
        panels[2][outline(found[example])] = _FOUND
        lines.append(_joined(panels, axis=1))
    return _joined(lines, axis=0)


def outline(labels: np.ndarray) -> np.ndarray:
    """(row, column) bool: the pixels of labels that have a neighbour above, below or beside of another number."""
    around = np.pad(labels, 1)
    neighbours = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    return (labels > 0) & np.any([labels != neighbour for neighbour in neighbours], axis=0)


def _labels(probabilities, classes):
    """The number of the most probable label at every pixel, the last of the classes 0; one alone is cut at 0.5."""
    if probabilities.shape[-1] == 1:
        return probabilities[..., 0] > 0.5
    return (np.argmax(probabilities, axis=-1) + 1) % classes


def _enlarged(values, factor):
    return values.repeat(factor, axis=1).repeat(factor, axis=2)


def _joined(panels, axis):
    shape = list(panels[0].shape)
    shape[axis] = _GAP
    gap, joined = np.full(shape, _GREY, np.uint8), [panels[0]]
    for panel in panels[1:]:
        joined += [gap, panel]
    return np.concatenate(joined, axis=axis)
