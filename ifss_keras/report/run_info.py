"""What it takes to repeat a run, and how the page tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FACTS = {
    "measured_paths": "Volumes or masks",
    "image_path": "Image",
    "prediction_path": "Mask",
    "reference_path": "Annotated slices",
    "truth_path": "Truth",
    "output_path": "Mask written to",
    "preset": "Preset",
    "method": "Method",
    "shape": "Voxels (slice, row, column)",
    "spacing_mm": "Spacing in mm (slice, row, column)",
    "axis": "Slices along stored axis",
    "seconds": "Time taken (s)",
    "date": "Date",
    "command": "Command",
    "machine": "Machine",
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is known of any run, beside its result.

    Attributes:
        seconds: wall time.
        date: shown as given.
        versions: package to version.
        parameters: name to value.
        command: that was run; None from Python.
        subject: whom the volume shows, as its user calls them; None if not said.
        checksums: full SHA-256 of each file that decided the result, by what it is ("image", "reference", "weights").
        machine: what it ran on.
    """

    seconds: float
    date: str
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None
    subject: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    machine: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunInfo(Run):
    """What it takes to repeat a prediction, beside the prediction itself.

    Attributes:
        image_path, reference_path: what was read.
        output_path: where the mask was written; None for nowhere.
        preset: the weights; None for none.
        method: that was asked for.
    """

    image_path: str
    reference_path: str
    output_path: str | None
    preset: str | None
    method: str


@dataclass(frozen=True, kw_only=True)
class EvaluationRunInfo(Run):
    """What it takes to repeat an evaluation, beside the evaluation itself.

    Attributes:
        prediction_path, truth_path: what was read.
        axis: stored axis that the slices lie along.
    """

    prediction_path: str
    truth_path: str
    axis: int


@dataclass(frozen=True, kw_only=True)
class AgreementRunInfo(Run):
    """What it takes to repeat a comparison of raters, beside the comparison itself.

    Attributes:
        measured_paths: the CSV of the volumes, or the folders of the masks.
    """

    measured_paths: tuple[str, ...]


def facts_of(run: Run | None, **grid: Any) -> list[tuple[str, str]]:
    """Title and value of all that is known of a run and its grid, in the order of `FACTS`."""
    known = grid if run is None else grid | vars(run) | {"seconds": f"{run.seconds:.1f}"}
    rows = [(title, _plain(known[name])) for name, title in FACTS.items() if known.get(name) is not None]
    rows += [(f"Parameter {name}", _plain(value)) for name, value in known.get("parameters", {}).items()]
    rows += [(f"SHA-256 of the {name}", value) for name, value in known.get("checksums", {}).items()]
    return rows + [(f"Version of {name}", value) for name, value in known.get("versions", {}).items()]


def _plain(value: Any) -> str:
    """A value of a run as a reader would write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {item}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
