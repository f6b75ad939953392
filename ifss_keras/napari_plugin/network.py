"""A network in a process of its own, and sessions with it that look like those in this one."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ifss_keras.core.errors import IFSSError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.prediction import Prediction
from ifss_keras.napari_plugin.messages import Reply, Request, Stopped, send
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import find_preset

NAMELESS: Mapping[int, str] = MappingProxyType({})

_running: dict[str, Network] = {}


class NetworkGone(IFSSError):
    """The network's process has ended by itself."""

    def __init__(self):
        super().__init__(
            "The network's process has ended, most often for want of memory: what is drawn is still there; close other "
            "programs and try again."
        )


def open_session(preset: str, volume: Volume) -> RemoteSession:
    """A session of a volume; the first with a preset starts its process, which takes seconds.

    Raises:
        InputError, PresetError: see `Predictor.from_preset`.
    """
    find_preset(preset)  # before seconds are spent on a process
    for idle in [name for name, held in _running.items() if name != preset and not held.needed]:
        del _running[idle]
    network = _running.get(preset)
    if network is None or not network.alive:
        network = _running[preset] = Network(preset)
    return RemoteSession(network, volume)


class Network:
    """The process of a preset's network; it ends with this one.

    Args:
        preset: name or folder.
    """

    def __init__(self, preset: str):
        command = [sys.executable, "-m", "ifss_keras.napari_plugin.network_process", preset]
        no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # there is one on Windows alone
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, creationflags=no_window
        )
        self._lock = threading.Lock()
        self._requests = self._sessions = 0
        self._closed: list[int] = []
        self._needed: set[int] = set()
        weakref.finalize(self, self._process.kill)

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    @property
    def needed(self) -> bool:
        """Whether there are sessions that somebody still has."""
        return bool(self._needed)

    def new_session(self) -> int:
        """The number of a session that is not open yet."""
        self._sessions += 1
        self._needed.add(self._sessions)
        return self._sessions

    def close_session(self, number: int) -> None:
        """Lets a session go, with the next request."""
        self._needed.discard(number)
        self._closed.append(number)

    def ask(
        self,
        session: int,
        what: str,
        given: Any = None,
        names: Mapping[int, str] = NAMELESS,
        tell: Progress = silent,
    ) -> Any:
        """What a `Request` comes to.

        Where `tell` raises, the request is stopped; if it was done by then, its result counts, else the error goes on.

        Raises:
            NetworkGone: the process has ended.
            IFSSError: as the session in the process raises it.
        """
        with self._lock:
            self._requests += 1
            closed, self._closed = tuple(self._closed), []
            try:
                send(self._process.stdin, Request(self._requests, session, what, given, dict(names), closed))
                return self._awaited(tell)
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                self._process.kill()
                self._process.wait()
                raise NetworkGone from error

    def _awaited(self, tell: Progress) -> Any:
        stopped: BaseException | None = None
        while True:
            reply: Reply = pickle.load(self._process.stdout)
            if reply.kind == "done":
                return reply.told
            if reply.kind == "failed":
                raise RuntimeError(reply.told)
            if reply.kind == "refused":
                raise stopped if stopped and isinstance(reply.told, Stopped) else reply.told
            if stopped is None:
                try:
                    tell(*reply.told)
                except BaseException as error:
                    stopped = error
                    send(self._process.stdin, Request(self._requests, 0, "stop"))


class RemoteSession:
    """A `Session` whose network is in another process: the same attributes, of which copies are held here.

    Args:
        network: whose process.
        volume: any grid, any real voxel type.
    """

    def __init__(self, network: Network, volume: Volume):
        self.volume = volume
        self.labels = np.zeros(volume.array.shape, np.uint8)
        self.references: dict[int, dict[int, np.ndarray]] = {}
        self.names: dict[int, str] = {}
        self._network, self._number = network, network.new_session()
        weakref.finalize(self, network.close_session, self._number)
        network.ask(self._number, "open", volume)

    @property
    def alive(self) -> bool:
        """Whether it can go on."""
        return self._network.alive

    def revise(
        self, masks: Mapping[int, Mapping[int, np.ndarray | None]], *, progress: Progress = silent
    ) -> dict[int, np.ndarray]:
        """As `Session.revise`; NetworkGone if the process has ended."""
        changed, self.references = self._network.ask(self._number, "revise", masks, self.names, progress)
        for index, plane in changed.items():
            self.labels[index] = plane
        return changed

    def settle(self, *, progress: Progress = silent) -> dict[int, np.ndarray]:
        """As `Session.settle`; NetworkGone if the process has ended."""
        changed = self._network.ask(self._number, "settle", names=self.names, tell=progress)
        for index, plane in changed.items():
            self.labels[index] = plane
        return changed

    @property
    def annotation(self) -> Annotation:
        """As `Session.annotation`."""
        return Annotation.of_references(self.references, self.names)

    def prediction(self) -> Prediction:
        """As `Session.prediction`; NetworkGone if the process has ended."""
        summaries, notes = self._network.ask(self._number, "prediction", names=self.names)
        return Prediction(self.labels.copy(), summaries, self.volume, notes)
