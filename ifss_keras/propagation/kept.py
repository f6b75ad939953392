"""What was found of spans, kept as long as there is room for it, for when the same is asked again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from threading import Lock

import numpy as np

from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.spans import Span

Key = tuple


class KeptSpans:
    """The soft masks of spans, the latest found or asked for.

    Args:
        most_bytes: of soft masks that nobody has asked for since `begin`; those asked for are all kept.
    """

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self._found: OrderedDict[Key, dict[int, SoftMask]] = OrderedDict()
        self._asked: set[Key] = set()
        self._lock = Lock()

    @staticmethod
    def key(span: Span, masks: Mapping[int, np.ndarray]) -> Key:
        """All that decides what a span holds: its slices and the references, (row, column) bool by slice index."""
        told = ((index, blake2b(np.packbits(mask), digest_size=16).digest()) for index, mask in sorted(masks.items()))
        return (span, *told)

    def begin(self) -> None:
        """From here on counts what is asked for; of what was before, only as much is kept as there is room for."""
        with self._lock:
            self._asked.clear()
            held = sum(map(_bytes, self._found.values()))
            while held > self.most_bytes:
                held -= _bytes(self._found.popitem(last=False)[1])

    def get(self, key: Key) -> dict[int, SoftMask] | None:
        """What was found, or None."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def keep(self, key: Key, found: dict[int, SoftMask]) -> None:
        """Keeps what was found."""
        with self._lock:
            self._found[key] = found


def _bytes(found: Mapping[int, SoftMask]) -> int:
    return sum(mask.values.nbytes for mask in found.values())
