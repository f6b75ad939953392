"""Which slices a clip holds, and which annotated ones it is shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ifss_keras.training.examples.settings import ClipSettings


class Draw(NamedTuple):
    """Which slices a clip holds and which of the volume's are its references.

    Attributes:
        first: slice of the clip.
        references: that the clip is shown.
        further: beyond these; they tell how the muscle goes on.
    """

    first: int
    references: tuple[int, ...]
    further: tuple[int, ...] = ()


def draw_between(rng, extent, slices, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """A clip anywhere between two references that both hold the muscle.

    A gap shorter than the clip lets it run over the second reference, as far as the volume goes. In three of four clips
    the muscle is annotated at about this distance from end to end, as people do, else nowhere beyond the two.
    """
    length = clip_length(settings, window, rollout)
    room = extent[1] - extent[0]
    least = min(max(settings.gap[0], min(length - 1, settings.gap[1]) if rollout else 0), room)
    most = max(min(settings.gap[1], room), least)
    gap = int(np.exp(rng.uniform(np.log(least), np.log(most + 0.999))))
    a = int(rng.integers(extent[0], extent[1] - gap + 1))
    b = a + gap
    first = int(rng.integers(a, max(a, b - length + 1) + 1))
    further = ()
    if rng.random() < 0.75:
        step = max(round(gap * rng.uniform(0.7, 1.3)), 1)
        before, after = range(a - step, extent[0], -step), range(b + step, extent[1], step)
        ends = {extent[0], extent[1]} - {a, b}
        further = tuple(sorted({*before, *after, *ends}))
    return Draw(min(first, slices - length), (a, b), further)


def draw_one_sided(rng, extent, slices, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """A clip at or after consecutive references on one side.

    A quarter of them run over the muscle's end, a quarter begin where the muscle begins and go inwards, the others
    lie anywhere: where all references near an end led out of the muscle, the network would learn that a mask near
    an end vanishes. Half of them have as many references as a window; the others one or more, as the outermost of a
    volume may be alone.
    """
    length = clip_length(settings, window, rollout)
    run = window if rng.random() < 0.5 else int(rng.integers(1, window + 1))
    latest = max(extent[0], extent[1] - run + 1)
    place, away = rng.random(), 0 if rollout else int(rng.integers(0, settings.gap[1]))
    if place < 1 / 4:
        first = extent[1] - int(rng.integers(-2, length))
        reference = first - away
    elif place < 1 / 2:
        reference = extent[0] + int(rng.integers(0, (extent[1] - extent[0]) // 10 + 1))
        first = reference + away // 8
    else:
        reference = int(rng.integers(extent[0], latest + 1))
        first = min(reference + away, extent[1])
    reference = int(np.clip(reference, extent[0], latest))
    first = int(np.clip(first, reference, slices - length))
    return Draw(first, tuple(range(reference, min(reference + run, extent[1] + 1))))


def clip_length(settings: ClipSettings, window: int, rollout: int) -> int:
    """Slices in a clip of `rollout` windows without gradient and the trained ones, each of `window` slices."""
    return rollout + settings.windows + window - 1


def draw_known_between(rng, held, slices, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """A clip between two annotated slices that hold the muscle, over a third between them where there is one.

    Args:
        rng: decides.
        held: indices of the annotated slices that hold the muscle, ascending, two or more.
        slices: of the volume.
        settings, window, rollout: as above.
    """
    length = clip_length(settings, window, rollout)
    if len(held) < 3:
        a, b = int(held[0]), int(held[-1])
        target = int(rng.integers(a, b + 1))
    else:
        place = int(rng.integers(1, len(held) - 1))
        target = int(held[place])
        a = _at_a_distance(rng, held[:place], target, settings.gap, 2)
        b = _at_a_distance(rng, held[place + 1 :], target, settings.gap, 2)
    first = max(target - int(rng.integers(rollout, length)), a)
    further = tuple(int(index) for index in held if index < a or index > b) if rng.random() < 0.75 else ()
    return Draw(int(np.clip(first, 0, slices - length)), tuple(sorted({a, b})), further)


def draw_known_one_sided(rng, held, empty, slices, settings: ClipSettings, window: int, rollout: int) -> Draw:
    """A clip after one to `window` consecutive annotated slices, over a further one where there is one.

    In a quarter of them that lies beyond the muscle's end, where such a slice is annotated.

    Args:
        rng: decides.
        held: indices of the annotated slices that hold the muscle, ascending.
        empty: indices of those that are known not to.
        slices: of the volume.
        settings, window, rollout: as above.
    """
    length = clip_length(settings, window, rollout)
    beyond = empty[empty > held[-1]]
    if len(beyond) and rng.random() < 1 / 4:
        target = int(beyond[0])
    else:
        target = int(held[int(rng.integers(1, len(held)))]) if len(held) > 1 else int(held[0]) + length - 1
    reference = _at_a_distance(rng, held[held < target], target, settings.gap, 1)
    longest = window if rng.random() < 0.5 else int(rng.integers(1, window + 1))
    run = [reference]
    while len(run) < longest and run[-1] + 1 < target and run[-1] + 1 in held:
        run.append(run[-1] + 1)
    first = max(target - int(rng.integers(rollout, length)), reference)
    return Draw(int(np.clip(first, 0, slices - length)), tuple(run))


def _at_a_distance(rng, held, target: int, gap: tuple[int, int], parts: int) -> int:
    """That of some slices whose distance to one is nearest to a distance drawn log-uniformly up to a gap's part."""
    wanted = np.exp(rng.uniform(0, np.log(max(gap[1] / parts, 1))))
    apart = np.abs(np.asarray(held) - target)
    return int(held[int(np.argmin(np.abs(np.log(apart / wanted))))])
