"""The released presets that the package does not hold: what each is, and the size and SHA-256 of its files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ifss_keras.core.checks import known_names, require
from ifss_keras.core.errors import PresetError
from ifss_keras.zoo.catalogue import refuse_a_network

REGISTRY = "registry.json"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # what a name may be that becomes part of a path and of an address
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a preset as it was released.

    Attributes:
        name: in the preset's folder.
        sha256: of its bytes.
        size_bytes: how many there are.
    """

    name: str
    sha256: str
    size_bytes: int

    def __post_init__(self):
        require(_PLAIN.fullmatch(self.name), f"a file's name must be letters, digits, . _ -, received {self.name!r}")
        require(_SHA256.fullmatch(self.sha256), f"the SHA-256 of {self.name} cannot be {self.sha256!r}")
        require(self.size_bytes > 0, f"the size of {self.name} cannot be {self.size_bytes}")


@dataclass(frozen=True)
class Record:
    """A released preset that is fetched on demand.

    Attributes:
        name: of the preset, and of its folder in the cache and at a host.
        architecture, summary, licence, data, parameters: as its config.json has them.
        weights: the name of its weights file.
        files: in the order in which they are fetched, config.json last: a folder with it is whole.
    """

    name: str
    architecture: str
    summary: str
    licence: str
    data: str
    parameters: int
    weights: str
    files: tuple[RemoteFile, ...]

    def __post_init__(self):
        require(_PLAIN.fullmatch(self.name), f"a preset's name must be letters, digits, . _ -, received {self.name!r}")
        require(self.weights in [file.name for file in self.files], f"{self.name} has no file {self.weights!r}")

    @classmethod
    def from_dict(cls, name: str, held: Mapping[str, Any]) -> Record:
        """What the registry holds under a name; ValueError or TypeError if that is no record."""
        files = tuple(RemoteFile(file, **facts) for file, facts in held["files"].items())
        return cls(name, **{**held, "files": files})

    def to_dict(self) -> dict[str, Any]:
        """The same, as the registry holds it."""
        held = {fact: value for fact, value in vars(self).items() if fact not in ("name", "files")}
        files = {file.name: {"sha256": file.sha256, "size_bytes": file.size_bytes} for file in self.files}
        return held | {"files": files}

    @property
    def size_bytes(self) -> int:
        """Of the weights file."""
        return self._weights_file.size_bytes

    @property
    def sha256(self) -> str:
        """Of the weights file."""
        return self._weights_file.sha256

    @property
    def total_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def _weights_file(self) -> RemoteFile:
        return next(file for file in self.files if file.name == self.weights)


def find_record(name: str) -> Record:
    """The record of that name.

    Raises:
        PresetError: there is none; the text lists those there are.
    """
    records = registry()
    if name not in records:
        refuse_a_network(name, records)
        raise PresetError(f"There is no preset {name!r} that is fetched on demand: {known_names(name, records)}")
    return records[name]


def registry() -> dict[str, Record]:
    """Name to record, of the released presets that are fetched on demand."""
    held = json.loads((resources.files("ifss_keras.zoo") / REGISTRY).read_text(encoding="utf-8"))
    return {name: Record.from_dict(name, facts) for name, facts in held.items()}
