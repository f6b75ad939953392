"""`ifss predict --batch`: lines are read as options are, and a batch that is killed goes on."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.core.lock import only_one
from ifss_keras.jobs.batch import state_of
from ifss_keras.jobs.job import Job
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

IFSS = [sys.executable, "-m", "ifss_keras.cli.main"]
COUNT = 4


@pytest.fixture
def lab(tmp_path):
    """A folder with images and references 0 to 3, and a CSV of all of them by shape interpolation."""
    for number in range(COUNT):
        shape = (7 + number, 12, 13)
        image = np.random.default_rng(number).integers(0, 255, shape).astype(np.uint8)
        labels = np.zeros(shape, np.uint8)
        labels[[1, shape[0] - 2], 2 : 6 + number, 3:8] = 4
        volume = Volume.from_array(image, (2.5, 0.8, 0.5))
        write_volume(tmp_path / f"i{number}.mha", image, volume)
        write_labels(tmp_path / f"r{number}.nii.gz", labels, volume)
    lines = [f"P{number},i{number}.mha,r{number}.nii.gz" for number in range(COUNT)]
    (tmp_path / "cases.csv").write_text("subject,image,reference\n" + "\n".join(lines) + "\n")
    return tmp_path


def batch(lab, *more, text=None):
    if text is not None:
        (lab / "cases.csv").write_text(text)
    return ["predict", "--batch", lab / "cases.csv", "-o", lab / "out", "--method", "shape", *more]


def rows(lab):
    with open(lab / "out" / "volumes.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lock_of(lab, number):
    """The lock of a case; whoever holds it stops what works on the case."""
    output = lab / "out" / f"i{number}_mask.seg.nrrd"
    state = state_of(Job(lab / f"i{number}.mha", None, output), lab / "out")
    state.parent.mkdir(parents=True, exist_ok=True)
    return state.with_suffix(".lock")


def test_masks_are_those_of_single_commands(lab, ifss):
    outcome = ifss(*batch(lab, "--label", "4=SOL"))
    assert outcome.code == 0
    assert f"4 of 4 cases are in {lab / 'out'}" in outcome.out
    for number in range(COUNT):
        single = lab / "single.nii.gz"
        given = (lab / f"i{number}.mha", "--reference", lab / f"r{number}.nii.gz", "-o", single, "--force")
        assert ifss("predict", *given, "--method", "shape").code == 0
        mask = read_labels(lab / "out" / f"i{number}_mask.seg.nrrd")
        np.testing.assert_array_equal(mask.array, read_labels(single).array)
        assert mask.source.names == {4: "SOL"}
    assert [(row["subject"], row["muscle"]) for row in rows(lab)] == [(f"P{number}", "SOL") for number in range(COUNT)]


def test_cells_are_options(lab, ifss):
    text = (
        "Image;Reference;Output;Method;Label;Spacing-mm;Ends-annotated;Complete;Report\n"
        'i0.mha;r0.nii.gz;deep/a.nii.gz;watershed;"4=M. soleus";2 1 1;yes;no;reports/a\n'
        "i1.mha;r1.nii.gz;;;;;;;\n"
    )
    found = json.loads(ifss(*batch(lab, "--json", "--label", "4=SOL", text=text)).out)
    first, second = found["cases"]
    assert (first["state"], second["state"], found["failed"]) == ("done", "done", 0)
    assert first["output"] == str(lab / "out" / "deep" / "a.nii.gz")
    assert (first["volumes"][0]["muscle"], second["volumes"][0]["muscle"]) == ("M. soleus", "SOL")
    assert (first["volumes"][0]["method"], second["volumes"][0]["method"]) == ("watershed", "shape")
    voxels = np.count_nonzero(read_labels(lab / "out" / "deep" / "a.nii.gz").array)
    assert first["volumes"][0]["volume_ml"] == pytest.approx(voxels * 2 / 1000)
    assert (lab / "out" / "reports" / "a" / "report.html").exists()


def test_reports_of_all_cases(lab, ifss):
    assert ifss(*batch(lab, "--report", lab / "reports")).code == 0
    assert sorted(path.parent.name for path in lab.glob("reports/*/report.html")) == [
        f"i{number}_mask" for number in range(COUNT)
    ]


def test_images_of_the_same_name_are_called_after_their_folders(lab, ifss):
    for number in (0, 1):
        (lab / f"P{number}").mkdir()
        (lab / f"i{number}.mha").rename(lab / f"P{number}" / "image.mha")
    text = "image,reference\nP0/image.mha,r0.nii.gz\nP1/image.mha,r1.nii.gz\n"
    assert ifss(*batch(lab, text=text)).code == 0
    assert sorted(path.name for path in (lab / "out").glob("*.nrrd")) == [
        "P0_image_mask.seg.nrrd", "P1_image_mask.seg.nrrd",
    ]  # fmt: skip


def test_a_bad_case_stands_in_the_table_and_the_exit_code_is_1(lab, ifss):
    (lab / "i1.mha").write_text("a shopping list\n")
    (lab / "r2.nii.gz").unlink()
    outcome = ifss(*batch(lab))
    assert outcome.code == 1
    assert [line.partition(":")[0] for line in outcome.err.splitlines() if line.startswith("Failed")] == ["Failed"] * 2
    assert "Failed: P1: " in outcome.err
    assert "i1.mha" in outcome.err
    assert "2 of 4 cases are in" in outcome.out
    found = {row["subject"]: row for row in rows(lab)}
    assert [found[f"P{number}"]["state"] for number in range(COUNT)] == ["done", "failed", "failed", "done"]
    assert "r2.nii.gz does not exist" in found["P2"]["error"]
    assert not (lab / "out" / "i1_mask.seg.nrrd").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,refrence\ni0.mha,r0.nii.gz\n", "the column refrence: expected one of .*did you mean reference"),
        ("reference\nr0.nii.gz\n", "no column image"),
        ("image,workers\ni0.mha,2\n", "the column workers"),
        ("image,axis\ni0.mha,0\ni1.mha,3\n", "Line 3 of .*'--axis': 3 is not in the range"),
        ("image,complete\ni0.mha,perhaps\n", "Line 2 of .*'perhaps' for complete: expected yes or no"),
        ("image,label\ni0.mha,4\n", "Line 2 of .*expected CODE=NAME"),
        ("image,label\ni0.mha,4=A;5=A\n", "Line 2 of .*each code and each name once"),
        ("image,spacing_mm\ni0.mha,1 2\n", "Line 2 of .*expected three numbers"),
        ("image,method\ni0.mha,guess\n", "Line 2 of .*'guess' is not one of"),
        ("image\n", "no case in the batch"),
        ("image,output\ni0.mha,a.mha\ni1.mha,a.mha\n", "Two cases of the batch would write"),
        ("image,output\ni0.mha,../i1.mha\ni1.mha,b.mha\n", "would be written over, and is an input"),
    ],
)
def test_a_batch_that_cannot_be_used_is_one_sentence(text, said, lab, ifss, snapshot):
    (lab / "cases.csv").write_text(text)
    before = snapshot(lab)
    outcome = ifss(*batch(lab))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert re.search(said, outcome.err)
    assert snapshot(lab) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "out"), "There is no IMAGE"),
        (("i0.mha", "--batch", "cases.csv", "-o", "out"), "With --batch there is no IMAGE"),
        (("i0.mha", "--workers", "2", "-o", "mask.mha"), "are for a --batch"),
        (("--batch", "cases.csv", "--workers", "2", "--scheduler", "tcp://x:1", "-o", "out"), "give one"),
        (("--batch", "none.csv", "-o", "out"), "none.csv does not exist"),
    ],
)
def test_options_that_do_not_go_together(arguments, said, lab, ifss, monkeypatch):
    monkeypatch.chdir(lab)
    outcome = ifss("predict", *arguments)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert said in outcome.err


def started(lab, *more):
    command = [*IFSS, *map(str, batch(lab, "--workers", "2", *more))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def children(pid):
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux for the processes")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_batch_that_is_stopped_goes_on_and_does_each_case_once(number, lab, ifss):
    with only_one(lock_of(lab, 1)):
        process = started(lab)
        until(lambda: len(list(lab.glob("out/cases/*.json"))) == COUNT - 1)
        workers = children(process.pid)
        assert workers
        process.send_signal(number)
        _, told = process.communicate()
        until(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))
    if number == signal.SIGINT:
        assert process.returncode == 128 + number
        assert told.splitlines()[-1] == "Interrupted; nothing was half-written."
        assert "Traceback" not in told
    assert not (lab / "out" / "volumes.csv").exists()
    written = {path: path.stat().st_mtime_ns for path in lab.glob("out/*.seg.nrrd")}
    assert len(written) == COUNT - 1
    assert ifss(*batch(lab)).code == 0
    assert [row["state"] for row in rows(lab)] == ["kept", "done", "kept", "kept"]
    assert [row["subject"] for row in rows(lab)] == [f"P{number}" for number in range(COUNT)]
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_dask_that_is_not_installed_is_one_sentence(lab, ifss, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    outcome = ifss(*batch(lab, "--scheduler", "tcp://127.0.0.1:1"))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert 'pip install "ifss_keras[dask]"' in outcome.err
    assert not os.path.exists(lab / "out" / "volumes.csv")
