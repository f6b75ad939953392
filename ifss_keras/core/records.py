"""Records beside what was written: of which files, and by which fingerprints an own, untouched output is known again.

A record is a JSON file `*.ifss.json`. It is moved into place before the files that it is about, and knows what these
replace: so it is right whenever a process is killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import behind_links
from ifss_keras.core.hidden import hidden_folder, prepared_in

SUFFIX = ".ifss.json"
_PIECE_BYTES = 1 << 20
_MOST_RECORD_BYTES = 1 << 24


@dataclass(frozen=True)
class Fingerprint:
    """A file as it was, or the files of one volume: `path` is absolute, `sha256` of all bytes."""

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """That of a file as it is now; OSError if it cannot be read."""
        return cls(os.path.realpath(path), sha256_of(path))

    @classmethod
    def of_all(cls, path: Path, files: Sequence[Path]) -> Fingerprint:
        """That of a volume in several files, which is called `path`; see `sha256_of_all`."""
        return cls(os.path.realpath(path), sha256_of_all(files))


def sha256_of_all(files: Sequence[Path]) -> str:
    """That of one file; of several, the SHA-256 of all theirs and of their names, a line each, in their order."""
    if len(files) == 1:
        return sha256_of(files[0])
    lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits, read piece by piece."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()


@dataclass(frozen=True)
class Outputs:
    """Files that appear together in one folder, and what they are made from.

    Attributes:
        record: the file that tells of them, in their folder.
        names: of the files that may be written.
        source: what they are made from, by what it is ("image"); another run of the same source may replace them.
        force: whether anything that is there may be replaced.
    """

    record: Path
    names: tuple[str, ...]
    source: Mapping[str, Fingerprint]
    force: bool = False

    @classmethod
    def beside(
        cls, path: Path, names: Iterable[str], source: Mapping[str, Fingerprint], force: bool = False
    ) -> Outputs:
        """Those of one file, its record beside it, or beside what it leads to if it is a link."""
        real = behind_links(path)
        return cls(real.with_name(real.name + SUFFIX), tuple(names), source, force)

    @property
    def folder(self) -> Path:
        """Where they appear."""
        return self.record.parent

    def check_replaceable(self) -> None:
        """Refuses to replace what is not an earlier output for the same source, untouched since, without `force`.

        Raises:
            InputError: naming the file, and what can be done.
        """
        if self.force:
            return
        held = _read(self.record)
        there = [path for path in (self.folder / name for name in self.names) if os.path.lexists(path)]
        if held is None and self.record.exists():
            there.insert(0, self.record)
        for path in there:
            if reason := self._foreign(path, held):
                raise InputError(
                    f"{path} is there already and {reason}: give another name, or overwrite it.",
                    setting="force",
                )

    def _foreign(self, path: Path, held: dict | None) -> str:
        """Why a file may not be replaced; empty if it may."""
        if held is None or path.name not in held["outputs"]:
            return "is not known to be written by ifss"
        if not path.is_file() or sha256_of(path) not in (held["outputs"][path.name], held["replaced"].get(path.name)):
            return "was changed since ifss wrote it"
        return "" if self._same_source(held) else "was made from another input"

    def _same_source(self, held: dict) -> bool:
        if not self.source:
            return not held["inputs"]
        return all(
            name in held["inputs"]
            and (held["inputs"][name]["path"] == now.path or held["inputs"][name]["sha256"] == now.sha256)
            for name, now in self.source.items()
        )

    @contextlib.contextmanager
    def publishing(self, inputs: Mapping[str, Fingerprint], facts: Mapping[str, Any]) -> Iterator[Path]:
        """A hidden folder; on success the files written there replace those in `folder`, after their record.

        Args:
            inputs: all that decided the files, the source among it.
            facts: more to keep in the record, as JSON holds it.

        Raises:
            InputError: what is there by then may not be replaced, see `check_replaceable`.
        """
        with hidden_folder(self.folder) as hidden:
            yield hidden
            files = sorted(prepared_in(hidden), key=lambda path: path.name == self.names[0])  # a header after its data
            held = _read(self.record) or {"outputs": {}, "replaced": {}, "inputs": {}}
            kept = held["outputs"] if self._same_source(held) else {}
            own = {path.name for path in files if not self._foreign(self.folder / path.name, held)}
            told = {
                **facts,
                "inputs": {name: asdict(now) for name, now in inputs.items()},
                "outputs": kept | {path.name: sha256_of(path) for path in files},
                "replaced": {name: sha256_of(self.folder / name) for name in sorted(own)},
            }
            record = hidden / self.record.name
            record.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
            self.check_replaceable()  # work takes time, in which somebody may have saved a file here
            os.replace(record, self.record)
            for path in files:
                os.replace(path, behind_links(self.folder / path.name))


def facts_beside(path: Path) -> dict[str, Any]:
    """What the record of a file tells of it; empty without one, or where the file is not the one that it tells of."""
    real = behind_links(path)
    held = _read(real.with_name(real.name + SUFFIX))
    if held is None or not real.is_file() or held["outputs"].get(real.name) != sha256_of(real):
        return {}
    return held


def _read(record: Path) -> dict | None:
    """What a record holds; None if there is none, or it is none."""
    try:
        if not record.is_file() or record.stat().st_size > _MOST_RECORD_BYTES:
            return None
        held = json.loads(record.read_text(encoding="utf-8"))
        texts = (held["outputs"], held["replaced"], *held["inputs"].values())
        right = all(isinstance(value, str) for part in texts for value in part.values())
        right = right and all({"path", "sha256"} <= set(part) for part in held["inputs"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return held if right else None
