"""kill -9 at any moment, then --resume: the weights of the uninterrupted run."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.tiny_recipe import write

ROOT = Path(__file__).resolve().parents[2]
KILLS, EPOCHS = 10, 40


def started(arguments):
    command = [sys.executable, "-c", "from ifss_keras.cli.main import main; raise SystemExit(main())", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_ten_kills_change_no_byte_of_the_weights(tmp_path):
    rng, whole, parts, told = random.Random(0), tmp_path / "whole", tmp_path / "parts", []
    arguments = write(tmp_path, epochs=EPOCHS, steps=3)
    said, _ = (process := started([*arguments, "-o", str(whole)])).communicate(timeout=600)
    assert process.returncode == 0, said
    for kill in range(KILLS):
        resume = ["--resume"] if (parts / "recipe.yaml").exists() else []
        process = started([*arguments, "-o", str(parts), *resume])
        # in or after the first epoch that it does, or on its way there
        awaited, within_seconds = ("epoch ", 0.15) if kill % 3 else ("training sees ", 2.0)
        while (line := process.stdout.readline()) and not line.startswith(awaited):
            pass
        time.sleep(rng.uniform(0, within_seconds))
        process.kill()
        process.communicate(timeout=60)
        metadata = parts / "backup" / "training_metadata.json"
        done = json.loads(metadata.read_text())["epoch"] if metadata.exists() else 0
        told.append((kill, process.returncode, done))
    print("kill, exit code, whole epochs:", told)
    said, _ = (process := started([*arguments, "-o", str(parts), "--resume"])).communicate(timeout=600)
    assert process.returncode == 0, said
    assert sum(code == -9 for _, code, _ in told) >= KILLS - 2, "most ended by the kill, none by itself"
    assert len({done for _, _, done in told}) > 2, "not all in one epoch"
    for name in ("last.weights.h5", "best.weights.h5", "log.csv", "annotations.csv", "config.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    for path in sorted((whole / "pictures").iterdir()):
        assert (parts / "pictures" / path.name).read_bytes() == path.read_bytes(), path.name
