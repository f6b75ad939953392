"""Files and folders that appear whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder, replacing, replacing_folder, whole_folder, write_whole


def held(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_there_only_after_it_is_whole(tmp_path):
    path = tmp_path / "mask.NRRD"
    with replacing(path) as unfinished:
        unfinished.write_bytes(b"new")
        assert unfinished.name == "mask.nrrd"
        assert not path.exists()
    assert held(tmp_path) == {"mask.NRRD": b"new"}


def test_what_lies_beside_a_header_moves_before_it(tmp_path, monkeypatch):
    moved, original = [], os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: moved.append(Path(b).name) or original(a, b))
    with replacing(tmp_path / "mask.mhd") as header:
        header.write_bytes(b"header")
        header.with_suffix(".zraw").write_bytes(b"voxels")
    assert moved == ["mask.zraw", "mask.mhd"]
    assert held(tmp_path) == {"mask.mhd": b"header", "mask.zraw": b"voxels"}


def test_an_error_leaves_everything_as_it_was(tmp_path):
    (tmp_path / "log.csv").write_bytes(b"old")
    with suppress(ZeroDivisionError), replacing(tmp_path / "log.csv") as unfinished:
        unfinished.write_bytes(b"half")
        raise ZeroDivisionError
    assert held(tmp_path) == {"log.csv": b"old"}
    assert list(tmp_path.iterdir()) == [tmp_path / "log.csv"]


@pytest.mark.parametrize(("content", "written"), [("é\n", b"\xc3\xa9\n"), (b"\x00\xff", b"\x00\xff")])
def test_text_is_written_as_utf_8_and_bytes_as_they_are(tmp_path, content, written):
    before = os.umask(0o022)
    try:
        assert write_whole(tmp_path / "a.txt", content) == tmp_path / "a.txt"
    finally:
        os.umask(before)
    assert held(tmp_path) == {"a.txt": written}
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644  # others may read it


def test_a_folder_is_replaced_whole(tmp_path):
    for content in (b"1", b"2"):
        with replacing_folder(tmp_path / "backup") as unfinished:
            (unfinished / content.decode()).write_bytes(content)
    assert held(tmp_path) == {"backup/2": b"2"}
    with suppress(ZeroDivisionError), replacing_folder(tmp_path / "backup") as unfinished:
        (unfinished / "3").write_bytes(b"3")
        raise ZeroDivisionError
    assert held(tmp_path)["backup/2"] == b"2"
    with replacing_folder(tmp_path / "backup") as unfinished:
        (unfinished / "4").write_bytes(b"4")
    assert held(tmp_path) == {"backup/4": b"4"}


def test_a_folder_whose_process_was_killed_between_both_steps_comes_back(tmp_path, monkeypatch):
    with replacing_folder(tmp_path / "backup") as unfinished:
        (unfinished / "1").write_bytes(b"1")
    original = os.replace

    def killed(source, target):
        if Path(source).name == "backup.unfinished":
            raise KeyboardInterrupt
        original(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "backup"):
        pass
    monkeypatch.undo()
    assert not (tmp_path / "backup").exists()
    assert held(whole_folder(tmp_path / "backup")) == {"1": b"1"}


def test_folders_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder, said in ((tmp_path / "file", "is a file"), (tmp_path / "none" / "new", "missing or protected")):
        with pytest.raises(InputError, match=said):
            check_folder(folder)
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
    assert not (tmp_path / "new").exists()
