"""Batches: each case done once, whatever fails, changes or is killed on the way."""

import csv
import json
import multiprocessing
import os
import shutil
import signal
from contextlib import closing
from dataclasses import replace

import numpy as np
import openpyxl
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.core.lock import only_one
from ifss_keras.jobs import batch_case
from ifss_keras.jobs.batch import run_batch, state_of
from ifss_keras.jobs.batch_case import Case
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.networks import Networks
from ifss_keras.jobs.predict import run_job
from ifss_keras.jobs.processes import run_in_processes
from ifss_keras.volumes.io import read_labels, write_labels, write_volume
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.8, 0.5)
SHAPES = [(7, 12, 13), (9, 11, 14), (8, 13, 12)]


@pytest.fixture
def jobs(tmp_path):
    """Three jobs by shape interpolation, of unequal volumes, a box in two slices of each."""
    found = []
    for number, shape in enumerate(SHAPES):
        image = np.random.default_rng(number).integers(0, 255, shape).astype(np.uint8)
        labels = np.zeros(shape, np.uint8)
        labels[[1, shape[0] - 2], 2 : 6 + number, 3:8] = 4
        volume = Volume.from_array(image, SPACING_MM)
        write_volume(tmp_path / f"{number}.mha", image, volume)
        write_labels(tmp_path / f"{number}.seg.nrrd", labels, volume, {4: f"M{number}"})
        places = {"image": f"{number}.mha", "reference": f"{number}.seg.nrrd", "output": f"out/{number}.nii.gz"}
        job = Job(**{name: tmp_path / place for name, place in places.items()}, method="shape", subject=f"P{number}")
        found.append(job)
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def snapshot_of():
    return lambda folder: {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def states(outcomes):
    return [outcome.state for outcome in outcomes]


def rows(folder):
    with open(folder / "volumes.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cases_of(jobs, folder):
    (folder / "cases").mkdir(parents=True)
    return [Case(job, state_of(job, folder)) for job in jobs]


def test_masks_are_those_of_single_jobs(jobs, folder, tmp_path):
    outcomes = run_batch(jobs, folder)
    assert states(outcomes) == ["done"] * 3
    for job, outcome in zip(jobs, outcomes, strict=True):
        single = run_job(replace(job, output=tmp_path / "single.nii.gz", force=True))
        np.testing.assert_array_equal(read_labels(job.output).array, single.prediction.labels)
        assert [volume["volume_ml"] for volume in outcome.volumes] == [
            summary.volume_ml for summary in single.prediction.summaries
        ]


def test_the_tables_have_a_row_for_each_case_and_label(jobs, folder):
    outcomes = run_batch([*jobs, replace(jobs[0], image=jobs[0].image.with_name("none.mha"),
                                         output=folder / "none.nii.gz")], folder)  # fmt: skip
    found = rows(folder)
    assert [(row["subject"], row["state"], row["muscle"]) for row in found] == [
        ("P0", "done", "M0"), ("P1", "done", "M1"), ("P2", "done", "M2"), ("P0", "failed", ""),
    ]  # fmt: skip
    for row, outcome in zip(found[:3], outcomes, strict=False):
        assert float(row["volume_ml"]) == pytest.approx(outcome.volumes[0]["volume_ml"], rel=1e-4)
        assert row["warnings"] == " ".join(outcome.warnings)
    assert "none.mha does not exist" in found[3]["error"]
    sheet = openpyxl.load_workbook(folder / "volumes.xlsx")["volumes"]
    assert [cell.value for cell in sheet["A"]] == ["subject", "P0", "P1", "P2", "P0"]


def test_what_is_done_and_unchanged_is_not_done_again(jobs, folder, monkeypatch):
    first = run_batch(jobs, folder)
    before = rows(folder)

    def run(*arguments):
        raise AssertionError

    monkeypatch.setattr(batch_case, "run_job", run)
    second = run_batch(jobs, folder)
    assert states(second) == ["kept"] * 3
    assert [outcome.volumes for outcome in second] == [outcome.volumes for outcome in first]
    assert rows(folder) == [row | {"state": "kept"} for row in before]


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, complete=True),
        lambda job: replace(job, labels={4: "SOL"}),
        lambda job: job.output.unlink() or job,
        lambda job: job.reference.write_bytes(job.reference.read_bytes() + b"\0") and job,
        lambda job: replace(job, report=job.output.with_name("report")),
        lambda job: state_of(job, job.output.parent).write_text("{half") and job,
        lambda job: state_of(job, job.output.parent).write_text("[]") and job,
    ],
    ids=["setting", "name", "no mask", "reference", "report", "half a state", "another state"],
)
def test_what_has_changed_is_done_again_alone(change, jobs, folder):
    run_batch(jobs, folder)
    jobs[1] = change(jobs[1])
    assert states(run_batch(jobs, folder)) == ["kept", "done", "kept"]
    assert states(run_batch(jobs, folder)) == ["kept"] * 3


def test_a_report_that_is_lost_is_made_again(jobs, folder):
    jobs[2] = replace(jobs[2], report=folder / "reports" / "2")
    run_batch(jobs, folder)
    (folder / "reports" / "2" / "slices.csv").unlink()
    assert states(run_batch(jobs, folder)) == ["kept", "kept", "done"]
    assert (folder / "reports" / "2" / "slices.csv").exists()


def test_a_corrected_mask_is_kept_and_told_of(jobs, folder):
    run_batch(jobs, folder)
    jobs[1].output.write_bytes(b"corrected")
    outcomes = run_batch(jobs, folder)
    assert states(outcomes) == ["kept", "failed", "kept"]
    assert "was changed since ifss wrote it" in outcomes[1].error
    assert (outcomes[1].argument, jobs[1].output.read_bytes()) == ("force", b"corrected")
    forced = [replace(job, force=True) for job in jobs]
    assert states(run_batch(forced, folder, force=True)) == ["done"] * 3


def test_one_that_fails_stops_no_other(jobs, folder, monkeypatch):
    true = batch_case.run_job

    def run(job, *more):
        if job.subject in ("P0", "P2"):
            raise {"P0": ZeroDivisionError("a\nfault"), "P2": PermissionError(13, "Permission denied", "mask")}[
                job.subject
            ]
        return true(job, *more)

    monkeypatch.setattr(batch_case, "run_job", run)
    heard = []
    outcomes = run_batch(jobs, folder, heard=heard.append)
    assert states(outcomes) == ["failed", "done", "failed"]
    assert outcomes[0].error == "A fault of ifss, please report it: ZeroDivisionError: a fault"
    assert "Permission denied: 'mask'" in outcomes[2].error
    assert heard == outcomes
    monkeypatch.setattr(batch_case, "run_job", true)
    assert states(run_batch(jobs, folder)) == ["done", "kept", "done"]


def test_a_network_is_loaded_once(jobs, folder, tiny_preset, monkeypatch):
    from ifss_keras.inference.predictor import Predictor

    true, loaded = Predictor.from_preset, []

    def load(preset):
        loaded.append(preset)
        return true(preset)

    monkeypatch.setattr(Predictor, "from_preset", load)
    jobs = [replace(job, method="network", preset=str(tiny_preset)) for job in jobs]
    assert states(run_batch(jobs, folder)) == ["done"] * 3
    assert loaded == [str(tiny_preset)]
    single = replace(jobs[1], output=folder / "single.nii.gz")
    np.testing.assert_array_equal(run_job(single).prediction.labels, read_labels(jobs[1].output).array)


def test_changed_weights_are_loaded_again(jobs, tiny_preset, tmp_path):
    class Kind:
        from_preset = staticmethod(lambda preset: object())

    shutil.copytree(tiny_preset, tmp_path / "preset")
    job, networks = replace(jobs[0], method="network", preset=str(tmp_path / "preset")), Networks()
    first = networks._once(Kind, job)
    assert networks._once(Kind, job) is first
    with open(tmp_path / "preset" / "best.weights.h5", "ab") as file:
        file.write(b"\0")
    assert networks._once(Kind, job) is not first


def test_jobs_that_get_in_each_others_way_are_refused(jobs, folder, snapshot_of):
    before = snapshot_of(folder.parent)
    for others, said in (
        ([], "no case in the batch"),
        ([*jobs, replace(jobs[2], output=jobs[0].output)], r"Two cases .*0\.nii\.gz: give each its own"),
        ([*jobs, replace(jobs[2], output=jobs[0].reference)], r"0\.seg\.nrrd would be written over"),
        ([jobs[0], replace(jobs[1], report=jobs[0].output)], "Two cases of the batch would write"),
    ):
        with pytest.raises(InputError, match=said):
            run_batch(others, folder)
    assert snapshot_of(folder.parent) == before


def test_tables_that_were_changed_are_not_overwritten(jobs, folder):
    run_batch(jobs, folder)
    (folder / "volumes.csv").write_text("mine\n")
    with pytest.raises(InputError, match=r"volumes\.csv is there already and was changed"):
        run_batch(jobs, folder)
    assert (folder / "volumes.csv").read_text() == "mine\n"


def test_one_batch_at_a_time_in_a_folder(jobs, folder):
    run_batch(jobs, folder)
    with only_one(folder / "cases" / "batch.lock"), pytest.raises(InputError, match="Another batch is at work in"):
        run_batch(jobs, folder)


def test_several_processes_do_the_same(jobs, folder):
    told = []
    outcomes = run_batch(jobs, folder, workers=2, progress=lambda *done: told.append(done))
    assert states(outcomes) == ["done"] * 3
    assert told == [("cases", done, 3) for done in range(4)]
    assert multiprocessing.active_children() == []
    assert states(run_batch(jobs, folder)) == ["kept"] * 3
    assert [row["muscle"] for row in rows(folder)] == ["M0", "M1", "M2"]


@pytest.mark.skipif(os.name == "nt", reason="files are not locked there")
def test_a_process_that_is_killed_takes_one_case_with_it(jobs, folder):
    cases = cases_of(jobs, folder)
    with closing(run_in_processes(cases, 2)) as coming, only_one(cases[0].state.with_suffix(".lock")):
        others = [next(coming), next(coming)]
        (stuck,) = multiprocessing.active_children()
        os.kill(stuck.pid, signal.SIGKILL)
        lost = next(coming)
    assert {outcome.case.name: outcome.state for outcome in others} == {"P1": "done", "P2": "done"}
    assert (lost.case.name, lost.state) == ("P0", "failed")
    assert "ended by signal 9" in lost.error
    assert states(run_batch(jobs, folder)) == ["done", "kept", "kept"]


@pytest.mark.skipif(os.name == "nt", reason="files are not locked there")
def test_whoever_stops_listening_leaves_no_process(jobs, folder):
    cases = cases_of(jobs, folder)
    with closing(run_in_processes(cases, 2)) as coming, only_one(cases[0].state.with_suffix(".lock")):
        next(coming)
    assert multiprocessing.active_children() == []


def test_what_is_kept_is_json(jobs, folder):
    run_batch(jobs, folder)
    held = json.loads(state_of(jobs[0], folder).read_text())
    assert held["settings"]["method"] == "shape"
    assert set(held["inputs"]) == {"image", "reference"}
    assert list(held["outputs"]) == [str(jobs[0].output)]
    assert held["volumes"][0]["muscle"] == "M0"
