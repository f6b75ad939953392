"""Spans run together: a step of the engine takes a window of each way that is on."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from ifss_keras.propagation.engine import Engine
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars
from ifss_keras.propagation.ways import Sight, Way

Job = Generator[list[Way], None, Any]  # yields ways that it needs run, goes on when they are, and returns its result


class SpanRunner:
    """Runs ways of any number of jobs, as many at once as is good for the engine; keeps nothing between jobs.

    Args:
        engine: see `Engine`.
    """

    def __init__(self, engine: Engine):
        self.engine = engine
        self.window = engine.window

    def run(self, jobs: Iterable[Job]) -> list[Any]:
        """The results of all jobs, in their order; a job is begun when there is room for its ways."""
        results: dict[int, Any] = {}
        waiting, running = enumerate(jobs), []

        def go_on(number: int, job: Job) -> None:
            try:
                ways = next(job)
                running.append((number, job, ways))
            except StopIteration as stop:
                results[number] = stop.value

        more = True
        while more or running:
            while more and sum(len(ways) for _, _, ways in running) < self.engine.at_once:
                number, job = next(waiting, (None, None))
                more = job is not None
                if more:
                    go_on(number, job)
            if not running:
                continue
            on = [way for _, _, ways in running for way in ways if not way.finished]
            self._step(on[: self.engine.at_once])
            through = [held for held in running if all(way.finished for way in held[2])]
            running = [held for held in running if held not in through]
            for number, job, _ in through:
                go_on(number, job)
        return [results[number] for number in sorted(results)]

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
        return Sight(self.engine, evidence, exemplars)


def _stacked(held: list) -> dict[str, np.ndarray]:
    return {name: np.stack([each[name] for each in held]) for name in held[0]}


def both_directions(sight: Sight, towards_end: np.ndarray | None = None) -> Job:
    """Soft masks of a span between two references, (slice, row, column).

    The span is run forwards and backwards; each direction counts in proportion to how near its starting reference is,
    so that reversing the slices reverses the result.

    Args:
        sight: its first and last slices references.
        towards_end: (slice,), how far of the way each slice lies, from 0 to 1; None: evenly.
    """
    ahead, back = Way(sight), Way(sight, backward=True)
    yield [ahead, back]
    if towards_end is None:
        towards_end = np.linspace(0, 1, sight.slices)
    towards_end = towards_end.astype(np.float32)[:, None, None]
    return (1 - towards_end) * ahead.soft() + towards_end * back.soft()


def forwards(sight: Sight) -> Job:
    """Soft masks of a span from its first slice on alone, (slice, row, column)."""
    way = Way(sight)
    yield [way]
    return way.soft()
