"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.core.hidden import hidden_folder, prepared_in


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file name in a hidden folder beside `path`; on success what was written there replaces `path`.

    Whatever else was written into that folder moves beside `path` first, so that a header never names data that are
    missing. A link stays, and what it points to is replaced. On an error nothing is changed.
    """
    real = behind_links(path)
    with hidden_folder(real.parent) as folder:
        target = folder / f"{path.stem}{path.suffix.lower()}"  # libraries know a format by small letters
        yield target
        for other in prepared_in(folder):
            if other != target:
                os.replace(other, behind_links(real.parent / other.name))
        os.replace(target, real)


def behind_links(path: Path) -> Path:
    """`path`, or where it leads if it is a link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_whole(path: Path, content: bytes | str) -> Path:
    """Writes a file in one step, text as UTF-8; its path. What is no text, as in odd file names, becomes `?`."""
    with replacing(path) as target:
        target.write_bytes(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    return path


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` that takes its place on success; `whole_folder` finds what a kill left behind."""
    unfinished, before = folder.with_name(f"{folder.name}.unfinished"), _before(folder)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    yield unfinished
    if folder.exists():
        os.replace(folder, before)
    os.replace(unfinished, folder)
    shutil.rmtree(before, ignore_errors=True)


def whole_folder(folder: Path) -> Path:
    """`folder`, put back where a process was killed between the two steps of `replacing_folder`."""
    if _before(folder).exists() and not folder.exists():
        os.replace(_before(folder), folder)
    return folder


def check_folder(folder: Path) -> None:
    """Refuses a folder that could not be made or written to.

    Raises:
        InputError: it is a file, its parent is missing, or there is no permission.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"The folder {folder} is a file: expected a folder; give another name.")
    parent = folder if folder.is_dir() else folder.resolve().parent
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be written: {parent} is missing or protected ({error.strerror}); mend that."
        ) from None


def _before(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.before")
