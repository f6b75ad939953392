"""Hidden folders that work is prepared in; those that a killed process left behind are removed by the next one."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, where a file that a process holds open cannot be removed
    fcntl = None

PREFIX, LOCK = ".ifss-", ".lock"
_MARK = b"ifss"  # in the lock: only what holds it is ours to remove


@contextlib.contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder in `parent`, removed afterwards; its process holds a lock in it as long as it lives."""
    remove_abandoned(parent)
    folder, lock = _locked_folder(parent)
    try:
        yield folder
    finally:
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Removes the hidden folders in `parent` whose process is gone; those of living processes stay."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                _remove_if_abandoned(folder)


def prepared_in(folder: Path) -> list[Path]:
    """What was written into a hidden folder."""
    return sorted(path for path in folder.iterdir() if path.name != LOCK)


def _locked_folder(parent: Path):
    """A new folder in `parent` and its open lock, which is held until it is closed."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        try:
            lock = open(folder / LOCK, "wb")  # noqa: SIM115
        except FileNotFoundError:  # taken for abandoned while it was empty
            continue
        _lock(lock)
        try:
            lock.write(_MARK)
            lock.flush()
        except OSError:  # the disk is full
            with contextlib.suppress(OSError):
                lock.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()  # taken for abandoned before it was locked


def _lock(lock, now: bool = False) -> None:
    """OSError where another process holds it and it must be `now`; a file system without locks has none to respect."""
    if fcntl is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if now else 0))
    except OSError:
        if now:
            raise


def _remove_if_abandoned(folder: Path) -> None:
    try:
        lock = open(folder / LOCK, "r+b")  # noqa: SIM115
    except FileNotFoundError:
        folder.rmdir()  # killed before it was locked; OSError if it holds anything, which is then not ours
        return
    with lock:
        if lock.read(len(_MARK)) != _MARK and prepared_in(folder):
            return
        _lock(lock, now=True)
        if fcntl is not None:
            shutil.rmtree(folder)
            return
    (folder / LOCK).unlink()
    shutil.rmtree(folder)
