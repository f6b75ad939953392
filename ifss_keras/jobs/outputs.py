"""Where a job's files go, each volume and each report with a record of where it is from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ifss_keras.core.errors import IFSSError, InputError
from ifss_keras.core.files import behind_links
from ifss_keras.core.records import Fingerprint, Outputs, facts_beside
from ifss_keras.jobs.provenance import Provenance
from ifss_keras.volumes.formats.registry import files_made
from ifss_keras.volumes.io import check_writable

REPORT_FILES = ("report.html", "overlay.png", "volumes.csv", "slices.csv", "volumes.xlsx", "evaluation.json")
REPORT_RECORD = "report.ifss.json"
ON_FRAMES = "on_frames"  # in the record of a mask: its slices are the frames of a tracked sweep


def check_output(path: Path) -> None:
    """Refuses a file that cannot be written, or a link to one half of a volume in two files.

    Raises:
        InputError: naming it.
    """
    check_writable(path)
    if path.is_symlink():
        if len(files_made(path)) > 1:
            raise InputError(f"{path} is a link to a header whose voxels lie in a second file: give the file itself.")
        check_writable(behind_links(path).with_name(path.name))


def volume_outputs(path: Path, source: Mapping[str, Fingerprint], *, force: bool = False) -> Outputs:
    """The files of a volume: its own, behind a link if it is one, and the second one of a header."""
    names = [behind_links(path).name, *(made.name for made in files_made(path)[1:])]
    return Outputs.beside(path, names, source, force)


def report_outputs(folder: Path, source: Mapping[str, Fingerprint], *, force: bool = False) -> Outputs:
    """The files of a report in a folder."""
    return Outputs(folder / REPORT_RECORD, REPORT_FILES, source, force)


def publish_volume(
    path: Path, outputs: Outputs, provenance: Provenance, write: Callable[[Path], None], *, on_frames: bool = False
) -> None:
    """Lets `write` make a volume in the format of `path`, and puts it there after its record.

    Args:
        on_frames: its slices are the frames of a tracked sweep, whose voxels have no volume.

    Raises:
        InputError: it cannot be written.
    """
    with outputs.publishing(provenance.inputs, provenance.facts() | {ON_FRAMES: on_frames}) as hidden:
        try:
            write(hidden / path.name)
        except IFSSError as error:
            raise InputError(str(error).replace(f"{hidden}{os.sep}", f"{path.parent}{os.sep}")) from None
        os.replace(hidden / path.name, hidden / outputs.names[0])


def publish_report(report: Outputs, provenance: Provenance, prediction, run) -> None:
    """Writes the report of a `Prediction` whose mask is written, and of its `RunInfo`, after its record.

    Raises:
        InputError: it cannot be written.
    """
    from ifss_keras.report.html import write_report

    try:
        report.folder.mkdir(exist_ok=True)
        with report.publishing(provenance.inputs, provenance.facts()) as hidden:
            write_report(hidden, prediction, run)
    except (OSError, IFSSError) as error:
        raise InputError(f"The mask {run.output_path} is written, but not its report: {error}") from error


def lies_on_frames(mask: Path) -> bool:
    """Whether a file is a mask that was written on the frames of a tracked sweep, and untouched since."""
    return bool(facts_beside(mask).get(ON_FRAMES))
