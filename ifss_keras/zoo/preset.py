"""A preset: a network in a folder, as config.json, weights and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ifss_keras.core.checks import known_names, require
from ifss_keras.core.errors import PresetError
from ifss_keras.core.files import write_whole
from ifss_keras.propagation.settings import PropagationSettings

MOST_BYTES = 1_000_000  # of a config.json
CONFIG, WEIGHTS, CARD = "config.json", "model.weights.h5", "card.md"


@dataclass(frozen=True)
class Preset:
    """A network in a folder.

    Attributes:
        folder: where it lies; its name is the preset's.
        architecture: the network's class, of `zoo.ARCHITECTURES`.
        arguments: of its constructor.
        propagation: how volumes are shown to it, for a network that carries annotated slices on; else None.
        labels: code to name of what a network finds that needs no reference; else None.
        weights: name of the weights file in the folder.
        sha256: of that file; None while a training still writes it.
        parameters: weights, moving statistics included.
        summary: one line for people.
        licence, data: of the weights, and what they were trained on.
        engine: name of the exported engine in the folder, see `zoo.engine_export`; None where there is none.
        engine_sha256: of that file.
    """

    folder: Path
    architecture: str
    arguments: Mapping[str, Any] = field(hash=False)
    propagation: PropagationSettings | None = None
    labels: Mapping[int, str] | None = field(default=None, hash=False)
    weights: str = WEIGHTS
    sha256: str | None = None
    parameters: int = 0
    summary: str = ""
    licence: str = ""
    data: str = ""
    engine: str | None = None
    engine_sha256: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Preset:
        """The preset in a folder.

        Raises:
            PresetError: its config.json cannot be read or does not describe a preset.
        """
        path = folder / CONFIG
        try:
            require(path.stat().st_size <= MOST_BYTES, f"expected {MOST_BYTES:,} bytes at most")
            held = json.loads(path.read_text(encoding="utf-8"))
            _require_facts(held)
            propagation, labels = held.pop("propagation"), held.pop("labels")
            return cls(
                folder,
                **held,
                propagation=None if propagation is None else PropagationSettings.from_dict(propagation),
                labels=None if labels is None else {int(code): name for code, name in labels.items()},
            )
        except (OSError, ValueError, TypeError, RecursionError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or " ".join(str(error).split())[:300]
            raise PresetError(
                f"{path} is no preset's, copy it again: {problem.rstrip('.')}.".replace("?.", "?")
            ) from error

    def write(self, card: str | None = None) -> None:
        """Writes config.json, and card.md where a text is given."""
        held = {name: value for name, value in vars(self).items() if name != "folder"}
        held = {name: value for name, value in held.items() if name not in _OPTIONAL or value is not None}
        held["propagation"] = self.propagation and self.propagation.to_dict()
        held["labels"] = None if self.labels is None else {str(code): name for code, name in self.labels.items()}
        if card is not None:
            write_whole(self.folder / CARD, card)
        write_whole(self.folder / CONFIG, json.dumps(held, indent=1) + "\n")

    @property
    def name(self) -> str:
        """What it is called."""
        return self.folder.resolve().name

    @property
    def path(self) -> Path:
        """The weights file."""
        return self.folder / self.weights

    @property
    def size_bytes(self) -> int:
        """Of the weights file."""
        return self.path.stat().st_size


_TYPES = {  # of the facts in config.json
    "architecture": str,
    "arguments": dict,
    "propagation": dict | None,
    "labels": dict | None,
    "weights": str,
    "sha256": str | None,
    "parameters": int,
    "summary": str,
    "licence": str,
    "data": str,
    "engine": str,
    "engine_sha256": str,
}
_OPTIONAL = ("engine", "engine_sha256")


def _require_facts(held: Any) -> None:
    """ValueError unless `held` has every fact of a config.json, each of its type, and no other."""
    require(isinstance(held, dict), f"expected facts by name, received {held!r:.40}")
    for name in held:
        require(name in _TYPES, f"there is no fact {name!r}: {known_names(name, _TYPES)}")
    for name, kind in _TYPES.items():
        require(name in held or name in _OPTIONAL, f"the fact {name!r} is missing")
        require(name not in held or isinstance(held[name], kind), f"{name} cannot be {held.get(name)!r:.40}")
    require(len(held.keys() & {*_OPTIONAL}) != 1, "an engine needs its SHA-256")
    for name in ("weights", "engine"):
        file = held.get(name, "")
        require(Path(file).name == file, f"{name} must be a file beside it, not {file!r}")
    labels = held["labels"] or {}
    right = all(code.isdecimal() and isinstance(name, str) for code, name in labels.items())
    require(right, f"labels must name codes, received {labels!r:.40}")
