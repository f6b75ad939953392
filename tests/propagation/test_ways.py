"""What is seen of slices is looked up once for both ways, and kept in bounds."""

import numpy as np
import pytest

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.ways import Sight, Way


class Looking:
    """An engine that sees each slice's mean and answers with it; it notes how many slices it looked at."""

    window, lanes, at_once, looks, looks_up = 3, 1, 4, True, False

    def __init__(self):
        self.memory_shapes = {"count": (1,)}
        self.looked = 0

    def remember(self, exemplars):
        raise AssertionError("this engine looks nothing up")

    def look(self, image, remembered):
        self.looked += len(image)
        return {"mean": image.mean(axis=(1, 2))}

    def start(self, evidence):
        return evidence.annotation

    def step(self, evidence, estimates, memory, seen):
        muscle = np.broadcast_to(seen["mean"][..., None], evidence.image.shape[:-1])
        return muscle, muscle[:, 1:, ..., None], {"count": memory["count"] + 1}


def sight(engine, slices, **room):
    image = np.random.default_rng(slices).random((slices, 2, 5, 1), np.float32)
    flags = np.zeros((slices, 1, 1, 1), np.float32)
    return Sight(engine, Evidence(image, image, flags, image, flags), **room)


def run(way):
    while not way.finished:
        evidence, seen = way.evidence(), way.seen()
        np.testing.assert_array_equal(seen["mean"][:, 0], evidence.image.mean(axis=(1, 2, 3), dtype=np.float32))
        muscle, estimates, memory = way.sight.engine.step(
            Evidence(*(part[None] for part in evidence)),
            way.estimates[None],
            way.memory,
            {name: part[None] for name, part in seen.items()},
        )
        way.take(muscle[0], estimates[0], memory)


@pytest.mark.parametrize("slices", [1, 2, 3, 16, 17, 33])
@pytest.mark.parametrize("backward", [False, True])
def test_what_is_seen_belongs_to_the_slices_of_the_window(slices, backward):
    span = sight(Looking(), slices)
    way = Way(span, backward=backward, goes_on=True)
    run(way)
    expected = np.broadcast_to(span.evidence.image.mean(axis=(1, 2, 3))[:, None, None], (slices, 2, 5))
    np.testing.assert_allclose(way.soft(), expected, atol=1e-6)
    np.testing.assert_allclose(way.newest(), expected, atol=1e-6)
    assert way.memory["count"] == max(slices - 2, 1)


def test_both_ways_look_at_each_slice_once():
    engine = Looking()
    span = sight(engine, 50)
    for backward in (False, True):
        run(Way(span, backward=backward))
    assert engine.looked == 50


def test_a_long_span_is_kept_in_part_only():
    engine = Looking()
    span = sight(engine, 80, room_bytes=16 * 4 * 2.9)  # of 4 bytes for each of the 16 slices of a pack
    run(Way(span))
    run(Way(span, backward=True))
    assert len(span._packs) == 2
    assert engine.looked == 80 + 48  # the last two packs are there still
