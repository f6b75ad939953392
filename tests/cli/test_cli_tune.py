"""`ifss tune`: what it hands on, prints, refuses; and several processes on one sweep."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ifss_keras.training import run
from ifss_keras.training.recipe import read_recipe
from tests.cli.sentences import one_sentence

RECIPE = (
    "name: tiny\nnetwork: {image_size: [16, 16], widths: [4], rates: [1], matching_kernel: 3, head_width: 4}\n"
    "training: {structures: 1, first_seed: 0}\nvalidation: {structures: 1, first_seed: 9}\n"
    "clips: {windows: 1, rollout: [0, 0]}\nbatch: 1\nsteps_per_epoch: 1\nepochs: 1\nvalidation_steps: 1\n"
)
SWEEP = "sweep: {trials: 4, knobs: {seed: {low: 1, high: 1000}, batch: {choices: [1, 2]}}}\n"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE + SWEEP)
    return path


@pytest.fixture
def trained(monkeypatch):
    """A training of no time in place of `train`, better the greater the seed; the recipes that it is given."""
    found = []

    def train(recipe, folder, **named):
        found.append((recipe, named["corpus_folder"]))
        print("epoch 1/1: a line of the training's own")
        folder.mkdir()
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
        (folder / "log.csv").write_text(f"epoch,val_dice,val_loss\n0,{recipe.seed / 1000},1\n")
        (folder / "card.md").write_text("done")

    monkeypatch.setattr(run, "train", train)
    return found


def test_a_line_for_each_trial_then_the_table_and_the_best_recipe(recipe, tmp_path, ifss, trained):
    outcome = ifss("tune", recipe, "-o", tmp_path / "sweep", "--corpus", tmp_path / "volumes")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    for index, (given, corpus) in enumerate(trained):
        dice = f"{given.seed / 1000:.4f}"
        assert lines[index].startswith(
            f"trial {index}, seed {given.seed}, batch {given.batch}: validation Dice {dice} (1 epoch, "
        )
        assert corpus == tmp_path / "volumes"
    assert len(trained) == 4
    assert lines[4].strip() == "Trials, the best first"
    best = max((given for given, _ in trained), key=lambda given: given.seed)
    dices = [line for line in lines[5:] if any(f"{given.seed / 1000:.4f}" in line for given, _ in trained)]
    assert f"{best.seed / 1000:.4f}" in dices[0]
    assert lines[-1].endswith(f"ifss train --recipe {tmp_path / 'sweep' / 'best.yaml'} -o ...")
    assert read_recipe(tmp_path / "sweep" / "best.yaml") == best


def test_json_is_alone_on_stdout(recipe, tmp_path, ifss, trained):
    outcome = ifss("tune", recipe, "-o", tmp_path / "sweep", "--trials", 2, "--json")
    told = json.loads(outcome.out)
    assert outcome.err.count("validation Dice") == len(told["trials"]) == len(trained) == 2
    assert told["best"]["values"]["seed"] == max(given.seed for given, _ in trained)
    assert all(Path(path).exists() for path in told["files"].values())


def test_an_interruption_says_that_the_same_command_goes_on(recipe, tmp_path, ifss, trained, monkeypatch):
    original = run.train

    def interrupted(recipe, folder, **named):
        if len(trained) == 2:
            raise KeyboardInterrupt
        original(recipe, folder, **named)

    monkeypatch.setattr(run, "train", interrupted)
    outcome = ifss("tune", recipe, "-o", tmp_path / "sweep")
    assert outcome.code == 130
    assert "The same command goes on; no trial that has ended is repeated." in outcome.err
    monkeypatch.setattr(run, "train", original)
    assert ifss("tune", recipe, "-o", tmp_path / "sweep").code == 0
    assert len(trained) == 4


@pytest.mark.parametrize(
    ("sweep", "more", "said"),
    [
        ("sweep: {knobs: {optimizer.rate: {low: 1, high: 2}}}\n", (), ["optimizer has no rate", "learning_rate"]),
        ("sweep: {method: hyperband}\n", ("--trials", 3), ["trials follow from epochs"]),
        ("sweep: {method: random\n", (), ["cannot be read as YAML"]),
    ],
)
def test_bad_sweeps_are_refused_in_one_sentence(sweep, more, said, tmp_path, ifss, snapshot):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE + sweep)
    before = snapshot(tmp_path)
    sentence = one_sentence(ifss("tune", recipe, "-o", tmp_path / "sweep", *more))
    for words in said:
        assert words in sentence
    assert snapshot(tmp_path) == before


def test_a_recipe_without_sweep_varies_learning_rate_and_weight_decay(recipe, tmp_path, ifss, trained):
    recipe.write_text(RECIPE)
    assert ifss("tune", recipe, "-o", tmp_path / "sweep", "--trials", 3).code == 0
    assert len({given.optimizer.learning_rate for given, _ in trained}) == 3
    assert len({given.optimizer.weight_decay for given, _ in trained}) == 3


@pytest.mark.parametrize("missing", ["KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"])
def test_half_of_the_variables_of_several_processes_is_refused(missing, recipe, tmp_path, ifss, monkeypatch):
    given = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "1", "KERASTUNER_TUNER_ID": "chief"}
    for name, value in given.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    assert missing in one_sentence(ifss("tune", recipe, "-o", tmp_path / "sweep"))
    assert not (tmp_path / "sweep").exists()


def started(recipe, folder, tuner, port):
    """The command in a process of its own, as one of a sweep of several."""
    variables = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "KERASTUNER_TUNER_ID": tuner}
    command = [sys.executable, "-m", "ifss_keras.cli.main", "tune", str(recipe), "-o", str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | variables
    )


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow
def test_a_chief_and_two_workers_one_of_them_killed_share_a_sweep(recipe, tmp_path):
    folder, port = tmp_path / "sweep", free_port()
    chief = started(recipe, folder, "chief", port)
    workers = [started(recipe, folder, f"worker{index}", port) for index in range(2)]
    try:
        while not list(folder.glob("trials/*/recipe.yaml")):
            assert chief.poll() is None
            time.sleep(0.2)
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait()
        before = set(folder.glob("trials/*.json"))
        workers[0] = started(recipe, folder, "worker0", port)
        told = [worker.communicate(timeout=600) for worker in workers]
        out, err = chief.communicate(timeout=120)
    finally:
        for process in (chief, *workers):
            process.kill()
    assert [(process.returncode, said) for process, (_, said) in zip(workers, told, strict=True)] == [(0, ""), (0, "")]
    assert (chief.returncode, err) == (0, "")
    lines = [line for worker_out, _ in told for line in worker_out.splitlines()]
    assert sorted(line.split(",")[0] for line in lines) == sorted(
        f"trial {index}" for index in range(4) if folder / "trials" / f"{index}.json" not in before
    )
    assert out.startswith("Trials, the best first")
    with open(folder / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["trial"], row["status"]) for row in rows] == [(str(index), "completed") for index in range(4)]
    best = max(rows, key=lambda row: float(row["best_validation_dice"]))
    assert read_recipe(folder / "best.yaml").seed == int(best["seed"])
    for row in rows:
        assert read_recipe(folder / "trials" / row["trial"] / "recipe.yaml").seed == int(row["seed"])
