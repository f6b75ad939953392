"""Fixtures of the tests of the papers' tables: a tiny cohort on disk, and made-up scores."""

import numpy as np
import pytest

from ifss_keras.bench.cohort import read_cohort
from ifss_keras.bench.rows import ROWS
from ifss_keras.bench.run import Result
from ifss_keras.bench.scoring import Score
from ifss_keras.volumes.io import write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SPACING_MM = (1.5, 0.5, 1.0)


def boxes() -> np.ndarray:
    """(14, 16, 20) codes: 100 in slices 2 to 11, 150 in slices 4 to 9, both of constant cross-section."""
    labels = np.zeros((14, 16, 20), np.uint8)
    labels[2:12, 2:7, 3:10] = 100
    labels[4:10, 9:14, 5:17] = 150
    return labels


@pytest.fixture(scope="session")
def tiny_cohort(tmp_path_factory):
    """Two volumes to train on, one to validate on, two to test on, all of them `boxes` with other grey values."""
    folder = tmp_path_factory.mktemp("cohort")
    lines = ["subject,image,labels,split"]
    for number, split in enumerate(("train", "train", "val", "test", "test")):
        labels, rng = boxes(), np.random.default_rng(number)
        image = (rng.integers(0, 60, labels.shape) + labels // 2).astype(np.uint8)
        volume = Volume.from_array(image, SPACING_MM)
        write_volume(folder / f"v{number}.nii.gz", image, volume)
        write_labels(folder / f"v{number}_labels.nii.gz", labels, volume)
        lines.append(f"leg{number},v{number}.nii.gz,v{number}_labels.nii.gz,{split}")
    (folder / "legs.csv").write_text("\n".join(lines) + "\n")
    return read_cohort(folder / "legs.csv")


@pytest.fixture
def made_up():
    """A function from a row's name, references and the Dice of each test subject's SOL to the row's `Result`."""

    def make(name, references, dice, asd=1.0, muscle="SOL", split="test", **facts):
        scores = tuple(
            Score(f"leg{place}", split, muscle, references, 3, 14.0, value, value / 2, 0.8, 0.9, 4.0, asd, 12.5)
            for place, value in enumerate(dice, start=3)
        )
        return Result(ROWS[name], scores, **facts)

    return make
