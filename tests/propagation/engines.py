"""Small networks for engines, and random arguments for every function of an engine."""

import numpy as np

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import SLOTS, Exemplars
from ifss_keras.zoo.catalogue import network_class
from tests.layer_checks import random_weights
from tests.zoo.models import IFSS_NET, SMALL

SPLIT = IFSS_NET | {"encoder_depth_kernel": 1, "matching_kernel": 5, "window": 3}
NETWORKS = {
    "split": ("IFSSNet", SPLIT | {"memory_level": 2}),
    "split, without memory": ("IFSSNet", SPLIT | {"memory_level": 0, "window": 2, "fusion": "correlation"}),
    "split, without recurrence": ("IFSSNet", SPLIT | {"memory_level": 1, "temporal": "none", "window": 5}),
    "whole": ("IFSSNet", SPLIT | {"encoder_depth_kernel": 3, "memory_level": 1, "temporal": "forward"}),
    "the official code's": ("IFSSNetOriginal", SMALL["IFSSNetOriginal"][0]),
    "PG-Net": ("PGNet", SMALL["PGNet"][0]),
}


def network(name):
    """One of them, with random weights."""
    architecture, arguments = NETWORKS[name]
    return random_weights(network_class(architecture)(**arguments), seed=12)


class Given:
    """Random arguments for the functions of an engine.

    Args:
        engine: whose windows and memory they fit.
        size: (row, column).
        batch: how many ways.
    """

    def __init__(self, engine, size, batch, seed=0):
        self.rng, self.plane, self.window = np.random.default_rng(seed), (*size, 1), engine.window
        self.evidence = Evidence(
            self._random(batch, self.window, *self.plane),
            self._random(batch, self.window, *self.plane),
            self._flags(batch, self.window),
            self._random(batch, self.window, *self.plane),
            self._flags(batch, self.window),
        )
        self.exemplars = Exemplars(
            self._random(SLOTS, *self.plane), self._random(SLOTS, *self.plane), np.array([1, 0], np.float32)
        )
        self.estimates = self._random(batch, self.window - 1, *self.plane)
        self.memory = {name: self._random(batch, *shape) - 0.5 for name, shape in engine.memory_shapes.items()}

    def _random(self, *shape):
        return self.rng.random(shape, np.float32)

    def _flags(self, *shape):
        return self.rng.integers(0, 2, (*shape, 1, 1, 1)).astype(np.float32)

    def answers(self, engine):
        """What each function of an engine makes of these, by its name; each sees what this engine made before it."""
        remembered = engine.remember(self.exemplars) if engine.looks_up else {}
        looked = [engine.look(image, remembered) for image in self.evidence.image] if engine.looks else []
        batch = len(self.evidence.image)
        seen = {name: np.stack([part[name] for part in looked]) for name in (looked or [()])[0]}
        if not engine.looks:
            seen = {name: np.repeat(part[None], batch, axis=0) for name, part in remembered.items()}
        first = Evidence(*(part[0, : self.window - 1] for part in self.evidence))
        muscle, estimates, memory = engine.step(self.evidence, self.estimates, self.memory, seen)
        found = {f"remember {name}": part for name, part in remembered.items()}
        found |= {f"look {name}": part for name, part in (seen.items() if engine.looks else ())}
        found |= {"start": engine.start(first), "muscle": muscle, "estimates": estimates}
        return found | {f"memory {name}": part for name, part in memory.items()}
