"""A server on a free port of this machine, in a thread, with a predictor that needs no network."""

import contextlib
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.inference.prediction import Prediction
from ifss_keras.server.app import make_app
from ifss_keras.server.run import http_server, listening
from ifss_keras.server.service import Settings
from ifss_keras.server.step import with_masks
from ifss_keras.volumes.annotation import Annotation

REACH = 3  # slices
MODEL = {"id": "nearest", "licence": "MIT"}


class NearestSession:
    """`Session` without a network: every slice is made again each time."""

    def __init__(self, predictor, volume):
        self.predictor, self.volume = predictor, volume
        self.labels, self.references = np.zeros(volume.array.shape, np.uint8), {}

    def annotate(self, index, mask, code):
        return self._carried(with_masks(self.references, code, {index: mask.copy()}))

    def restore(self, references):
        return self._carried({code: dict(masks) for code, masks in references.items()})

    def settle(self):
        return {}

    def prediction(self):
        if not self.references:
            raise InputError("No slice is annotated: expected one.")
        return self.predictor.predict(self.volume, Annotation.of_references(self.references, {}))

    def _carried(self, references):
        held = any(mask.any() for masks in references.values() for mask in masks.values())
        found = np.zeros_like(self.labels)
        if held:
            found = self.predictor.predict(self.volume, Annotation.of_references(references, {})).labels
        changed = {index: found[index] for index in range(len(found)) if (found[index] != self.labels[index]).any()}
        self.labels[...], self.references = found, references
        return changed


class NearestReference:
    """Each slice gets the masks of the nearest annotated slice of each label, if there is one within `REACH`.

    Args:
        before: called before each prediction.
    """

    def __init__(self, before=lambda: None):
        self.before = before

    def open(self, volume):
        return NearestSession(self, volume)

    def predict(self, volume, annotation, *, progress=None):
        self.before()
        return Prediction.of_labels(nearest(volume.array.shape, annotation), volume, annotation, "shape")


def nearest(shape, annotation):
    """(slice, row, column) codes, by hand."""
    labels = np.zeros(shape, np.uint8)
    for code in annotation.codes:
        masks = annotation.for_label(code).masks
        for index in range(shape[0]):
            at = min(masks, key=lambda known: (abs(known - index), known))
            if abs(at - index) <= REACH:
                labels[index][masks[at] & (labels[index] == 0)] = code
    for code in annotation.codes:  # what is drawn stays
        for index, mask in annotation.for_label(code).masks.items():
            labels[index][labels[index] == code] = 0
            labels[index][mask] = code
    return labels


@dataclass
class Running:
    """A server that answers.

    Attributes:
        url: where.
        service: what it shares.
    """

    url: str
    service: object
    server: object = field(repr=False)
    thread: threading.Thread = field(repr=False)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


def start(workspace, predictor=None, *, memory_gb=0.1, port=0, **settings) -> Running:
    workspace.mkdir(exist_ok=True)
    app = make_app(predictor or NearestReference(), Settings(workspace, memory_gb, MODEL, **settings))
    listener = listening("127.0.0.1", port)
    server = http_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    return Running(f"http://127.0.0.1:{listener.getsockname()[1]}", app.state.service, server, thread)


@contextlib.contextmanager
def running(workspace, predictor=None, **settings):
    """`start`, and stopped afterwards."""
    server = start(workspace, predictor, **settings)
    try:
        yield server
    finally:
        server.stop()


SHAPE = (13, 20, 24)
SPACING_MM = (2.0, 0.5, 0.4)


def image(seed=0, shape=SHAPE):
    """An image, one channel first."""
    return np.random.default_rng(seed).integers(0, 255, (1, *shape), np.uint8)


def block(rows, columns, plane=SHAPE[1:]):
    """(row, column) bool, a rectangle."""
    mask = np.zeros(plane, bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


UPPER = block((2, 9), (3, 10))
LOWER = block((12, 18), (8, 20))


def lasso(client, index, mask, adds=True):
    """Sends a lasso as napari does: its box alone."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = [[index, index + 1], [rows[0], rows[-1] + 1], [columns[0], columns[-1] + 1]]
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)[None]
    return client.add_lasso_interaction(crop, adds, interaction_bbox=[[int(v) for v in side] for side in box])
