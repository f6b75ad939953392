"""A batch on a Dask cluster of this machine: a scheduler and two workers as processes, one killed half-way."""

import csv
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from ifss_keras.core.lock import only_one
from ifss_keras.jobs.batch import state_of
from ifss_keras.jobs.job import Job
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="files are not locked there")]

COUNT, STUCK = 7, 3


@pytest.fixture
def lab(tmp_path):
    """Seven cases of unequal size, by shape interpolation."""
    for number in range(COUNT):
        shape = (7 + number, 12, 13)
        image = np.random.default_rng(number).integers(0, 255, shape).astype(np.uint8)
        labels = np.zeros(shape, np.uint8)
        labels[[1, shape[0] - 2], 2 : 4 + number, 3:8] = 4
        volume = Volume.from_array(image, (2.5, 0.8, 0.5))
        write_volume(tmp_path / f"i{number}.mha", image, volume)
        write_labels(tmp_path / f"r{number}.seg.nrrd", labels, volume, {4: "SOL"})
    lines = [f"P{number},i{number}.mha,r{number}.seg.nrrd,shape" for number in range(COUNT)]
    (tmp_path / "cases.csv").write_text("subject,image,reference,method\n" + "\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler, its process, and those of its two workers by their names."""
    processes = []

    def start(*arguments):
        log = open(tmp_path / f"{len(processes)}.log", "w")  # noqa: SIM115
        command = [sys.executable, "-m", "dask", *arguments]
        processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path))
        log.close()
        return processes[-1]

    start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    until(lambda: re.search(r"tcp://127\.0\.0\.1:\d+", (tmp_path / "0.log").read_text()))
    address = re.search(r"tcp://127\.0\.0\.1:\d+", (tmp_path / "0.log").read_text())[0]
    workers = {
        name: start("worker", address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        for name in ("first", "second")
    }
    yield address, processes[0], workers
    for process in processes:
        process.kill()
        process.wait()


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def lock_of(lab, number):
    output = lab / "out" / f"i{number}_mask.seg.nrrd"
    state = state_of(Job(lab / f"i{number}.mha", None, output), lab / "out")
    state.parent.mkdir(parents=True, exist_ok=True)
    return state.with_suffix(".lock")


def predict(lab, address):
    command = [sys.executable, "-m", "ifss_keras.cli.main", "predict", "--batch", lab / "cases.csv", "-o", lab / "out",
               "--scheduler", address]  # fmt: skip
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def worker_at_work(client, key):
    """The name of the worker that executes a task; None if none does."""

    def executing(dask_worker):
        return any(held.startswith(key) and task.state == "executing" for held, task in dask_worker.state.tasks.items())

    at_work = client.run(executing)
    names = {address: worker["name"] for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()}
    return next((names[address] for address, busy in at_work.items() if busy), None)


def test_a_killed_worker_costs_no_case_and_none_is_done_twice(lab, cluster):
    address, _, workers = cluster
    with distributed.Client(address) as client:
        client.wait_for_workers(2, timeout=120)
        with only_one(lock_of(lab, STUCK)):
            process = predict(lab, address)
            stuck = until(lambda: worker_at_work(client, f"ifss-i{STUCK}_mask"))
            until(lambda: len(list(lab.glob("out/cases/*.json"))) >= 2)
            workers[stuck].kill()
            workers[stuck].wait()
        out, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert f"{COUNT} of {COUNT} cases are in" in out
    with open(lab / "out" / "volumes.csv", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["subject"], row["state"], row["muscle"]) for row in found] == [
        (f"P{number}", "done", "SOL") for number in range(COUNT)
    ]
    for number, row in enumerate(found):
        mask = read_labels(lab / "out" / f"i{number}_mask.seg.nrrd").array
        assert float(row["volume_ml"]) == pytest.approx(np.count_nonzero(mask) * 2.5 * 0.8 * 0.5 / 1000, rel=1e-4)
        assert np.count_nonzero(mask) >= 5 * (2 + number) * (5 + number)  # every slice between the annotated ones
    again = predict(lab, address)
    assert again.wait(timeout=120) == 0
    assert (lab / "out" / "volumes.csv").read_text().count(",kept,") == COUNT


def test_a_scheduler_that_is_lost_is_told_of_and_the_batch_goes_on_without_it(lab, cluster):
    address, scheduler, _ = cluster
    with only_one(lock_of(lab, STUCK)):
        process = predict(lab, address)
        until(lambda: len(list(lab.glob("out/cases/*.json"))) >= 2)
        scheduler.kill()
        _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in told
    assert f"Failed: P{STUCK}: The cluster could not do it" in told
    command = [sys.executable, "-m", "ifss_keras.cli.main", "predict", "--batch", lab / "cases.csv", "-o", lab / "out"]
    assert subprocess.run(list(map(str, command)), capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "tcp://nowhere.invalid:8786", "127.0.0.1", "smoke://signal:1"]
)
def test_no_scheduler_is_one_sentence(address, lab):
    process = predict(lab, address)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told.count("\n")) == (2, 1)
    assert told.startswith(f"Error: There is no Dask scheduler at {address}")
    assert "(option --scheduler)" in told
