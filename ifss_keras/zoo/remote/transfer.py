"""One file from one address, as a downloader for pooch that goes on where an earlier one ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ifss_keras.zoo.remote.settings import RemoteSettings
from ifss_keras.zoo.remote.source import BrokenOffError, RefusedError, Source, opened

LONGEST_WAIT_S = 60.0


class Transfer:
    """Called by pooch with an address and the file to write, which gets its bytes only when all have arrived.

    What has arrived lies in `partial` and outlives the process. A try that breaks off is repeated after a wait, which
    is doubled each time unless something new arrived.

    Args:
        partial: file of what has arrived.
        size_bytes: how many bytes there are.
        settings: how long to wait, and how often.
        told: called with how many bytes are there.
    """

    def __init__(self, partial: Path, size_bytes: int, settings: RemoteSettings, told: Callable[[int], None]):
        self.partial, self.size_bytes, self.settings, self.told = partial, size_bytes, settings, told

    def __call__(self, url: str, output_file: str, pooch=None) -> None:
        """Raises `RefusedError` where the address does not give the file, OSError where it cannot be written."""
        farthest, failures = self.held_bytes(), 0
        while self.held_bytes() < self.size_bytes:
            try:
                self._read_on(url)
            except BrokenOffError as error:
                failures = failures + 1 if self.held_bytes() <= farthest else 0
                farthest = max(farthest, self.held_bytes())
                if failures > self.settings.retries:
                    raise RefusedError(f"{error}, after {failures} tries") from error
                wait_s = self.settings.first_wait_s * 2 ** max(failures - 1, 0)
                time.sleep(min(max(wait_s, error.wait_s), LONGEST_WAIT_S))
        os.replace(self.partial, output_file)

    def held_bytes(self) -> int:
        """How many bytes have arrived."""
        with suppress(FileNotFoundError):
            held = self.partial.stat().st_size
            if held <= self.size_bytes:
                return held
            self.partial.unlink()  # of another file
        return 0

    def _read_on(self, url: str) -> None:
        with opened(url, self.held_bytes(), self.settings.timeout_s) as source:
            if source.size_bytes not in (None, self.size_bytes):
                raise RefusedError(f"its file has {source.size_bytes:,} bytes, expected {self.size_bytes:,}")
            with open(self.partial, "ab" if source.begin else "wb") as file:
                self._write(source, file)
        if (held := self.held_bytes()) < self.size_bytes:
            raise BrokenOffError(f"it ended after {held:,} of {self.size_bytes:,} bytes")

    def _write(self, source: Source, file) -> None:
        held = source.begin
        for piece in source.pieces:
            held += len(piece)
            if held > self.size_bytes:
                file.truncate(0)
                raise RefusedError(f"its file is longer than the {self.size_bytes:,} bytes expected")
            file.write(piece)
            file.flush()  # so that what arrived is there if the process is killed
            self.told(held)
