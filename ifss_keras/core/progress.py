"""How long work tells what it has done: one kind of callback for all of it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

Progress = Callable[[str, int, int], None]  # the part's name, how much of it is done, how much there is


def silent(name: str, done: int, total: int) -> None:
    """Tells nobody."""


class Counter:
    """Adds up what it is called with and tells the sum, as a part of work that comes in pieces.

    Args:
        progress: who is told.
        name: of the part.
        total: how much there is.
    """

    def __init__(self, progress: Progress, name: str, total: int):
        self.progress, self.name, self.total, self.done = progress, name, total, 0
        self._lock = Lock()

    def __call__(self, more: int = 1) -> None:
        with self._lock:  # pieces may come from several threads
            self.done += more
            self.progress(self.name, self.done, self.total)
