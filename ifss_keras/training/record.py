"""What a training was given and where it ran, kept in its folder: run.json and annotations.csv."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole
from ifss_keras.core.machine import machine, package_versions
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.recipe import Recipe
from ifss_keras.training.transfer import Transfer

RUN, ANNOTATIONS = "run.json", "annotations.csv"
_SLICES = 16  # of each volume, at equal distances, that a fingerprint takes in


def fingerprint_of(volumes: Sequence[TrainingVolume]) -> str:
    """SHA-256 of volumes in their order: of shapes, spacing, known slices, and `_SLICES` slices of image and labels.

    Not of all slices: a cohort of some ten gigabytes would have to be read once more.
    """
    found = hashlib.sha256()
    for volume in volumes:
        count = len(volume.image)
        codes = sorted(volume.extents)
        facts = (volume.image.shape, tuple(map(float, volume.spacing_mm)), codes)
        found.update(repr(facts).encode())
        for code in codes:
            found.update(np.packbits(volume.known(code)).tobytes())
        for index in np.unique(np.linspace(0, count - 1, _SLICES).astype(int)):
            for part in (volume.image, volume.labels):
                found.update(np.ascontiguousarray(part[index]).tobytes())
    return found.hexdigest()


def annotated_ranges(known: np.ndarray) -> Iterator[tuple[int, int]]:
    """The first and last slice of every run of known ones.

    Args:
        known: (slice,) bool.
    """
    steps = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    for first, after in steps.reshape(-1, 2):
        yield int(first), int(after) - 1


def annotations(volumes: Sequence[TrainingVolume]) -> str:
    """CSV: volume, label, first and last slice of all that a training may know; volumes by their numbers from 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["volume", "label", "first", "last"])
    for number, volume in enumerate(volumes, start=1):
        for code in sorted(volume.extents):
            writer.writerows(
                [volume.name or number, code, first, last] for first, last in annotated_ranges(volume.known(code))
            )
    return text.getvalue()


def write_record(
    recipe: Recipe,
    folder: Path,
    volumes: Sequence[TrainingVolume],
    *,
    epochs: int,
    command: str | None,
    taken: Transfer | None = None,
) -> None:
    """Writes run.json and annotations.csv; a resumed training adds where it went on to the same run.json.

    Args:
        recipe, folder: of the training.
        volumes: that are trained on.
        epochs: that are done.
        command: that was run; None from Python.
        taken: what it started with; None: with nothing, or it goes on.

    Raises:
        InputError: the volumes are not those that the training in the folder began with.
    """
    data, before = {"volumes": len(volumes), "sha256": fingerprint_of(volumes)}, _starts(folder / RUN)
    for start in before[-1:] if epochs else ():
        if start["data"] != data:
            raise InputError(
                f"The training in {os.fspath(folder)} was started with other volumes: expected those of the SHA-256 "
                f"{start['data']['sha256'][:12]}, received {data['sha256'][:12]}; bring them back, or choose another "
                f"folder."
            )
    import keras

    backend = keras.backend.backend()
    names = ("keras", "tensorflow", "jax", "torch", "numpy", "scipy")
    start = {
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": command,
        "epochs_done": epochs,
        "machine": machine(),
        "backend": backend,
        "versions": package_versions(names),
        "data": data,
        "started_from": taken and asdict(taken),
    }
    held = {"recipe": recipe.name, "seed": recipe.seed, "starts": [*before, start]}
    write_whole(folder / ANNOTATIONS, annotations(volumes))
    write_whole(folder / RUN, json.dumps(held, indent=1) + "\n")


def started_from(folder: Path) -> str | None:
    """The weights that the training in a folder was first started from; None: from nothing."""
    for start in _starts(folder / RUN):
        if start.get("started_from"):
            return start["started_from"]["source"]
    return None


def _starts(path: Path) -> list[dict]:
    """What a run.json holds of where a training started and went on; nothing where it cannot be read."""
    try:
        starts = json.loads(path.read_text(encoding="utf-8"))["starts"]
        return [start for start in starts if "sha256" in start["data"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
