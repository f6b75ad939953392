"""Spans run together: a step of the engine takes a window of each way that is on."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Condition
from typing import Any

import numpy as np

from ifss_keras.propagation.engine import Engine
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars
from ifss_keras.propagation.settings import MEMORY_GB
from ifss_keras.propagation.ways import Sight, Way

Job = Generator[list[Way], None, Any]  # yields ways that it needs run, goes on when they are, and returns its result
_INTERRUPTED_S = 0.2  # a wait without an end is not everywhere interrupted by Ctrl-C


class SpanRunner:
    """Runs ways of any number of jobs, as many at once as is good for the engine; keeps nothing between jobs.

    Args:
        engine: see `Engine`.
        memory_gb: for what the engine sees in slices, all spans that are run at once together, in 10^9 bytes.
    """

    def __init__(self, engine: Engine, memory_gb: float = MEMORY_GB):
        self.engine = engine
        self._room_bytes = memory_gb * 1e9 / max(engine.lanes * engine.at_once / 2, 1)
        self.window = engine.window

    def run(self, jobs: Iterable[Job]) -> list[Any]:
        """The results of all jobs, in their order; a job is begun when there is room for its ways.

        Where the engine has several lanes each is a thread, and jobs go on in any of them; what one raises ends all.
        """
        work = _Work(jobs)
        if self.engine.lanes == 1:
            self._lane(work)
        else:
            with ThreadPoolExecutor(self.engine.lanes) as lanes:
                try:
                    through = [lanes.submit(self._lane, work) for _ in range(self.engine.lanes)]
                    while wait(through, _INTERRUPTED_S).not_done:
                        pass
                    for lane in through:
                        lane.result()
                finally:
                    work.stopped = True
        return [work.results[number] for number in sorted(work.results)]

    def _lane(self, work: _Work) -> None:
        """Steps of as many ways as a lane takes, until there are none."""
        ways: list[Way] = []
        try:
            while not work.stopped:
                if len(ways) < self.engine.at_once and (way := work.take(wait=not ways)):
                    ways.append(way)
                if not ways:
                    return
                self._step(ways)
                for way in [way for way in ways if way.finished]:
                    ways.remove(way)
                    work.finish(way)
        except BaseException:
            work.stopped = True
            raise

    def _step(self, ways: list[Way]) -> None:
        """One window of each."""
        evidence = Evidence(*map(np.stack, zip(*(way.evidence() for way in ways), strict=True)))
        estimates = np.stack([way.estimates for way in ways])
        memory = _stacked([way.memory for way in ways])
        seen = _stacked([way.seen() for way in ways])
        muscle, estimates, memory = self.engine.step(evidence, estimates, memory, seen)
        for index, way in enumerate(ways):
            way.take(muscle[index], estimates[index], {name: part[index] for name, part in memory.items()})

    def sight(self, evidence: Evidence, exemplars: Exemplars | None = None) -> Sight:
        """See `Sight`."""
        return Sight(self.engine, evidence, exemplars, self._room_bytes)


class _Work:
    """Jobs, the ways that they wait for, and their results, for several lanes."""

    def __init__(self, jobs: Iterable[Job]):
        self.results: dict[int, Any] = {}
        self.stopped = False
        self._jobs = iter(enumerate(jobs))
        self._ready: deque[Way] = deque()
        self._of_way: dict[Way, tuple[int, Job]] = {}
        self._waits_for: dict[int, int] = {}  # number of a job to how many of its ways are not through
        self._going_on = 0  # jobs that may yet ask for ways
        self._change = Condition()

    def take(self, *, wait: bool) -> Way | None:
        """A way that nobody runs; of a new job if need be. None if there is none, or will be none if told to wait."""
        while True:
            with self._change:
                while not self._ready:
                    number, job = next(self._jobs, (None, None))
                    if job is not None:
                        self._going_on += 1
                        break
                    if not wait or not self._going_on or self.stopped:
                        return None
                    self._change.wait(0.1)
                else:
                    return self._ready.popleft()
            self._go_on(number, job)

    def finish(self, way: Way) -> None:
        """The way is through; its job goes on if it was the last that it waited for."""
        with self._change:
            number, job = self._of_way.pop(way)
            self._waits_for[number] -= 1
            if self._waits_for[number]:
                return
        self._go_on(number, job)

    def _go_on(self, number: int, job: Job) -> None:
        """Runs a job until it asks for ways, or to its end."""
        try:
            while not (ways := next(job)):
                pass  # it needs none run and goes on at once
        except StopIteration as stop:
            with self._change:
                self.results[number] = stop.value
                self._going_on -= 1
                self._change.notify_all()
            return
        with self._change:
            self._waits_for[number] = len(ways)
            self._of_way |= dict.fromkeys(ways, (number, job))
            self._ready += ways
            self._change.notify_all()


def _stacked(held: list) -> dict[str, np.ndarray]:
    return {name: np.stack([each[name] for each in held]) for name in held[0]}


def both_directions(sight: Sight, towards_end: np.ndarray | None = None) -> Job:
    """Soft masks of a span between two references, (slice, row, column), and how far directions lie apart, (slice,).

    The span is run forwards and backwards; each direction counts in proportion to how near its starting reference is,
    so that reversing the slices reverses the result. Apart is the mean difference of their soft masks.

    Args:
        sight: its first and last slices references.
        towards_end: (slice,), how far of the way each slice lies, from 0 to 1; None: evenly.
    """
    ahead, back = Way(sight), Way(sight, backward=True)
    yield [ahead, back]
    if towards_end is None:
        towards_end = np.linspace(0, 1, sight.slices)
    towards_end = towards_end.astype(np.float32)[:, None, None]
    onwards, backwards = ahead.soft(), back.soft()
    apart = np.abs(onwards - backwards).mean(axis=(1, 2))
    return (1 - towards_end) * onwards + towards_end * backwards, apart


def forwards(sight: Sight) -> Job:
    """The same from its first slice on alone, where nothing lies apart."""
    way = Way(sight)
    yield [way]
    return way.soft(), np.zeros(sight.slices)
