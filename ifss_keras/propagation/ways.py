"""Ways through the slices of a span, window by window, and what is seen of these slices."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np

from ifss_keras.propagation.engine import TOGETHER, Arrays, Engine
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars

_LEAST_PACKS = 2  # a window may lie in two


class Sight:
    """The slices of a span: the evidence for them, and what the engine sees in their images, looked up when needed.

    Args:
        engine: see `Engine`.
        evidence: (slice, row, column, 1).
        exemplars: (slot, row, column, 1), the annotated slices that a network with a memory looks up.
        room_bytes: of what is seen, as much is kept; where a span has more slices, they are looked at anew behind the
            middle, where its two ways have met.
    """

    def __init__(
        self, engine: Engine, evidence: Evidence, exemplars: Exemplars | None = None, room_bytes: float = np.inf
    ):
        self.engine = engine
        self.evidence = evidence
        self.slices = len(evidence.image)
        self._exemplars = exemplars if engine.looks_up else None
        self._remembered: Arrays | None = None
        self._looking: dict[int, Lock] = {}
        self._lock = Lock()
        self._room_bytes = room_bytes
        self._packs: OrderedDict[int, Arrays] = OrderedDict()

    def seen(self, slices: np.ndarray) -> Arrays:
        """What is seen of neighbouring slices, {name: (slice, ...)}; what is remembered where nothing is looked at."""
        with self._lock:  # the ways of a span may be in two lanes
            if self._remembered is None:
                self._remembered = self.engine.remember(self._exemplars) if self._exemplars else {}
        if not self.engine.looks:
            return self._remembered
        first, last = (int(end) // TOGETHER for end in (slices.min(), slices.max()))
        packs = [self._pack(number) for number in range(first, last + 1)]
        inside = slices - first * TOGETHER
        return {
            name: (packs[0][name] if first == last else np.concatenate([pack[name] for pack in packs]))[inside]
            for name in packs[0]
        }

    def _pack(self, number: int) -> Arrays:
        with self._lock:
            looking = self._looking.setdefault(number, Lock())
        with looking:  # each pack once, different ones at the same time
            with self._lock:
                found = self._packs.pop(number, None)
            if found is None:
                image = self.evidence.image[number * TOGETHER : (number + 1) * TOGETHER]
                found = self.engine.look(image, self._remembered)
            with self._lock:
                self._packs[number] = found
                size = sum(part.nbytes for part in found.values())
                while len(self._packs) > max(self._room_bytes // size, _LEAST_PACKS):
                    self._packs.popitem(last=False)
            return found


class Way:
    """One way through the slices of a span, forwards or backwards; fewer than a window go on with the last of them.

    Args:
        sight: of the slices.
        backward: from the last slice to the first.
        start: (window - 1, row, column, 1), the estimates of the first slices; None: from the evidence.
        goes_on: `newest` will be asked for, as another way goes on from there.
    """

    def __init__(self, sight: Sight, *, backward: bool = False, start: np.ndarray | None = None, goes_on: bool = False):
        self.sight = sight
        self.backward = backward
        self.window = sight.engine.window
        self._done = 0
        self.memory = {name: np.zeros(shape, np.float32) for name, shape in sight.engine.memory_shapes.items()}
        self.estimates = sight.engine.start(self._evidence(self.window - 1)) if start is None else start
        size = sight.evidence.image.shape[:-1]
        self._total = np.zeros(size, np.float32)
        self._newest = np.zeros(size, np.float32) if goes_on else None
        self._counts = np.zeros(sight.slices, np.float32)

    @property
    def finished(self) -> bool:
        """Whether every window has been run."""
        return self._done > max(self.sight.slices - self.window, 0)

    def evidence(self) -> Evidence:
        """For the next window, in this way's order."""
        return self._evidence(self.window)

    def seen(self) -> Arrays:
        """What is seen of the next window's slices, in this way's order."""
        return self.sight.seen(np.arange(self.sight.slices)[self._slices(self.window)])

    def take(self, muscle: np.ndarray, estimates: np.ndarray, memory: Arrays) -> None:
        """Takes what the engine made of the next window: (window, row, column), and the state after it."""
        slices = self._slices(min(self.window, self.sight.slices))
        self._total[slices] += muscle[: self.sight.slices]
        if self._newest is not None:
            self._newest[slices] = muscle[: self.sight.slices]
        self._counts[slices] += 1
        self.estimates, self.memory = estimates, memory
        self._done += 1

    def soft(self) -> np.ndarray:
        """The soft mask of every slice (slice, row, column): the mean over the windows that held it."""
        return self._total / self._counts[:, None, None]

    def newest(self) -> np.ndarray:
        """For each slice the estimate of the last window that held it, (slice, row, column)."""
        return self._newest

    def _evidence(self, count: int) -> Evidence:
        slices = self._slices(count)
        return Evidence(*(part[slices] for part in self.sight.evidence))

    def _slices(self, count: int) -> slice | np.ndarray:
        """The first slices of the next window, in this way's order; indices where they go on with the last of them."""
        first, last = self._done, self.sight.slices - 1
        if first + count > self.sight.slices:
            slices = np.minimum(first + np.arange(count), last)
            return last - slices if self.backward else slices
        if not self.backward:
            return slice(first, first + count)
        stop = last - first - count
        return slice(last - first, None if stop < 0 else stop, -1)
