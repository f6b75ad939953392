"""Lanes: many short jobs at once, what is raised in one of them, and an interruption."""

import signal
import threading
import time

import numpy as np
import pytest

from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.ways import Way
from tests.propagation.spans_of_evidence import span


class Hasty:
    """An engine for several lanes whose steps take a few unlike moments; a way's answer is how many steps it has had.

    Args:
        lanes: threads.
        fails: after so many steps in all a step raises; None: never.
    """

    window, at_once, looks, looks_up = 2, 3, False, False

    def __init__(self, lanes, fails=None, slow=0.001):
        self.memory_shapes = {"steps": (1,)}
        self.lanes, self.fails, self.slow = lanes, fails, slow
        self.steps, self.largest, self.threads = 0, 0, set()
        self._rng, self._lock = np.random.default_rng(0), threading.Lock()

    def start(self, evidence):
        return evidence.annotation

    def step(self, evidence, estimates, memory, seen):
        with self._lock:
            self.steps += 1
            self.largest = max(self.largest, len(estimates))
            self.threads.add(threading.get_ident())
            moment = self._rng.random() * self.slow
            if self.steps == self.fails:
                raise ValueError("in a step")
        time.sleep(moment)
        muscle = np.broadcast_to(memory["steps"][:, :, None, None], evidence.image.shape[:-1])
        return muscle, estimates, {"steps": memory["steps"] + 1}


def asking(network, number, log):
    """A job that asks as often as its number says, at first for one way, then for two, for none as its fourth."""
    steps = 0
    for asked in range(number % 5):
        log.append(number)
        ways = [
            Way(network.sight(span(2 + (number + place) % 3)), goes_on=True) for place in range((1, 2, 2, 0)[asked])
        ]
        yield ways
        assert all(way.finished for way in ways)
        steps += sum(int(way.newest().max()) + 1 for way in ways)
    return number, steps


@pytest.mark.parametrize("lanes", [1, 2, 7])
def test_many_short_jobs_in_lanes_give_what_they_give_in_one(lanes):
    network, log = SpanRunner(Hasty(lanes)), []
    expected = []
    for number in range(120):
        ways = [(number + place) % 3 for count in (1, 2, 2, 0)[: number % 5] for place in range(count)]
        expected.append((number, sum(more + 1 for more in ways)))
    assert network.run(asking(network, number, log) for number in range(120)) == expected
    assert sorted(log) == sorted(number for number in range(120) for _ in range(number % 5))
    assert 1 < network.engine.largest <= 3
    assert len(network.engine.threads) == lanes


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("where", ["step", "job", "list"])
def test_what_is_raised_ends_all_lanes_and_the_next_run_is_whole(where, lanes):
    before = threading.active_count()
    network, begun = SpanRunner(Hasty(lanes, fails=20 if where == "step" else None)), []

    def failing(number):
        begun.append(number)
        found = yield from asking(network, number, [])
        if where == "job" and number == 30:
            raise ValueError("in a job")
        return found

    def jobs():
        for number in range(1000):
            if where == "list" and number == 30:
                raise ValueError("in a list")
            yield failing(number)

    with pytest.raises(ValueError, match=f"in a {where}"):
        network.run(jobs())
    assert len(begun) < 100
    assert threading.active_count() == before
    assert network.run(asking(network, number, []) for number in (4, 0)) == [(4, 12), (0, 0)]


@pytest.fixture
def interrupted():
    """Ctrl-C reaches the main thread after half a second, as from a terminal."""
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    yield
    timer.join()


def test_an_interruption_stops_the_lanes_within_a_step(interrupted):
    network = SpanRunner(Hasty(3, slow=0.1))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        network.run(asking(network, 4, []) for _ in range(100_000))
    assert time.monotonic() - began < 5  # half a second, a step, and what a busy machine adds
    steps = network.engine.steps
    time.sleep(0.3)
    assert network.engine.steps == steps > 3
