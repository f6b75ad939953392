"""The memory that all clients share: what is about to be taken is counted first, and refused if there is none left."""

from __future__ import annotations

import threading

from ifss_keras.server.wire import TooLargeError


class TakenError(Exception):
    """There would be room, but others have it now."""


class Memory:
    """Bytes that clients share.

    Args:
        most_bytes: of all together.
    """

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self.taken_bytes = 0
        self._lock = threading.Lock()

    def share(self) -> Share:
        """A share of nothing yet."""
        return Share(self)

    def _take(self, size: int, held: int) -> None:
        with self._lock:
            if held + size > self.most_bytes:
                raise TooLargeError(
                    f"This needs {(held + size) / 1e6:,.1f} MB of memory or more: expected at most the "
                    f"{self.most_bytes / 1e6:,.1f} MB that the server was given; send a smaller image, or start it "
                    "with more memory."
                )
            if self.taken_bytes + size > self.most_bytes:
                raise TakenError
            self.taken_bytes += size

    def _give(self, size: int) -> None:
        with self._lock:
            self.taken_bytes -= size


class Share:
    """What one request or one image takes of the memory; as a context it is given back at the end."""

    def __init__(self, memory: Memory):
        self.bytes = 0
        self._memory = memory

    def grow(self, size: int) -> None:
        """Takes more.

        Raises:
            TooLargeError: more than there is at all.
            TakenError: more than others have left.
        """
        self._memory._take(size, self.bytes)
        self.bytes += size

    def give_back(self) -> None:
        """Gives all of it back; once more does nothing."""
        size, self.bytes = self.bytes, 0
        self._memory._give(size)

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *error) -> None:
        self.give_back()
