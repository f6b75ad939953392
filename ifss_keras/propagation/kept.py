"""What was found of spans, kept as long as there is room for it, for when the same is asked again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from threading import Lock

import numpy as np

from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.cut import with_pixels
from ifss_keras.propagation.ends import Changes
from ifss_keras.propagation.spans import Span

_MOST_CHANGES = 20_000


class Key(tuple):
    """What is known of a span."""

    @classmethod
    def of(cls, span: Span, masks: Mapping[int, np.ndarray], *more: float) -> Key:
        """Of its slices, of references (row, column) bool by slice index, and of more."""
        told = ((index, blake2b(np.packbits(mask), digest_size=16).digest()) for index, mask in sorted(masks.items()))
        return cls((span, *told, *more))


class KeptSpans:
    """The soft masks of spans, and what they were cut to.

    Args:
        most_bytes: of soft masks that were not asked for in the latest round; those that were are all kept.

    Attributes:
        changes: what `ends.seen_ends` has measured.
    """

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self._found: OrderedDict[Key, dict[int, SoftMask]] = OrderedDict()  # asked for latest at the end
        self._latest: dict[Key, Key] = {}  # by what is known of its own references, what was known in all
        self._asked: set[Key] = set()
        self._cut: dict[int, tuple[SoftMask, int, SoftMask]] = {}  # by the identity of the mask that was cut
        self._cut_before, self._settles = self._cut, False
        self.changes: Changes = {}
        self._lock = Lock()

    def begin(self, *, settle: bool = False) -> None:
        """Begins a round: what the last one did not ask for is kept as far as there is room for it.

        Args:
            settle: all that is known counts; otherwise a span with the same references of its own stays as it was.
        """
        with self._lock:
            others = [key for key in self._found if key not in self._asked]
            room = self.most_bytes - sum(_bytes(self._found[key]) for key in others)
            for key in others:
                if room >= 0:
                    break
                room += _bytes(self._found.pop(key))
            self._asked.clear()
            if len(self.changes) > _MOST_CHANGES:
                self.changes.clear()
            self._cut_before, self._cut, self._settles = self._cut, {}, settle

    def get(self, own: Key, known: Key) -> dict[int, SoftMask] | None:
        """What was found where the same was known, or None; unless it settles, where a span's own was the same.

        Args:
            own: of the references at the ends of a span.
            known: of all that decides what is found there.
        """
        with self._lock:
            key = known if self._settles or known in self._found else self._latest.get(own, known)
            if key not in self._found:
                return None
            self._asked.add(key)
            self._found.move_to_end(key)
            self._latest[own] = key
            return self._found[key]

    def keep(self, own: Key, known: Key, found: dict[int, SoftMask]) -> None:
        """Keeps what was found."""
        with self._lock:
            self._asked.add(known)
            self._found[known], self._latest[own] = found, known

    def is_uncut(self, mask: SoftMask) -> bool:
        """Whether `cut` needs to be told how many pixels."""
        return self._settles or id(mask) not in self._cut_before

    def cut(self, mask: SoftMask, pixels: int | None) -> SoftMask:
        """See `cut.with_pixels`: what it was cut to before, unless it is uncut; the same object if nothing changed."""
        held = self._cut_before.get(id(mask))
        if held is None or (pixels is not None and held[1] != pixels):
            held = mask, pixels, with_pixels(mask, pixels)
        self._cut[id(mask)] = held
        return held[2]


def _bytes(found: Mapping[int, SoftMask]) -> int:
    return sum(mask.values.nbytes for mask in found.values())
