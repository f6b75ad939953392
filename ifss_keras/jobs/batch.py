"""Many predictions: done once each, in one process, several, or on a cluster; one table of all at the end."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.lock import only_one
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.records import Fingerprint, Outputs
from ifss_keras.jobs.batch_case import Case, Outcome, run_case
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.job import Job
from ifss_keras.jobs.networks import Networks
from ifss_keras.jobs.provenance import Provenance

CASES = "cases"  # folder of the states, in that of the batch
TABLES, RECORD = ("volumes.csv", "volumes.xlsx"), "batch.ifss.json"
Heard = Callable[[Outcome], None]


def run_batch(
    jobs: Sequence[Job],
    folder: Path,
    *,
    source: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    call: Call | None = None,
    progress: Progress = silent,
    heard: Heard = lambda outcome: None,
) -> list[Outcome]:
    """The outcome of each job, in their order, after volumes.csv and volumes.xlsx have been written in a folder.

    A job that was done before by the same settings from the same files, and whose outputs are as it left them, is
    kept. One that fails stops no other. Stop it at any time, by whatever means, and call it again: it goes on.

    Args:
        jobs: to do; no two write the same file, and none what another reads.
        folder: of the tables and of `cases`, made if absent.
        source: the file that the jobs are listed in, if any; tables of another are not overwritten.
        workers: processes, each with its own network; 1 is this one.
        scheduler: address of a Dask scheduler whose workers do it instead.
        force: whether jobs are done again that were done, and whatever is there may be replaced.
        call: how it was asked for; None: now, from Python.
        progress: told of "cases", and in one process of the labels of the one that is done.
        heard: told of each outcome as it comes.

    Raises:
        InputError: no job, jobs that get in each other's way, another batch at work in the folder, a folder that
            cannot be written, no cluster.
    """
    call = call or Call()
    jobs = [_on_any_machine(job) for job in jobs]
    _refuse_each_others_files(jobs)
    check_folder(folder)
    tables = Outputs(folder / RECORD, TABLES, {} if source is None else {"batch": Fingerprint.of(source)}, force)
    tables.check_replaceable()
    states = folder.absolute() / CASES
    states.mkdir(parents=True, exist_ok=True)
    with only_one(states / "batch.lock", f"Another batch is at work in {folder}: wait for it, or give another folder."):
        cases = [Case(job, state_of(job, folder), call.command) for job in jobs]
        for job in jobs:
            _make_folders(job)
        outcomes = {}
        progress("cases", 0, len(cases))
        with contextlib.closing(_run(cases, workers, scheduler, progress)) as coming:
            for outcome in coming:
                outcomes[outcome.case.state] = outcome
                progress("cases", len(outcomes), len(cases))
                heard(outcome)
        in_order = [outcomes[case.state] for case in cases]
        _write_tables(tables, in_order, call)
    return in_order


def state_of(job: Job, folder: Path) -> Path:
    """The file in the folder of a batch that says what was done of a job; no other output of the batch has the same."""
    place = os.path.relpath(job.output.absolute(), folder.absolute()).encode("utf-8", "surrogateescape")
    return folder.absolute() / CASES / f"{job.output.name}-{hashlib.sha256(place).hexdigest()[:12]}.json"


def _run(cases: Sequence[Case], workers: int, scheduler: str | None, progress: Progress) -> Iterator[Outcome]:
    if scheduler is not None:
        from ifss_keras.jobs.cluster import run_on_cluster

        return run_on_cluster(cases, scheduler)
    if workers > 1:
        from ifss_keras.jobs.processes import run_in_processes

        return run_in_processes(cases, workers)
    networks = Networks()
    return (run_case(case, networks, progress) for case in cases)


def _on_any_machine(job: Job) -> Job:
    """The job with absolute paths, as workers may be anywhere."""
    whole = {name: path.absolute() for name in ("image", "reference", "output", "report")
             if (path := getattr(job, name)) is not None}  # fmt: skip
    tracking = replace(job.tracking, **{name: path.absolute() for name, path in job.tracking.files.items()})
    preset = os.path.abspath(job.preset) if job.preset and os.path.isdir(job.preset) else job.preset
    return replace(job, **whole, tracking=tracking, preset=preset)


def _refuse_each_others_files(jobs: Sequence[Job]) -> None:
    if not jobs:
        raise InputError("There is no case in the batch: expected one or more; add a line.")
    inputs = {os.path.realpath(path) for job in jobs for path in (job.image, job.reference) if path is not None}
    seen: set[str] = set()
    for job in jobs:
        for path in filter(None, (job.output, job.report)):
            real = os.path.realpath(path)
            if real in inputs:
                raise InputError(f"{path} would be written over, and is an input of the batch: choose another name.")
            if real in seen:
                raise InputError(f"Two cases of the batch would write {path}: give each its own output.")
            seen.add(real)


def _make_folders(job: Job) -> None:
    for path in filter(None, (job.output, job.report)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise InputError(f"{path} cannot be written, as {path.parent} is a file: choose another name.") from None


def _write_tables(tables: Outputs, outcomes: Sequence[Outcome], call: Call) -> None:
    from ifss_keras.report.batch import batch_table
    from ifss_keras.report.figures import encodable
    from ifss_keras.report.tables import Table, csv_text
    from ifss_keras.report.workbook import workbook_xlsx

    provenance = Provenance.now(call, None, tables.source)
    table = batch_table([outcome.to_dict() for outcome in outcomes])
    run = Table(("what", "value"), (("Command", call.command), ("Date", provenance.date)))
    with tables.publishing(provenance.inputs, provenance.facts()) as hidden:
        (hidden / TABLES[0]).write_text(encodable(csv_text(table)), encoding="utf-8")
        (hidden / TABLES[1]).write_bytes(workbook_xlsx({"volumes": table, "run": run}, provenance.date))
