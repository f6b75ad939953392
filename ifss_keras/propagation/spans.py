"""Which stretches of a volume are propagated together: everything a span depends on lies inside it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

LEAST_STEPS = 4  # of a span, as in training


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


def looked_at(first: int, last: int, step: int) -> list[int]:
    """The slices from one to another that are looked at, in order: both and, evenly between them, one in `step`.

    They are the same from the other side. All of them where that would be fewer than `LEAST_STEPS` steps.

    Args:
        first, last: slice indices; `last` may be the smaller one.
        step: slices, 1 or more.
    """
    gap, way = abs(last - first), 1 if last >= first else -1
    step = min(step, gap // LEAST_STEPS)
    if step < 2:
        return list(range(first, last + way, way))
    steps = -(-gap // step)
    if steps % 2 == 0 and gap % 2:
        steps += 1  # an even number would need a slice in the middle
    half = [int(number * gap / steps + 0.5) for number in range(steps // 2 + 1)]
    return [first + way * offset for offset in sorted({*half, *(gap - offset for offset in half)})]


def _run(indices: list[int], window: int) -> int:
    """The last of the first consecutive indices, at most `window` of them."""
    last = indices[0]
    for index in indices[1:window]:
        if index != last + 1:
            break
        last = index
    return last
