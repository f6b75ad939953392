"""The examples run as they stand."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs an example with arguments, in this process, and returns what it prints."""

    def script(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return script


def test_predict_prints_every_muscle_near_its_truth(run):
    printed = re.findall(r"^(\w+): ([\d.]+) mL \(truth ([\d.]+) mL\)$", run("01_predict.py", 48, 64), re.MULTILINE)
    assert {name for name, _, _ in printed} == {"SOL", "GM", "GL"}
    for name, found, truth in printed:  # 4 mm slices of 64 pixels: coarser than anything that it was trained on
        assert abs(float(found) - float(truth)) < 0.25 * float(truth), name


def test_train_leaves_weights_that_predict(run, tmp_path):
    out = run("02_train.py", tmp_path / "run")
    assert re.search(r"^shape 1: [\d.]+ mL$", out, re.MULTILINE)
    held = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"best.weights.h5", "last.weights.h5", "recipe.yaml", "log.csv"} <= held
