"""Presence, on images whose answer is known."""

import numpy as np

from ifss_keras.inference.presence import Presence


def slices(inside, around, count=4, seed=0):
    """A disc of one brightness on a ground of another, both with noise: images and the disc."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((48, 40))
    disc = (rows - 25) ** 2 + (columns - 18) ** 2 < 11**2
    images = np.where(disc, inside, around) + rng.normal(0, 0.05, (count, 48, 40))
    return np.clip(images, 0, 1), disc


def test_a_muscle_that_looks_as_before_is_there_and_its_surroundings_are_not():
    images, disc = slices(0.3, 0.6)
    presence = Presence()
    presence.learn(images[0], disc)
    assert presence.score(images[1], disc) > 1
    gone = np.full((48, 40), 0.6) + np.random.default_rng(1).normal(0, 0.05, (48, 40))
    assert presence.score(gone, disc) < -1


def test_it_does_not_matter_which_is_brighter():
    for inside, around in ((0.2, 0.7), (0.7, 0.2)):
        images, disc = slices(inside, around)
        presence = Presence()
        presence.learn(images[0], disc)
        assert presence.score(images[1], disc) > 0 > presence.score(slices(around, around)[0][0], disc)


def test_it_follows_a_slow_change_that_it_would_refuse_at_once():
    levels = np.linspace(0.2, 0.5, 120)
    presence, disc = Presence(), slices(0, 0)[1]
    for step, level in enumerate(levels):
        image = slices(level, level + 0.3, 1, seed=step)[0][0]
        if step == 0:
            presence.learn(image, disc)
            first = slices(levels[-1], levels[-1] + 0.3, 1, seed=999)[0][0]
            assert presence.score(first, disc) < 0
        assert presence.score(image, disc) > 0
        presence.learn(image, disc)


def test_nothing_is_said_before_a_reference_or_without_a_mask():
    images, disc = slices(0.3, 0.6)
    assert Presence().score(images[0], disc) == np.inf
    presence = Presence()
    presence.learn(images[0], disc)
    assert presence.score(images[0], np.zeros_like(disc)) == np.inf
