"""Fixtures for the tests of training data."""

import numpy as np
import pytest

from ifss_keras.training.examples import clips
from ifss_keras.training.examples.corpus import TrainingVolume


@pytest.fixture(scope="session")
def moving_discs() -> TrainingVolume:
    """48 slices of 30x26: disc 3 in slices 6 to 41, disc 5 in 14 to 30; both move, swell and shine."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((30, 26))
    image, labels = rng.integers(0, 90, (48, 30, 26)), np.zeros((48, 30, 26), np.uint8)
    for code, (first, last) in {3: (6, 41), 5: (14, 30)}.items():
        for index in range(first, last + 1):
            swelling = np.sin(np.pi * (index - first + 1) / (last - first + 2))
            row, column = (10 + index / 8, 8 + index / 10) if code == 3 else (22 - index / 20, 20)
            labels[index][np.hypot(rows - row, columns - column) < 2 + 3 * swelling] = code
    image += 80 * (labels > 0)
    return TrainingVolume.from_arrays(image.astype(np.uint8), labels, (1.2, 0.5, 0.6))


@pytest.fixture
def drawn(monkeypatch):
    """Every draw so far, as (both ends, draw)."""
    seen = []
    for name, both in (("draw_between", True), ("draw_one_sided", False)):
        original = getattr(clips, name)

        def recorded(*arguments, original=original, both=both):
            seen.append((both, original(*arguments)))
            return seen[-1][1]

        monkeypatch.setattr(clips, name, recorded)
    return seen
