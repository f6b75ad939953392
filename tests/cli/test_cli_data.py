"""`ifss data`: what it prints, writes and ends with, and kill -9 while it works."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from ifss_keras.datasets.working_copy import open_copy
from tests.datasets.lab import AFFINE, leg_3d_us, stored, volume, write_pair


@pytest.fixture
def legs(tmp_path, write_stored):
    """The folder of three legs."""
    leg_3d_us(write_stored, tmp_path / "legs", (1, 2, 3))
    return tmp_path / "legs"


def test_good_volumes_are_told_and_the_code_is_0(ifss, legs):
    outcome = ifss("data", "check", legs)
    assert (outcome.code, outcome.err) == (0, "")
    assert "SOL: 12, 0.05; GM: 9, 0.03" in outcome.out
    assert outcome.out.endswith("3 volumes, 0 errors, 0 warnings. Nothing stops a training.\n")


def test_a_volume_is_told_with_its_folder(ifss, tmp_path, write_stored):
    for seed, name in enumerate(("P1", "P2")):
        folder = tmp_path / "legs" / name
        write_pair(write_stored, folder / "image.nii.gz", folder / "labels.nii.gz", seed, slices=9 + seed)
    out = ifss("data", "check", tmp_path / "legs").out
    assert os.path.join("P2", "image.nii.gz") in out
    assert "10 x 20 x 24" in out


def test_an_error_is_a_line_and_the_code_is_1(ifss, legs, write_stored):
    write_stored(legs / "masksX2.mha", stored(volume(2)[1][1:]), AFFINE)
    write_stored(legs / "x3.mha", stored(volume(1)[0]), AFFINE)
    outcome = ifss("data", "check", legs)
    assert (outcome.code, outcome.err) == (1, "")
    errors = [line for line in outcome.out.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "masksX2.mha lies on another grid" in errors[0]
    assert "x3.mha is the same file as" in errors[1]
    assert "2 errors, 0 warnings. Mend the errors before training." in outcome.out


def test_json_holds_what_is_known(ifss, legs):
    (legs / "x2.mha").unlink()
    outcome = ifss("data", "check", legs, "--json")
    held = json.loads(outcome.out)
    assert (outcome.code, held["stops_a_training"], held["findings"]) == (0, False, [])
    assert [entry["subject"] for entry in held["volumes"]] == ["1", "3"]
    first = held["volumes"][0]
    assert first["shape"] == [14, 20, 24]
    assert first["spacing_mm"] == pytest.approx([1.5, 0.3, 0.2])
    voxels = np.count_nonzero(volume(1)[1] == 100)
    assert first["labels"]["SOL"] == {"code": 100, "slices": 12, "volume_ml": pytest.approx(voxels * 0.09 / 1000)}


def test_the_report_shows_every_annotated_volume_and_is_known_again(ifss, tmp_path, legs):
    (legs / "masksX2.mha").unlink()
    report = tmp_path / "report"
    outcome = ifss("data", "check", legs, "--report", report)
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(path.name for path in report.iterdir()) == [
        "data.ifss.json", "index.html", "volume_001.png", "volume_003.png",
    ]  # fmt: skip
    page = (report / "index.html").read_text()
    assert all(f'src="{name}"' in page for name in ("volume_001.png", "volume_003.png"))
    assert "x2.mha has no label file, so it is not trained on" in page
    assert (report / "volume_001.png").read_bytes()[1:4] == b"PNG"
    assert ifss("data", "check", legs, "--report", report).code == 0
    (report / "index.html").write_text("mine")
    refused = ifss("data", "check", legs, "--report", report)
    assert refused.code == 2
    assert "was changed since ifss wrote it" in refused.err
    assert refused.err.endswith("(option --force)\n")
    assert ifss("data", "check", legs, "--report", report, "--force").code == 0


@pytest.mark.parametrize("command", [("check",), ("prepare", "-o", "copies")])
def test_bad_usage_is_one_sentence_and_the_code_is_2(ifss, tmp_path, command):
    (tmp_path / "empty").mkdir()
    for path, said in (("nowhere", "does not exist"), ("empty", "no volume that is understood")):
        outcome = ifss("data", command[0], tmp_path / path, *command[1:])
        assert (outcome.code, outcome.err.count("\n"), outcome.out) == (2, 1, "")
        assert said in outcome.err


# the n-th file that is to reach the disk, or folder that is to get its name, is where the process dies
DYING = """
import os, signal, sys
from ifss_keras.cli.main import main
left = [int(sys.argv[1])]
def dying(original):
    def call(*arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    return call
os.fsync, os.replace = dying(os.fsync), dying(os.replace)
main(sys.argv[2:])
"""


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_preparation_goes_on_and_ends_with_the_same_copies(ifss, tmp_path, legs):
    assert ifss("data", "prepare", legs, "-o", tmp_path / "whole").code == 0
    folder, seen = tmp_path / "copies", {}
    for moment in (2, 4, 5, 3, 8, 1):  # three files and a name each
        process = subprocess.run([sys.executable, "-c", DYING, str(moment), "data", "prepare", legs, "-o", folder])
        if process.returncode == 0:
            break
        assert process.returncode == -9
        for place in folder.iterdir():
            if not place.name.startswith(".ifss-"):
                assert open_copy(place).is_intact()
                assert seen.setdefault(place.name, os.stat(place).st_ino) == os.stat(place).st_ino  # not made again
    assert len(seen) == 2
    outcome = ifss("data", "prepare", legs, "-o", folder)
    assert (outcome.code, outcome.out) == (0, f"3 working copies are in {folder}.\n")
    assert contents(folder) == contents(tmp_path / "whole")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
