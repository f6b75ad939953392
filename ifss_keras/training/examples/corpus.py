"""The volumes that a network is trained on, made once and kept as 8-bit files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import replacing
from ifss_keras.datasets.labels import LEAST_SLICES, held_slices, recoding
from ifss_keras.datasets.recoded import recoded_labels
from ifss_keras.datasets.working_copy import WorkingCopy
from ifss_keras.propagation.intensity import IntensityRange

KINDS = ("calf", "shapes", "structures")
TAPERING = 0.85  # of the calves; the others have muscles that end bluntly


@dataclass(frozen=True)
class TrainingVolume:
    """One labelled volume.

    Attributes:
        image: (slice, row, column) uint8.
        labels: (slice, row, column) uint8.
        spacing_mm: (slice, row, column).
        intensity: its range of grey values, found as in prediction.
        extents: label code to the first and last slice that it is known to be in.
        annotated: label code to (slice,) bool: where it is known which pixels are of it; a code that is not there is
            known everywhere.
        present: label code to (slice,) bool: which of these hold it; for the codes of `annotated`.
        name: what a list of annotations calls it.
    """

    image: np.ndarray
    labels: np.ndarray
    spacing_mm: tuple[float, float, float]
    intensity: IntensityRange
    extents: dict[int, tuple[int, int]]
    annotated: dict[int, np.ndarray] = field(default_factory=dict)
    present: dict[int, np.ndarray] = field(default_factory=dict)
    name: str = ""

    @property
    def codes(self) -> tuple[int, ...]:
        """The labels that can be learned from, ascending."""
        return tuple(sorted(self.extents))

    def known(self, code: int) -> np.ndarray:
        """(slice,) bool: where it is known which pixels are of a label."""
        return self.annotated.get(code, np.ones(len(self.image), bool))

    def held(self, code: int) -> np.ndarray:
        """(slice,) bool: the slices that are known to hold a label."""
        return self.present[code] if code in self.present else self.holds(code) & self.known(code)

    def holds(self, code: int) -> np.ndarray:
        """(slice,) bool: which slices hold a label, known or not."""
        return np.array([bool((plane == code).any()) for plane in self.labels])

    def only(self, codes: Iterable[int]) -> TrainingVolume:
        """The same, where no label but these can be learned from."""
        return replace(self, extents={code: self.extents[code] for code in codes if code in self.extents})

    def holds_any(self) -> np.ndarray:
        """(slice,) bool: which slices hold any label, known or not."""
        return np.array([bool(plane.any()) for plane in self.labels])

    def with_known_extents(self) -> TrainingVolume:
        """The same with the extents that annotated slices alone show; a label in none of these is left out."""
        present = {code: self.holds(code) & known for code, known in self.annotated.items()}
        extents = dict(self.extents)
        for code, held in present.items():
            there = np.flatnonzero(held)
            extents.pop(code, None)
            if len(there):
                extents[code] = (int(there[0]), int(there[-1]))
        return replace(self, extents=extents, present=present)

    @classmethod
    def from_arrays(cls, image, labels, spacing_mm) -> TrainingVolume:
        """The record of a volume; labels in fewer than 8 slices are too short to learn from and left out.

        Both arrays, which may be memory-mapped, are read slice by slice.
        """
        extents = _extents(held_slices(labels))
        return cls(image, labels, tuple(spacing_mm), IntensityRange.from_volume(image), extents)

    @classmethod
    def from_copy(
        cls, copy: WorkingCopy, labels: Mapping[int, str] | None = None, least: int = LEAST_SLICES
    ) -> TrainingVolume:
        """The record of a working copy, its arrays memory-mapped.

        Args:
            copy: of a lab's own volume.
            labels: code to name of those to know, which are found in the copy as `recoding` says and get these codes;
                None: all, with the codes that they have.
            least: slices that a label must be in; others are left out.

        Raises:
            InputError: a code above 255.
        """
        held, stored = copy.held, copy.labels
        if labels is not None:
            codes = recoding(copy.codes.values(), copy.names, labels)
            codes = {code: codes[in_file] for code, in_file in copy.codes.items() if in_file in codes}
            held = {codes[code]: copy.held[code] for code in sorted(codes, key=codes.get)}
            stored = recoded_labels(copy, codes, labels)
        return cls(copy.image, stored, copy.spacing_mm, IntensityRange.from_volume(copy.image), _extents(held, least))


def _extents(held: Mapping[int, np.ndarray], least: int = LEAST_SLICES) -> dict[int, tuple[int, int]]:
    """Code to first and last slice, of the labels that are in enough slices."""
    return {code: (int(at[0]), int(at[-1])) for code, at in held.items() if len(at) >= least}


def load_volume(path: Path) -> TrainingVolume:
    """The volume in one file of the corpus.

    Raises:
        InputError: a damaged file.
    """
    try:
        with np.load(path) as held:
            volume = TrainingVolume.from_arrays(held["image"], held["labels"], held["spacing_mm"].tolist())
            return replace(volume, name=path.stem)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: delete the file to have it made again.") from error


def save_volume(path: Path, image, labels, spacing_mm) -> None:
    """Writes one file of the corpus; it appears whole or not at all."""
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, image=image, labels=labels, spacing_mm=np.array(spacing_mm, float))


def synthetic_phantom(kind: str, seed: int):
    """A phantom of one of the `KINDS`; its slices and pixels, and how a calf's muscles end, follow from the seed."""
    from ifss_keras.synthetic import calf, crowded_structures, random_shapes

    rng = np.random.default_rng([seed, 7])
    if kind == "structures":  # thin slices and thick ones, fine pixels and coarse ones
        size = int(rng.choice([64, 96, 128, 160]))
        slices = int(np.exp(rng.uniform(np.log(24), np.log(160))))
        return crowded_structures(seed, slices=slices, size=size)
    size = int(rng.choice([128, 160, 192, 224]))
    slices = int(rng.integers(110, 221))
    if kind == "shapes":
        return random_shapes(seed, slices=slices, size=size)
    ends = "tapering" if rng.random() < TAPERING else "blunt"
    return calf(seed, slices=slices, size=size, ends=ends)


def make_corpus(
    folder: Path,
    counts: dict[str, int],
    first_seed: int,
    *,
    workers: int = 2,
    made: Callable[[], None] | None = None,
) -> list[Path]:
    """The files of a corpus of synthetic volumes; those already in `folder` are not made again.

    Args:
        folder: made if absent.
        counts: how many phantoms of each kind.
        first_seed: seed of the first of each kind; the others count up from it.
        workers: how many are made at a time.
        made: called once for each volume that is there.

    Raises:
        InputError: an unknown kind of phantom.
    """
    for kind in counts:
        if kind not in KINDS:
            raise InputError(f"A phantom is of the kind {', '.join(KINDS)}, received {kind!r}: mend the recipe.")
    folder.mkdir(parents=True, exist_ok=True)

    def make(task):
        kind, seed = task
        path = folder / f"{kind}_{seed:06d}.npz"
        if not path.exists():
            phantom = synthetic_phantom(kind, seed)
            save_volume(path, phantom.image, phantom.labels, phantom.spacing_mm)
        if made:
            made()
        return path

    tasks = [(kind, first_seed + index) for kind, count in counts.items() for index in range(count)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(make, tasks))
