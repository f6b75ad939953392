"""The cache of fetched presets: a folder for each, whose files are compared with the registry's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ifss_keras.core.errors import ChecksumError, PresetError
from ifss_keras.core.hidden import remove_abandoned
from ifss_keras.core.lock import only_one
from ifss_keras.core.records import sha256_of
from ifss_keras.zoo.remote.registry import Record, RemoteFile
from ifss_keras.zoo.remote.settings import RemoteSettings

PARTIAL = ".part"  # what has arrived of a file, beside its place


def cached_folder(record: Record, settings: RemoteSettings) -> Path:
    """Where a preset lies if it has been fetched."""
    return settings.cache / record.name


def is_cached(record: Record, settings: RemoteSettings) -> bool:
    """Whether a preset's files are there, each of its size; its weights' SHA-256 is checked where they are loaded."""
    folder = cached_folder(record, settings)
    try:
        sizes = all((folder / file.name).stat().st_size == file.size_bytes for file in record.files)
        return sizes and not _differs(folder, record.files[-1])
    except OSError:
        return False


def is_begun(record: Record, settings: RemoteSettings) -> bool:
    """Whether anything of a preset is there."""
    return bool(_traces(record, cached_folder(record, settings)))


def wrong_files(record: Record, settings: RemoteSettings) -> tuple[RemoteFile, ...]:
    """The files of a preset that are missing in the cache, or whose SHA-256 is not the registry's, in their order."""
    return tuple(file for file in record.files if _differs(cached_folder(record, settings), file))


def check_cached(record: Record, settings: RemoteSettings) -> Path:
    """The folder of a cached preset, after every file's SHA-256 has been checked.

    Raises:
        PresetError: it is not in the cache.
        ChecksumError: a file is missing or is not the released one.
    """
    folder = cached_folder(record, settings)
    if not is_begun(record, settings):
        raise not_cached(record, settings)
    if wrong := wrong_files(record, settings):
        names = ", ".join(file.name for file in wrong)
        raise ChecksumError(
            f"The preset {record.name} in {folder} is damaged: expected the SHA-256 of the registry, received other or "
            f"no bytes in {names}: `ifss models pull {record.name}` fetches them again."
        )
    return folder


def not_cached(record: Record, settings: RemoteSettings) -> PresetError:
    """The refusal of a preset that must be fetched first."""
    return PresetError(
        f"The preset {record.name} is not in the cache {settings.cache}: `ifss models pull {record.name}` fetches it."
    )


def remove_cached(record: Record, settings: RemoteSettings) -> Path:
    """Removes a preset from the cache, with what has arrived of it so far; the folder it lay in.

    Raises:
        PresetError: it is not in the cache, or cannot be removed.
    """
    folder = cached_folder(record, settings)
    if not is_begun(record, settings):
        raise not_cached(record, settings)
    try:
        with alone_at(record, settings):
            remove_abandoned(folder)
            for path in reversed(_traces(record, folder)):  # config.json first: without it the rest is no preset
                path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise PresetError(f"The preset {record.name} cannot be removed from {folder}: {error.strerror}.") from None
    return folder


def partial_of(folder: Path, file: RemoteFile) -> Path:
    """Where the beginning of a file lies until the rest has arrived."""
    return folder / f"{file.name}{PARTIAL}"


@contextlib.contextmanager
def alone_at(record: Record, settings: RemoteSettings) -> Iterator[None]:
    """One process at a time works at a preset in the cache; others wait."""
    with only_one(settings.cache / f".{record.name}.lock"):
        yield


def _traces(record: Record, folder: Path) -> list[Path]:
    """The files of a preset that are there, whole or in part."""
    places = [place for file in record.files for place in (partial_of(folder, file), folder / file.name)]
    return [place for place in places if place.exists()]


def _differs(folder: Path, file: RemoteFile) -> bool:
    try:
        path = folder / file.name
        return path.stat().st_size != file.size_bytes or sha256_of(path) != file.sha256
    except OSError:
        return True
