"""The folder that holds all that is annotated: for each image its voxels, its steps and its masks.

A step is written whole before `state.json` names it, so that a server killed at any moment goes on with the last one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import replacing, write_whole
from ifss_keras.server.step import Step

FORMAT = 1
MOST_STEPS = 50  # that can be undone
IMAGE, ABOUT, STATE, LABELS, STEPS = "image.npy", "image.json", "state.json", "labels.npz", "steps"


def image_fingerprint(image: np.ndarray, spacing_mm: tuple[float, float, float]) -> str:
    """32 letters that say which voxels, of what type and how far apart, an image of three axes has."""
    facts = json.dumps([image.shape, image.dtype.name, [f"{value:.6g}" for value in spacing_mm]])
    held = hashlib.sha256(facts.encode())
    held.update(np.ascontiguousarray(image))
    return held.hexdigest()[:32]


class ImageFolder:
    """What is kept of one image: `Workspace.folder_of` gives it."""

    def __init__(self, path: Path):
        self.path = path
        self._steps = self._read_state()

    @property
    def undoable(self) -> bool:
        """Whether there is a step before the last."""
        return len(self._steps) > 1

    def last(self) -> Step:
        """The step that the annotation is at; an empty one before the first."""
        return Step.read(self._file(self._steps[-1])) if self._steps else Step()

    def shown(self, code: int) -> list[np.ndarray]:
        """Fingerprints (slice,) of the masks that a client was shown of a muscle, after each step kept."""
        steps = (Step.read(self._file(number)) for number in self._steps)
        return [step.shown[code] for step in steps if code in step.shown]

    def add(self, step: Step, *, undoable: bool) -> None:
        """Writes a step after the last; where it is not undoable, in place of all before it."""
        number = 1 + max((int(path.stem) for path in self._file(0).parent.glob("*.npz")), default=0)
        self._file(0).parent.mkdir(exist_ok=True)
        write_whole(self._file(number), step.packed())
        before = self._steps or [self._first()] if undoable else []
        self._write_state([*before, number][-MOST_STEPS:])

    def before_last(self) -> Step:
        """The step that `drop_last` would go back to; there is one if `undoable`."""
        return Step.read(self._file(self._steps[-2]))

    def drop_last(self, step: Step) -> None:
        """Goes back to the step before the last, which is `step` now: the same, but for what the client is shown."""
        write_whole(self._file(self._steps[-2]), step.packed())
        self._write_state(self._steps[:-1])

    def write_labels(self, labels: np.ndarray) -> None:
        """Writes the mask of all muscles, axes as in the image that came: codes, 0 elsewhere."""
        with replacing(self.path / LABELS) as target:
            np.savez_compressed(target, labels=labels)

    def _first(self) -> int:
        """The number of an empty step, that the first lasso can be undone to."""
        write_whole(self._file(0), Step().packed())
        return 0

    def _file(self, number: int) -> Path:
        return self.path / STEPS / f"{number:08d}.npz"

    def _read_state(self) -> list[int]:
        path = self.path / STATE
        if not path.exists():
            return []
        state = _read_json(path)
        steps = state.get("steps")
        if state.get("format") != FORMAT or not isinstance(steps, list) or not all(type(n) is int for n in steps):
            raise InputError(f"{path} is not of format {FORMAT}: expected what this version of `ifss serve` wrote.")
        return steps

    def _write_state(self, steps: list[int]) -> None:
        write_whole(self.path / STATE, json.dumps({"format": FORMAT, "steps": steps}) + "\n")
        self._steps = steps
        for path in (self.path / STEPS).glob("*.npz"):
            if int(path.stem) not in steps:
                path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Workspace:
    """The folder that `ifss serve` works in.

    Attributes:
        path: there, and to be written.
    """

    path: Path

    def folder_of(self, image: np.ndarray, spacing_mm: tuple[float, float, float]) -> ImageFolder:
        """The folder of an image, made if it comes for the first time.

        Args:
            image: three axes, as it came.
            spacing_mm: along these.
        """
        name = image_fingerprint(image, spacing_mm)
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        if not (folder / ABOUT).exists():
            with replacing(folder / IMAGE) as target:
                np.save(target, image, allow_pickle=False)
            about = {
                "format": FORMAT,
                "fingerprint": name,
                "shape": list(image.shape),
                "dtype": image.dtype.name,
                "spacing_mm": list(spacing_mm),
            }
            write_whole(folder / ABOUT, json.dumps(about, indent=1) + "\n")
        return ImageFolder(folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: restore it, or remove its folder.") from error
    return held if isinstance(held, dict) else {}
