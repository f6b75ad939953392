"""Long work in a thread of its own, with progress and a way to stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from ifss_keras.core.errors import IFSSError
from ifss_keras.core.progress import Progress
from ifss_keras.napari_plugin.messages import Stopped


class Work(QObject):
    """One piece of work at a time.

    Signals: `progressed` (what, done, to do), `busy` (whether something runs), `failed` (an error with a sentence).
    """

    progressed = Signal(str, int, int)
    busy = Signal(bool)
    failed = Signal(object)

    def __init__(self):
        super().__init__()
        self._stop: threading.Event | None = None

    @property
    def running(self) -> bool:
        """Whether something runs."""
        return self._stop is not None

    def start(
        self,
        function: Callable[[Progress], Any],
        then: Callable[[Any], None],
        otherwise: Callable[[IFSSError], None] | None = None,
    ) -> None:
        """Runs `function` in a thread, and `then` with its result in this one.

        Where it is stopped or refuses its input, `otherwise` gets the error, or `failed` if there is none. Errors that
        are none of the user's go napari's way, which shows them with their traceback.
        """
        stop = self._stop = threading.Event()

        def tell(name: str, done: int, total: int) -> None:
            if stop.is_set():
                raise Stopped
            self.progressed.emit(name, done, total)

        def run() -> tuple[Any, IFSSError | None]:
            try:
                if stop.is_set():
                    raise Stopped
                return function(tell), None
            except IFSSError as error:
                return None, error

        def end(outcome: tuple[Any, IFSSError | None]) -> None:
            self._end()
            result, error = outcome
            if error is None:
                then(result)
            else:
                (otherwise or self.failed.emit)(error)

        self.busy.emit(True)
        create_worker(run, _connect={"returned": end, "errored": self._end})

    def stop(self) -> None:
        """Asks what runs to stop at its next step."""
        if self._stop is not None:
            self._stop.set()

    def _end(self, *_: Any) -> None:
        self._stop = None
        self.busy.emit(False)
