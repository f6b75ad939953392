"""One process at a time: a lock that goes with its process, however that ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ifss_keras.core.errors import InputError

try:
    import fcntl
except ImportError:  # on Windows, where nothing is locked
    fcntl = None


@contextlib.contextmanager
def only_one(path: Path, refusal: str | None = None) -> Iterator[None]:
    """What follows is done by one process at a time of those that name the same file.

    Args:
        path: of the lock, made if absent; its folder is there.
        refusal: the sentence for whoever comes second; None: it waits.

    Raises:
        InputError: another process is at it.
    """
    with open(path, "ab") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
            except BlockingIOError:
                raise InputError(refusal) from None
            except OSError:  # a file system without locks has none to respect
                pass
        yield
