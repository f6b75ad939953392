"""Whom the tables are about: a stated cohort of synthetic calves, or a lab's own data set, both read in one way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.datasets.labels import own_names, recoding
from ifss_keras.datasets.listing import Case, read_dataset, splits
from ifss_keras.synthetic.anatomy import MUSCLES
from ifss_keras.synthetic.phantom import calf
from ifss_keras.training.parts import DataSet
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume, present_codes

SEED = 3  # of every recipe; it also draws the subjects that are validated on where a data set names none
PAPER_SLICES = 1400
HARD, OTHER = "SOL", "GM"  # the muscles of the ablations and of the second MICCAI table


@dataclass(frozen=True)
class Calves:
    """The default cohort: calves as one machine would record them, 200 mm long, their muscles tapering.

    Attributes:
        training, validation, test: how many.
        first_seed: theirs count up from it; nothing else uses these seeds.
        slices, size: of each volume; rows and columns are `size`.
    """

    training: int = 29
    validation: int = 2
    test: int = 4
    first_seed: int = 960_000
    slices: int = 140
    size: int = 96

    @property
    def splits(self) -> dict[int, str]:
        """Seed to what its calf is for."""
        names = ["train"] * self.training + ["validation"] * self.validation + ["test"] * self.test
        return {self.first_seed + place: name for place, name in enumerate(names)}

    def __str__(self):
        last = self.first_seed + len(self.splits) - 1
        return (
            f"{self.training} synthetic calves to train on, {self.validation} to validate on and {self.test} to "
            f"test on (`ifss_keras.synthetic.calf`, seeds {self.first_seed} to {last}), {self.slices} slices of "
            f"{self.size}x{self.size} pixels over 200 mm, three muscles each, which taper at both ends"
        )


@dataclass(frozen=True)
class Cohort:
    """A data set, as the tables need it.

    Attributes:
        path: of the folder or the CSV.
        description: of it, in words.
        names: label code to name.
        slices: the median of the test volumes.
        validation, test: the annotated volumes that are scored.
        fingerprint: changes when its files do, by their names and sizes.
    """

    path: Path
    description: str
    names: dict[int, str]
    slices: int
    validation: tuple[Case, ...]
    test: tuple[Case, ...]
    fingerprint: str

    def cases(self, split: str) -> tuple[Case, ...]:
        """Those of "validation" or "test"."""
        return {"validation": self.validation, "test": self.test}[split]

    def muscle(self, wanted: str) -> int:
        """The code of the label of that name; where there is none of it, the first."""
        return next((code for code, name in self.names.items() if name == wanted), min(self.names))


def make_calves(folder: Path, calves: Calves | None = None, progress: Progress = silent) -> Path:
    """The CSV of the cohort of calves in `folder`; files that are there are not made again.

    Args:
        folder: made if absent.
        calves: None for the default ones.
        progress: told of "calves".
    """
    calves = calves or Calves()
    folder.mkdir(parents=True, exist_ok=True)
    made, lines = Counter(progress, "calves", len(calves.splits)), ["subject,image,labels,split"]
    for seed, split in calves.splits.items():
        image, labels = (folder / f"calf_{seed}{ending}.nii.gz" for ending in ("", "_labels"))
        if not (image.exists() and labels.exists()):
            phantom = calf(seed, slices=calves.slices, size=calves.size)
            volume = Volume.from_array(phantom.image, phantom.spacing_mm)
            write_volume(image, phantom.image, volume)
            write_labels(labels, phantom.labels, volume)
        lines.append(f"calf_{seed},{image.name},{labels.name},{split}")
        made()
    return write_whole(folder / "cohort.csv", "\n".join(lines) + "\n")


def read_cohort(path: Path, description: str | None = None) -> Cohort:
    """The cohort in a folder or a CSV, see `datasets.listing`.

    Raises:
        InputError: a data set that cannot be read, or one without annotated volumes of the split "test".
    """
    dataset = read_dataset(path)
    training, validation = splits(dataset, DataSet(path=str(path)).validation, SEED)
    test = tuple(case for case in dataset.cases if case.split == "test" and case.labels is not None)
    if not test:
        raise InputError(
            f"The data set {path} has no volumes to score: expected annotated ones of the split test, received none; "
            "put some into a folder test, or name the split in a CSV."
        )
    names: dict[int, str] = {}
    counts = []
    for case in test:
        labels = read_labels(case.labels)
        counts.append(len(labels.array))
        names = _with_those_of(labels, names)
    if not names:
        raise InputError(f"The test volumes of {path} hold no label: expected one or more; mend their label files.")
    if description is None:
        description = (
            f"the data set `{path.name}`: {len(training)} volumes to train on, {len(validation)} to validate on, "
            f"{len(test)} to test on"
        )
    found = hashlib.sha256()
    for case in dataset.cases:
        files = (file for file in (case.image, case.labels) if file)
        found.update(repr((case.subject, case.split, [(file.name, file.stat().st_size) for file in files])).encode())
    slices = int(np.median(counts))
    return Cohort(
        path.resolve(), description, dict(sorted(names.items())), slices, validation, test, found.hexdigest()[:16]
    )


def codes_of(labels: Volume, names: dict[int, str]) -> dict[int, int]:
    """Code in a label file to the code of `names` that it is, by its name, or where that is not known by its code."""
    held = (code for code in present_codes(labels.array) if code)
    return recoding(held, own_names(labels.source.path, labels.source.names), names)


def _with_those_of(labels: Volume, names: dict[int, str]) -> dict[int, str]:
    """The names, and those of the labels of a file that are not among them."""
    known, own = codes_of(labels, names), own_names(labels.source.path, labels.source.names)
    new = (code for code in present_codes(labels.array) if code and code not in known)
    names = dict(names)
    for code in new:
        free = code if code not in names else max(names) + 1  # another file calls something else so
        names[free] = own.get(code, MUSCLES.get(code, f"label {code}"))
    return names
