"""Which stretches of a volume are propagated together: everything a span depends on lies inside it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """Consecutive slices from `first` to `last`, both included; `last` < `first` runs towards slice 0.

    Attributes:
        first: a reference.
        last: a reference too if `closed`, else the volume's end.
        closed: both ends are references.
    """

    first: int
    last: int
    closed: bool


def plan_spans(references: Sequence[int], slices: int, window: int) -> list[Span]:
    """The spans that hold every slice which is not a reference, each such slice in exactly one of them.

    An open span starts with up to `window` consecutive references, so that the first window may be all known.

    Args:
        references: slice indices that are annotated, in any order; none gives no span.
        slices: of the volume.
        window: slices in a window.
    """
    indices = sorted(references)
    spans = [Span(a, b, True) for a, b in pairwise(indices) if b - a > 1]
    if indices and indices[0] > 0:
        spans.append(Span(_run(indices, window), 0, False))
    if indices and indices[-1] < slices - 1:
        outwards = [-index for index in reversed(indices)]
        spans.append(Span(-_run(outwards, window), slices - 1, False))
    return spans


def _run(indices: list[int], window: int) -> int:
    """The last of the first consecutive indices, at most `window` of them."""
    last = indices[0]
    for index in indices[1:window]:
        if index != last + 1:
            break
        last = index
    return last
