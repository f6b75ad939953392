"""Libraries in C and C++ kept off the terminal: they print past Python."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Nothing on standard error meanwhile."""
    with _LOCK, contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a process without standard error has nothing to silence
            sys.stderr.flush()
            saved = os.dup(2)
            stack.callback(os.close, saved)
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            stack.callback(os.dup2, saved, 2)
            stack.callback(sys.stderr.flush)
        yield
