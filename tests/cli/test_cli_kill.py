"""kill -9 at random moments: what was there is whole, and the next run goes on and removes what was left."""

import os
import random
import signal
import subprocess
import sys
import time

import h5py
import pytest

# files move slowly here, so that kills find them on their way
SLOW = """
import os, sys, time
from ifss_keras.cli.main import main
original = os.replace
def slowly(*places):
    time.sleep(0.1)
    original(*places)
os.replace = slowly
main(sys.argv[1:])
"""


def started(arguments):
    command = [sys.executable, "-c", SLOW, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(arguments):
    """The seconds that a run takes which nobody kills."""
    began, process = time.monotonic(), started(arguments)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    return time.monotonic() - began


def killed(arguments, seconds):
    process = started(arguments)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def hidden(folder):
    return [path for path in folder.rglob("*") if path.name.startswith(".ifss-")]


def kill_often(arguments, others, outputs, folder, times):
    """Kills two commands that write the same outputs by turns; every output is always one of both."""
    takes, whole = 0.0, {path: set() for path in outputs}
    for command in (arguments, others):
        takes = ended(command)
        for path in outputs:
            whole[path].add(without_time(path.read_bytes()))
    for index in range(times):
        killed((arguments, others)[index % 2], random.uniform(0.3, 1) * takes)
        for path in outputs:
            assert without_time(path.read_bytes()) in whole[path], path
        if index % 5 == 4 or index == times - 1:
            ended(arguments)
            assert hidden(folder) == []


def without_time(content):
    """A page but for the lines that tell of the run itself."""
    lines = content.split(b"\n")
    return b"\n".join(lines[: len(lines) // 2]) if content.startswith(b"<!DOCTYPE") else content


MOMENTS = [3, pytest.param(50, marks=pytest.mark.slow)]


@pytest.mark.parametrize("times", MOMENTS)
def test_predictions_and_their_reports(times, case):
    report = case.folder / "report"
    arguments = ["predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape",
                 "--report", report]  # fmt: skip
    outputs = [case.output, report / "overlay.png", report / "volumes.csv"]
    kill_often(arguments, [*arguments, "--label", "7=SOL"], outputs, case.folder, times)


@pytest.mark.parametrize("times", [pytest.param(50, marks=pytest.mark.slow)])
def test_evaluations(times, case):
    report = case.folder / "report"
    arguments = ["evaluate", case.image, case.image, "--report", report]
    case.image.write_bytes(case.reference.read_bytes())
    outputs = [report / "overlay.png", report / "evaluation.json"]
    kill_often(arguments, [*arguments, "--label", "7=SOL"], outputs, case.folder, times)


@pytest.mark.slow
def test_a_training(tmp_path):
    recipe, folder = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(
        "name: tiny\nnetwork: {image_size: [16, 16], widths: [4, 6], rates: [1, 2], matching_kernel: 3}\n"
        "training: {structures: 6, first_seed: 0}\nvalidation: {structures: 2, first_seed: 9}\n"
        "clips: {windows: 1, rollout: [0, 1]}\nbatch: 2\nsteps_per_epoch: 2\nepochs: 40\nvalidation_steps: 1\n"
    )
    arguments = ["train", "--recipe", recipe, "-o", folder]
    for _ in range(50):
        resume = ["--resume"] if (folder / "recipe.yaml").exists() else []
        killed([*arguments, *resume], random.uniform(1, 40))
        for path in folder.glob("*.weights.h5"):
            with h5py.File(path) as file:
                assert file.keys()
        if (folder / "card.md").exists():
            break
    if not (folder / "card.md").exists():
        ended([*arguments, "--resume"])
    assert os.listdir(folder / "corpus" / "training")
    assert hidden(folder) == []
