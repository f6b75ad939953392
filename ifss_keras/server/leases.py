"""Who may work on the server now: a lease for each client, which ends when it leaves, falls silent or sits idle."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ifss_keras.server.case import Case
from ifss_keras.server.memory import Share


class FullError(Exception):
    """Every place is taken."""


class GoneError(Exception):
    """There is no lease of that token, or it has ended."""


@dataclass(frozen=True)
class Terms:
    """How many leases there are, and when they end.

    Attributes:
        most: at a time.
        idle_s: seconds without anything that a user does.
        silent_s: seconds without any request, not even a heartbeat.
    """

    most: int = 8
    idle_s: float = 3600.0
    silent_s: float = 60.0


@dataclass(eq=False)
class Lease:
    """A client's place.

    Attributes:
        token: that the client sends along.
        active_s, seen_s: when its user last did something, and when it last sent anything.
        case: the image that it works on.
        share: of the memory, taken by that image.
        work: how much of its work is waiting or being done; it is not overdue meanwhile.
        ended: whether its time is over.
    """

    token: str
    active_s: float
    seen_s: float
    case: Case | None = None
    share: Share | None = None
    work: int = 0
    ended: bool = False


class Leases:
    """The leases of a server, for its event loop and its worker.

    Args:
        terms: see `Terms`.
        clock: seconds that never go back.
    """

    def __init__(self, terms: Terms, clock: Callable[[], float] = time.monotonic):
        self.terms = terms
        self._clock = clock
        self._held: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def claim(self) -> Lease:
        """A new lease.

        Raises:
            FullError: every place is taken.
        """
        with self._lock:
            if len(self._held) >= self.terms.most:
                raise FullError
            now = self._clock()
            lease = Lease(secrets.token_hex(16), now, now)
            self._held[lease.token] = lease
            return lease

    def find(self, token: str, *, active: bool) -> Lease:
        """The lease of a token, which is marked as seen.

        Args:
            token: as the client sends it.
            active: whether its user did something; else it only lives.

        Raises:
            GoneError: there is none.
        """
        with self._lock:
            lease = self._held.get(token)
            if lease is None:
                raise GoneError
            lease.seen_s = self._clock()
            if active:
                lease.active_s = lease.seen_s
            return lease

    def touch(self, lease: Lease) -> None:
        """Something for its user was done just now."""
        lease.active_s = lease.seen_s = self._clock()

    def remaining_s(self, lease: Lease) -> float:
        """Until a lease ends, if its user does nothing."""
        return max(0.0, self.terms.idle_s - (self._clock() - lease.active_s))

    def end(self, token: str | None) -> Lease | None:
        """Ends a lease, and gives it; None if there is none."""
        with self._lock:
            lease = self._held.pop(token or "", None)
            if lease is not None:
                lease.ended = True
            return lease

    def end_overdue(self) -> list[Lease]:
        """Ends the leases whose time is over, and gives them."""
        now = self._clock()
        with self._lock:
            overdue = [
                lease
                for lease in self._held.values()
                if not lease.work
                and (now - lease.seen_s > self.terms.silent_s or now - lease.active_s > self.terms.idle_s)
            ]
        return [ended for lease in overdue if (ended := self.end(lease.token))]

    def end_all(self) -> list[Lease]:
        """Ends all leases, and gives them."""
        return [ended for token in list(self._held) if (ended := self.end(token))]

    def quiet(self, seconds: float) -> list[Lease]:
        """Those with an image on which nothing has been done for so long."""
        now = self._clock()
        with self._lock:
            return [
                lease
                for lease in self._held.values()
                if lease.case is not None and not lease.work and now - lease.active_s > seconds
            ]

    def working_on(self, path: Path) -> Lease | None:
        """The lease whose image lies in a folder; None if there is none."""
        with self._lock:
            held = (lease for lease in self._held.values() if lease.case and lease.case.folder.path == path)
            return next(held, None)
