"""Hidden folders: gone after work, after a kill by the next one, and never taken from a living process."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from ifss_keras.core.files import replacing
from ifss_keras.core.hidden import LOCK, hidden_folder, prepared_in, remove_abandoned

HOLDER = """
import sys, time
from pathlib import Path
from ifss_keras.core.hidden import hidden_folder
with hidden_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"half a mask")
    print(folder, flush=True)
    time.sleep(60)
"""


def holder(parent):
    """A process that holds a hidden folder in `parent`, and that folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(parent)], stdout=subprocess.PIPE, text=True)
    return process, parent / process.stdout.readline().strip()


def test_it_is_gone_afterwards_and_after_an_error(tmp_path):
    with hidden_folder(tmp_path) as folder:
        (folder / "a").write_bytes(b"1")
        assert folder.parent == tmp_path
        assert folder.name.startswith(".ifss-")
        assert prepared_in(folder) == [folder / "a"]
    with suppress(ZeroDivisionError), hidden_folder(tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(tmp_path):
    living, kept = holder(tmp_path)
    killed, left = holder(tmp_path)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "half").exists()
        with replacing(tmp_path / "mask.nii") as target:
            target.write_bytes(b"mask")
        assert not left.exists()
        assert (kept / "half").read_bytes() == b"half a mask"
    finally:
        living.kill()
        living.wait()
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mask.nii"]


def test_one_of_the_same_process_stays_too(tmp_path):
    with hidden_folder(tmp_path) as first, hidden_folder(tmp_path) as second:
        assert first != second
        assert (first / LOCK).exists()


def test_a_folder_without_a_lock_goes_if_it_is_empty_only(tmp_path):
    (tmp_path / ".ifss-empty").mkdir()
    (tmp_path / ".ifss-mine").mkdir()
    (tmp_path / ".ifss-mine" / "notes.txt").write_text("keep")
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".ifss-mine"]
    remove_abandoned(tmp_path / "nowhere")


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.nii", tmp_path / "mask.nii"
    real.write_bytes(b"old")
    os.symlink(real, link)
    with replacing(link) as target:
        assert target.name == "mask.nii"
        target.write_bytes(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == link.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "mask.nii", "real.nii"]
