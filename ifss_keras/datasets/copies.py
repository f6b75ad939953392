"""The working copies of a data set: made once, made again where their files changed, whole at any time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.core.hidden import hidden_folder
from ifss_keras.core.records import sha256_of
from ifss_keras.datasets.listing import Case, stem_and_suffix
from ifss_keras.datasets.working_copy import WorkingCopy, open_copy, write_copy
from ifss_keras.volumes.formats.registry import files_of, voxels_in

_ROOM_BYTES = 100_000_000  # that a disk should keep


def copy_name(case: Case) -> str:
    """The name of a case's folder: for people to read, and different for different files."""
    places = "\0".join(os.path.realpath(path) for path in (case.image, case.labels))
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{case.subject}_{stem_and_suffix(case.image)[0]}")[:60].lstrip(".")
    return f"{readable}-{hashlib.sha256(os.fsencode(places)).hexdigest()[:10]}"


def make_copies(cases: Iterable[Case], folder: Path, made: Callable[[], None] | None = None) -> list[WorkingCopy]:
    """The working copies of annotated cases in `folder`, in their order.

    A copy that is whole, and whose files did not change, stays; any other is made again. A process that is killed
    leaves no half copy; several may share the folder.

    Args:
        cases: with labels.
        folder: made if absent.
        made: called once for each copy that is there.

    Raises:
        InputError: a file that cannot be used, or a full disk.
        GeometryError: an image and its labels lie on different grids.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = [(case, folder / copy_name(case)) for case in cases]
    _check_space(folder, [case for case, place in places if not place.exists()])
    copies = []
    for case, place in places:
        copies.append(_whole_copy(place, case) or _made_copy(place, case))
        if made:
            made()
    return copies


def _check_space(folder: Path, missing: list[Case]) -> None:
    """Refuses what the disk has no room for; what cannot be read is told later, when its turn has come."""
    needed_bytes = 0
    for case in missing:
        with contextlib.suppress(InputError, OSError):
            needed_bytes += 2 * voxels_in(case.image)  # image and labels, a byte each
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes + _ROOM_BYTES > free_bytes:
        raise InputError(
            f"The working copies in {folder} take {needed_bytes / 1e9:.3g} GB: expected that much and "
            f"{_ROOM_BYTES / 1e9:g} GB more on its disk, received {free_bytes / 1e9:.3g} GB; make space, or choose "
            "another folder."
        )


def _whole_copy(place: Path, case: Case) -> WorkingCopy | None:
    """The copy that is there; None if there is none, or it is damaged, or its files are others now."""
    if not place.exists():
        return None
    try:
        found = open_copy(place)
        unchanged = found.facts["subject"] == case.subject and _unchanged(case, found.facts["sources"])
    except (InputError, KeyError, TypeError):
        return None
    return found if unchanged and found.is_intact() else None


def _made_copy(place: Path, case: Case) -> WorkingCopy:
    with hidden_folder(place.parent) as hidden:
        unfinished = hidden / place.name
        unfinished.mkdir()
        try:
            write_copy(unfinished, case, _fingerprints(case))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise InputError(
                f"The disk of {place.parent} is full: expected space for the working copy of {case.image}; make space "
                "and start again, what is made already stays."
            ) from error
        if place.exists():
            os.replace(place, hidden / "before")
        os.replace(unfinished, place)
    return open_copy(place)


def _files(case: Case) -> list[Path]:
    return [*files_of(case.image), *files_of(case.labels)]


def _fingerprints(case: Case) -> dict[str, dict[str, Any]]:
    """Absolute path of each file to its size, its time and its SHA-256."""
    for path in (case.image, case.labels):
        if not path.exists():
            raise InputError(f"{path} does not exist: expected a file of the subject {case.subject}; check the path.")
    return {os.path.realpath(path): _look(path) | {"sha256": sha256_of(path)} for path in _files(case)}


def _look(path: Path) -> dict[str, int]:
    held = path.stat()
    return {"bytes": held.st_size, "modified_ns": held.st_mtime_ns}


def _unchanged(case: Case, sources: dict[str, dict[str, Any]]) -> bool:
    """By size and time; where these differ, as in a copy of the files, by their content."""
    try:
        files = {os.path.realpath(path): path for path in _files(case)}
        return set(files) == set(sources) and all(_same(path, sources[name]) for name, path in files.items())
    except (OSError, InputError):
        return False


def _same(path: Path, known: dict[str, Any]) -> bool:
    look = _look(path)
    if all(known[name] == value for name, value in look.items()):
        return True
    return known["bytes"] == look["bytes"] and known["sha256"] == sha256_of(path)
