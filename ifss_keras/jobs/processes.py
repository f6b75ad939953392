"""The cases of a batch in several processes, each with its own network; one that dies takes one case with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait

from ifss_keras.core.cores import usable_cores
from ifss_keras.jobs.batch_case import Case, Outcome, run_case_alone

_SPAWNED = multiprocessing.get_context("spawn")  # TensorFlow does not live through a fork


class _Worker:
    """A process and the case that it is at, None before the first; it is the one at `place` of `count`."""

    def __init__(self, place: int, count: int):
        self.place = place
        self.pipe, theirs = _SPAWNED.Pipe()
        self.process = _SPAWNED.Process(target=_work, args=(theirs, place, count), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends with the process
        self.case: Case | None = None

    def begin(self, case: Case) -> None:
        self.case = case
        with contextlib.suppress(OSError):  # it is dead, which the pipe's end tells
            self.pipe.send(case)

    def outcome(self) -> Outcome | None:
        """Of its case, once the pipe has something; None where the process has ended."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_in_processes(cases: Sequence[Case], count: int) -> Iterator[Outcome]:
    """The outcome of each case, as they come.

    Args:
        cases: to do.
        count: processes at most; cores are shared among them.
    """
    count = min(count, len(cases))
    waiting, busy = deque(cases), []
    try:
        while waiting or busy:
            while waiting and len(busy) < count:
                place = min(set(range(count)) - {worker.place for worker in busy})
                busy.append(_Worker(place, count))
                busy[-1].begin(waiting.popleft())
            ready = wait([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                outcome = worker.outcome()
                told = outcome or _lost(worker)
                if outcome and waiting:
                    worker.begin(waiting.popleft())
                else:
                    worker.end()
                    busy.remove(worker)
                yield told
    finally:
        for worker in busy:
            worker.end()


def _lost(worker: _Worker) -> Outcome:
    worker.process.join()
    code = worker.process.exitcode
    why = f"by signal {-code}" if code < 0 else f"with code {code}"
    told = f"The process that worked on it ended {why}, mostly for too little memory: use fewer workers."
    return Outcome(worker.case, "failed", error=told)


def _work(pipe: Connection, place: int, count: int) -> None:
    """What a process does: one case after the other, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process answers it, and ends this one
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    _take_share_of_cores(place, count)
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(run_case_alone(pipe.recv()))


def _take_share_of_cores(place: int, count: int) -> None:
    """Leaves the other processes theirs: threads of all libraries for all cores in each would wait for each other."""
    share = str(-(-usable_cores() // count))
    os.environ["OMP_NUM_THREADS"] = share  # see `usable_cores`
    if not hasattr(os, "sched_setaffinity"):  # macOS and Windows
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", share)
        return
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cores[place::count] or [cores[place % len(cores)]])


def _end_with_the_first() -> None:
    """Ends this process when the one that started it has ended, as by kill -9."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
