"""What it takes to repeat a run: the command, its files by their fingerprints, versions, machine and date."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.machine import machine, package_versions
from ifss_keras.core.records import Fingerprint
from ifss_keras.jobs.call import Call
from ifss_keras.volumes.formats.registry import files_of


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes:
        command: as in `Call`.
        subject: whom the volume shows, as its user calls them; None if not said.
        date: local, to the minute.
        machine: system, processor and cores.
        versions: package to version.
        inputs: what decided the result, by what it is ("image", "reference", "weights").
    """

    command: str | None
    subject: str | None
    date: str
    machine: str
    versions: Mapping[str, str]
    inputs: Mapping[str, Fingerprint]

    @classmethod
    def now(cls, call: Call, subject: str | None, inputs: Mapping[str, Fingerprint]) -> Provenance:
        """That of a run on this machine."""
        date = time.strftime("%Y-%m-%d %H:%M")
        return cls(call.command, subject, date, machine(), package_versions(), inputs)

    @property
    def checksums(self) -> dict[str, str]:
        """The full SHA-256 of each input, by what it is."""
        return {name: held.sha256 for name, held in self.inputs.items()}

    def told(self) -> dict[str, Any]:
        """The same for `RunInfo` and `EvaluationRunInfo`."""
        names = ("command", "subject", "date", "machine", "versions", "checksums")
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    def facts(self) -> dict[str, Any]:
        """As JSON holds it, but for the inputs, of which a record tells by itself."""
        return {name: value for name, value in self.to_dict().items() if name != "inputs"}


def fingerprints(**volumes: Path | None) -> dict[str, Fingerprint]:
    """Of some volumes, by what they are.

    The second file of a header is called its voxels; more files than two, such as a DICOM series, have one fingerprint.
    """
    found = {}
    for name, path in volumes.items():
        files = files_of(path) if path else []
        if len(files) > 2 or (path and path.is_dir()):
            found[name] = Fingerprint.of_all(path, files)
            continue
        for held, what in zip(files, (name, f"{name} voxels"), strict=False):
            found[what] = Fingerprint.of(held)
    return found
