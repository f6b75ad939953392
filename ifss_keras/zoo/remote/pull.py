"""Released presets into the cache: mirror after mirror, every file checked before it gets its name."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from ifss_keras.core.errors import PresetError
from ifss_keras.core.files import replacing
from ifss_keras.core.progress import Progress, silent
from ifss_keras.zoo.remote.cache import alone_at, cached_folder, is_cached, partial_of, wrong_files
from ifss_keras.zoo.remote.registry import Record, RemoteFile
from ifss_keras.zoo.remote.settings import RemoteSettings, read_settings, settings_file, without_password


def folder_of(record: Record, progress: Progress = silent) -> Path:
    """The folder of a released preset in the cache, fetched if it is not there.

    Raises:
        InputError: settings that cannot be used.
        PresetError: see `pull`.
    """
    settings = read_settings()
    return cached_folder(record, settings) if is_cached(record, settings) else pull(record, settings, progress)


def pull(record: Record, settings: RemoteSettings, progress: Progress = silent) -> Path:
    """The folder of a preset in the cache, after every file that was missing or damaged has been fetched.

    Args:
        record: of the registry.
        settings: mirrors and cache.
        progress: told of the kB that have arrived.

    Raises:
        PresetError: no mirror has the files, there is none, or the cache cannot be written.
    """
    folder = cached_folder(record, settings)
    if not wrong_files(record, settings):
        return folder
    if not settings.reachable:
        raise _nowhere(record, settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone_at(record, settings):
            wanted = wrong_files(record, settings)  # another process may have been faster
            _check_space(record, wanted, folder)
            for file in wanted:
                _fetch(record, file, settings, progress)
    except OSError as error:
        raise PresetError(
            f"The preset {record.name} cannot be written into the cache {settings.cache} ({error.strerror or error}): "
            "mend permission or space there, or name another folder by IFSS_CACHE."
        ) from error
    return folder


def _fetch(record: Record, file: RemoteFile, settings: RemoteSettings, progress: Progress) -> None:
    """One file, from the first mirror that has it."""
    from ifss_keras.zoo.remote.source import RefusedError

    problems = []
    for mirror in settings.reachable:
        try:
            _fetch_from(mirror, record, file, settings, progress)
            return
        except RefusedError as error:
            problems.append(f"{without_password(mirror)}: {error}")
    raise PresetError(
        f"{file.name} of the preset {record.name} cannot be fetched ({'; '.join(problems)}): try again later, or name "
        f"another host by IFSS_WEIGHTS_URL or in {settings_file()}."
    )


def _fetch_from(mirror: str, record: Record, file: RemoteFile, settings: RemoteSettings, progress: Progress) -> None:
    from ifss_keras.zoo.remote.source import RefusedError
    from ifss_keras.zoo.remote.transfer import Transfer

    folder, address = cached_folder(record, settings), f"{mirror.rstrip('/')}/{record.name}/{file.name}"
    before = sum(other.size_bytes for other in record.files[: record.files.index(file)])

    def told(held_bytes: int) -> None:
        progress(f"Fetching {record.name}, kB", (before + held_bytes) // 1000, record.total_bytes // 1000)

    transfer = Transfer(partial_of(folder, file), file.size_bytes, settings, told)
    began_elsewhere = transfer.held_bytes() > 0
    if _right(address, file, folder, transfer):
        return
    # the beginning, of an earlier process or of another mirror, may be what was wrong
    if not began_elsewhere or not _right(address, file, folder, transfer):
        raise RefusedError("it sends other bytes than the released ones, by their SHA-256")


def _right(address: str, file: RemoteFile, folder: Path, transfer) -> bool:
    """Whether what an address sends is the file; it lies in its place then, and nothing does otherwise."""
    import pooch

    try:
        with _quiet(pooch.get_logger()), replacing(folder / file.name) as target:
            known = f"sha256:{file.sha256}"
            pooch.retrieve(address, known, fname=target.name, path=target.parent, downloader=transfer)
    except ValueError:  # how pooch refuses a checksum
        return False
    return True


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """pooch tells of every file on stderr otherwise."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _check_space(record: Record, wanted: tuple[RemoteFile, ...], folder: Path) -> None:
    needed = sum(file.size_bytes - _held(partial_of(folder, file)) for file in wanted)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise PresetError(
            f"The preset {record.name} needs {needed:,} bytes in {folder}: received a disk with {free:,} bytes free; "
            "make room there, or name another folder by IFSS_CACHE."
        )


def _held(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _nowhere(record: Record, settings: RemoteSettings) -> PresetError:
    begin = f"The preset {record.name} is not in the cache {settings.cache}"
    if settings.mirrors:
        return PresetError(
            f"{begin}, and nothing is fetched over a network as IFSS_OFFLINE or the settings say: unset that, give a "
            "folder by IFSS_WEIGHTS_URL=file:///FOLDER, or the folder of the preset itself."
        )
    return PresetError(
        f"{begin}, and no host to fetch it from is configured: name one by IFSS_WEIGHTS_URL (https://HOST/..., or "
        f"file:///FOLDER) or as mirrors in {settings_file()}, or give the folder of the preset itself."
    )
