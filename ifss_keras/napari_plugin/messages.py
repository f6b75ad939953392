"""What a viewer and the process of its network say to each other."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ifss_keras.core.errors import IFSSError


class Stopped(IFSSError):
    """Somebody has cancelled the work."""

    def __init__(self, message: str = "Cancelled: nothing has changed."):
        super().__init__(message)


@dataclass(frozen=True)
class Request:
    """What to do.

    Attributes:
        number: counted up.
        session: which one; a new one to `open`.
        what: "open" (a volume), "revise", "settle" or "prediction", or "stop" the request of that number.
        given: what it takes.
        names: of the session's labels by now.
        closed: sessions that nobody needs any longer.
    """

    number: int
    session: int
    what: str
    given: Any = None
    names: dict[int, str] = field(default_factory=dict)
    closed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What came of it: "progress" (name, done, to do), "done" (a result), "refused" (an error), "failed" (a text)."""

    kind: str
    told: Any


def send(stream: BinaryIO, message: Request | Reply) -> None:
    """Writes a message, at once."""
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()
