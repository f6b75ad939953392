"""Clips of a volume by seed, as the tests of clips draw them."""

import numpy as np

from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.clips import draw_clip
from ifss_keras.training.examples.settings import ClipSettings

SETTINGS = ClipSettings(windows=4, gap=(4, 20))
PROPAGATION = PropagationSettings(size=16)
WIDE = PropagationSettings(size=48)


def clip_of(volume, seed, rollout=0, settings=SETTINGS, propagation=PROPAGATION):
    return draw_clip(np.random.default_rng(seed), volume, settings, propagation, rollout)


def beginning(volume, seed):
    """The label and the orientation that a clip with this seed has."""
    rng = np.random.default_rng(seed)
    return int(rng.choice(sorted(volume.extents))), bool(rng.random() < 0.5)
