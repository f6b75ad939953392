"""What is kept of spans, and for how long."""

import numpy as np

from ifss_keras.propagation.compose import SoftMask
from ifss_keras.propagation.kept import KeptSpans, Key
from ifss_keras.propagation.region import Region
from ifss_keras.propagation.spans import Span

SPAN = Span(0, 4, True)


def mask(seed):
    return SoftMask(Region((1.0, 1.0), 2.0), np.random.default_rng(seed).random((8, 8)).astype(np.float32))


def found(seed, slices=4):  # of 256 bytes each
    return {index: mask(seed + index) for index in range(slices)}


def keep(kept, number):
    kept.keep(("own", number), ("known", number), found(number))


def ask(kept, number):
    return kept.get(("own", number), ("known", number))


def test_a_key_is_of_all_that_is_known():
    masks = {0: np.eye(3, dtype=bool), 4: np.zeros((3, 3), bool)}
    key = Key.of(SPAN, masks)
    assert key == Key.of(SPAN, {index: mask.copy() for index, mask in reversed(masks.items())})
    others = [
        Key.of(Span(0, 4, False), masks),
        Key.of(SPAN, masks, 3.5),
        Key.of(SPAN, {0: masks[0]}),
        Key.of(SPAN, {0: masks[4], 4: masks[0]}),
        Key.of(SPAN, masks | {4: np.eye(3, dtype=bool)[::-1]}),
    ]
    assert len({key, *others}) == 6


def test_what_nobody_asked_for_is_kept_as_long_as_there_is_room():
    kept = KeptSpans(2 * 4 * 256)
    for number in range(3):
        keep(kept, number)
    kept.begin()  # all three were asked for just now
    assert [ask(kept, number) is None for number in range(3)] == [False, False, False]
    kept.begin()
    ask(kept, 1)
    kept.begin()  # 0 and 2 were not, and both have room
    ask(kept, 1)
    keep(kept, 3)
    kept.begin()
    assert ask(kept, 0) is not None
    assert ask(kept, 2) is not None
    kept.begin()  # now 1 and 3 were not
    keep(kept, 4)
    kept.begin()  # 1, 3, 0 and 2, of which only the two asked for latest have room
    assert [ask(kept, number) is None for number in range(5)] == [False, True, False, True, False]


def test_what_was_cut_stays_until_it_is_settled():
    kept, soft = KeptSpans(0), mask(1)
    kept.begin()
    assert kept.is_uncut(soft)
    first = kept.cut(soft, 20)
    assert (first.values > 0.5).sum() == 20
    kept.begin()
    assert not kept.is_uncut(soft)
    assert kept.cut(soft, None) is first
    kept.begin(settle=True)
    assert kept.is_uncut(soft)
    assert kept.cut(soft, 20) is first  # nothing changed
    kept.begin(settle=True)
    assert (kept.cut(soft, 12).values > 0.5).sum() == 12
    assert kept.is_uncut(mask(1))  # an equal one, but another


def test_a_span_with_the_same_references_of_its_own_stays_until_it_is_settled():
    kept, first, other = KeptSpans(10**6), found(1), found(2)
    kept.keep(("own",), ("near",), first)
    kept.begin()
    assert kept.get(("own",), ("another",)) is first
    assert kept.get(("another",), ("near, too",)) is None
    kept.begin(settle=True)
    assert kept.get(("own",), ("another",)) is None
    kept.keep(("own",), ("another",), other)
    kept.begin()
    assert kept.get(("own",), ("a third",)) is other
    assert kept.get(("own",), ("near",)) is first  # as it was, as when something is undone
