"""Records: which files are an own, untouched output, and that they are right whenever a process is killed."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.core.records import Fingerprint, Outputs, sha256_of


def image(path="/data/sweep.mha", content=b"image"):
    return {"image": Fingerprint(path, sha256(content).hexdigest())}


def mask(folder, source=None):
    path = folder / "mask.mhd"
    return Outputs.beside(path, ["mask.mhd", "mask.zraw"], image() if source is None else source)


def publish(outputs, text, inputs=None, facts=None):
    with outputs.publishing(outputs.source if inputs is None else inputs, facts or {}) as hidden:
        for name in outputs.names:
            (hidden / name).write_text(f"{text} {name}")


def refusal(outputs):
    with pytest.raises(InputError) as refused:
        outputs.check_replaceable()
    assert refused.value.setting == "force"
    return str(refused.value)


def test_the_fingerprint_is_that_of_all_bytes(tmp_path):
    content = bytes(range(256)) * 10_000  # more than a piece
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == sha256(content).hexdigest()
    os.symlink(tmp_path / "a", tmp_path / "b")
    assert Fingerprint.of(tmp_path / "b") == Fingerprint(str((tmp_path / "a").resolve()), sha256(content).hexdigest())


def test_a_record_tells_of_the_files_beside_it(tmp_path):
    outputs = mask(tmp_path)
    outputs.check_replaceable()
    weights = {"weights": Fingerprint("/w.h5", "0" * 64)}
    publish(outputs, "1", image() | weights, {"command": "ifss predict"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.mhd", "mask.mhd.ifss.json", "mask.zraw"]
    told = json.loads((tmp_path / "mask.mhd.ifss.json").read_text())
    assert told["command"] == "ifss predict"
    assert told["outputs"] == {name: sha256(f"1 {name}".encode()).hexdigest() for name in ("mask.mhd", "mask.zraw")}
    assert told["inputs"]["image"] == {"path": "/data/sweep.mha", "sha256": sha256(b"image").hexdigest()}
    assert told["inputs"]["weights"] == {"path": "/w.h5", "sha256": "0" * 64}
    assert told["replaced"] == {}


@pytest.mark.parametrize("source", [image(), image(content=b"exported again"), image(path="/moved.mha")])
def test_an_own_output_of_the_same_input_is_replaced(tmp_path, source):
    publish(mask(tmp_path), "1")
    mask(tmp_path, source).check_replaceable()
    publish(mask(tmp_path, source), "2")
    assert (tmp_path / "mask.zraw").read_text() == "2 mask.zraw"
    mask(tmp_path).check_replaceable()


@pytest.mark.parametrize(
    ("spoil", "source", "said"),
    [
        (lambda folder: None, image("/other.mha", b"other"), "mask.mhd is there already and was made from another"),
        (lambda folder: None, {}, "mask.mhd is there already and was made from another input"),
        (
            lambda folder: (folder / "mask.zraw").write_text("by hand"),
            None,
            "mask.zraw is there already and was changed",
        ),
        (lambda folder: (folder / "mask.mhd.ifss.json").unlink(), None, "mask.mhd is there already and is not known"),
        (lambda folder: (folder / "mask.mhd.ifss.json").write_text("{}"), None, "mask.mhd.ifss.json is there already"),
        (lambda folder: (folder / "mask.mhd.ifss.json").write_text("["), None, "mask.mhd.ifss.json is there already"),
    ],
)
def test_anything_else_is_refused(tmp_path, spoil, source, said):
    publish(mask(tmp_path), "1")
    spoil(tmp_path)
    assert said in refusal(mask(tmp_path, source))


def test_a_file_of_someone_else_is_refused_and_a_folder_in_its_place(tmp_path):
    (tmp_path / "mask.zraw").write_text("mine")
    assert "mask.zraw is there already and is not known to be written by ifss" in refusal(mask(tmp_path))
    (tmp_path / "mask.zraw").unlink()
    (tmp_path / "mask.mhd").mkdir()
    assert "mask.mhd is there already" in refusal(mask(tmp_path))


def test_an_error_changes_nothing(tmp_path):
    publish(mask(tmp_path), "1")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with suppress(ZeroDivisionError), mask(tmp_path).publishing({}, {}) as hidden:
        (hidden / "mask.mhd").write_text("half")
        raise ZeroDivisionError
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_killed_between_two_moves_the_own_output_is_still_known(tmp_path, monkeypatch, moves):
    publish(mask(tmp_path), "1")
    original, done = os.replace, []

    def killed(source, target):
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(target)
        original(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(mask(tmp_path), "2")
    monkeypatch.undo()
    assert [path.name for path in done] == ["mask.mhd.ifss.json", "mask.zraw"][:moves]
    mask(tmp_path).check_replaceable()
    publish(mask(tmp_path), "3")
    assert (tmp_path / "mask.mhd").read_text() == "3 mask.mhd"


def test_what_was_forced_is_not_known_as_an_own_output_if_killed(tmp_path, monkeypatch):
    (tmp_path / "mask.mhd").write_text("by hand")
    original = os.replace

    def killed(source, target):
        if target.name == "mask.mhd":
            raise KeyboardInterrupt
        original(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(replace(mask(tmp_path), force=True), "1")
    assert "mask.mhd is there already and was changed" in refusal(mask(tmp_path))


def test_what_somebody_saves_meanwhile_is_kept(tmp_path):
    outputs = mask(tmp_path)
    outputs.check_replaceable()

    def while_somebody_saves():
        with outputs.publishing(outputs.source, {}) as hidden:
            (hidden / "mask.mhd").write_text("ours")
            (tmp_path / "mask.mhd").write_text("by hand")

    with pytest.raises(InputError, match="is not known to be written by ifss"):
        while_somebody_saves()
    assert [path.name for path in tmp_path.iterdir()] == ["mask.mhd"]
    assert (tmp_path / "mask.mhd").read_text() == "by hand"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_record_that_is_no_file_is_not_read(make, tmp_path):
    make(tmp_path / "mask.mhd.ifss.json")
    assert "mask.mhd.ifss.json is there already and is not known" in refusal(mask(tmp_path))


def test_a_report_that_lacks_a_file_of_the_one_before_still_knows_it(tmp_path):
    outputs = Outputs(tmp_path / "report.ifss.json", ("a", "b"), image())
    publish(outputs, "1")
    publish(Outputs(outputs.record, ("a",), image()), "2")
    outputs.check_replaceable()
    publish(Outputs(outputs.record, ("a",), image("/other", b"other"), force=True), "3")
    assert "b is there already and is not known" in refusal(Outputs(outputs.record, ("b",), image("/other", b"other")))


def test_the_fingerprint_of_a_folder_is_of_the_names_and_the_content_of_its_files(tmp_path):
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_bytes(file.name.encode() * 3)
    listed = "".join(f"{sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)  # as sha256sum
    first = Fingerprint.of_all(tmp_path, files)
    assert first == Fingerprint(os.path.realpath(tmp_path), sha256(listed.encode()).hexdigest())
    os.replace(files[1], tmp_path / "c")
    assert Fingerprint.of_all(tmp_path, [files[0], tmp_path / "c"]) != first
