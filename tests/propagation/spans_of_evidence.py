"""Evidence for a span, for tests of what runs them."""

import numpy as np

from ifss_keras.propagation.evidence import gather_evidence
from ifss_keras.propagation.settings import Softness


def span(slices, size=4, seed=0, references=None):
    """Evidence for `slices` slices (slice, row, column, 1), a random square on both ends."""
    rng = np.random.default_rng(seed)
    image = rng.random((slices, size, size), dtype=np.float32)
    masks = {}
    for index in references or (0, slices - 1):
        masks[index] = np.zeros((size, size), np.float32)
        masks[index][rng.integers(size // 2) :, : rng.integers(2, size)] = 1
    return gather_evidence(image, masks, 0, Softness())
