"""kill -9 at random moments of a sweep: it ends as one that nobody killed, and no finished trial is repeated."""

import random
import signal
import subprocess
import sys
import time

import pytest

from ifss_keras.training.sweep.outcome import outcomes_in

SWEEP = """
import os, sys, time
from pathlib import Path
import yaml
from ifss_keras.core.backend import start_backend
start_backend()
from ifss_keras.jobs.tune import run_tune
from ifss_keras.training import run
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.settings import Sweep

folder, finished = Path(sys.argv[1]), Path(sys.argv[2])

def train(recipe, folder, **named):
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    time.sleep(0.05)
    (folder / "log.csv").write_text(f"epoch,val_dice,val_loss\\n0,{recipe.optimizer.learning_rate},1\\n")
    with open(finished, "a") as file:
        file.write(f"{folder.name}\\n")
    (folder / "card.md").write_text("done")

original = os.replace
def slowly(*places):  # files move slowly here, so that kills find them on their way
    time.sleep(0.02)
    original(*places)

os.replace = slowly
run.train = train
part = {"calf": 1, "first_seed": 0}
recipe = PropagationRecipe(name="tiny", training=part, validation=part | {"first_seed": 1}, epochs=1)
print("begins", flush=True)
run_tune(SweepPlan(recipe, Sweep(trials=20)), folder)
"""


def started(folder, finished):
    command = [sys.executable, "-c", SWEEP, str(folder), str(finished)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begins\n"
    return process


@pytest.mark.slow
def test_a_sweep_killed_six_times(tmp_path):
    whole = started(tmp_path / "whole", tmp_path / "whole.txt")
    began = time.monotonic()
    assert whole.wait() == 0
    takes = time.monotonic() - began
    for _ in range(6):
        process = started(tmp_path / "killed", tmp_path / "killed.txt")
        time.sleep(random.uniform(0.05, 0.3) * takes)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert started(tmp_path / "killed", tmp_path / "killed.txt").wait() == 0
    facts = [
        [(outcome.trial, outcome.values, outcome.dice) for outcome in outcomes_in(tmp_path / name)]
        for name in ("whole", "killed")
    ]
    assert facts[0] == facts[1]
    assert len(facts[0]) == 20
    names = (tmp_path / "killed.txt").read_text().split()
    # a kill between the last line of a training and its card.md leaves one that had not ended
    assert len(names) - len(set(names)) <= 1
    assert (tmp_path / "whole.txt").read_text().split() == list(dict.fromkeys(names))
