"""A whole sweep: from a recipe and its knobs to the best recipe, in a folder that the same command goes on with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ifss_keras.core.backend import start_backend
from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole
from ifss_keras.core.lock import only_one
from ifss_keras.core.progress import Progress, silent
from ifss_keras.core.yaml_file import read_yaml
from ifss_keras.training.needs import make_folder
from ifss_keras.training.sweep.outcome import Outcome, best_of, outcomes_in
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.results import write_best, write_hparams, write_table

PLAN, PICTURE = "sweep.yaml", "sweep.png"


@dataclass(frozen=True)
class SweepResult:
    """What a sweep came to.

    Attributes:
        best: the trial of the greatest validation Dice.
        outcomes: of all trials, in their order.
        files: what it is: where it was written.
    """

    best: Outcome
    outcomes: tuple[Outcome, ...]
    files: dict[str, Path]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        files = {what: os.fspath(path) for what, path in self.files.items()}
        return {"best": asdict(self.best), "trials": [asdict(outcome) for outcome in self.outcomes], "files": files}


def run_tune(
    plan: SweepPlan,
    folder: Path,
    *,
    corpus_folder: Path | None = None,
    told: Callable[[Outcome], None] = lambda outcome: None,
    progress: Progress = silent,
) -> SweepResult:
    """The result of a sweep, all trials done; killed at any moment, the same call goes on and repeats no trial.

    Leaves in `folder`: best.yaml, trials.csv, sweep.png, tensorboard/ where TensorBoard is installed, sweep.yaml (what
    was varied), trials/NAME (the whole training of a trial) and study/ (keras-tuner's state).

    Under keras-tuner's variables of a chief this process hands out the trials to those that call `run_worker`, and
    ends with the last of them. A worker that was killed is expected again under its KERASTUNER_TUNER_ID.

    Args:
        plan: what is varied.
        folder: made if absent.
        corpus_folder: where the synthetic volumes of all trials are, or will be; `folder`/corpus if None.
        told: called with every outcome.
        progress: told of "volumes" and of every trial's epochs.

    Raises:
        InputError: `folder` holds another sweep or other files, or another process is at it; all trials failed; what
            is no fault of a trial's values, such as a full disk.
    """
    start_backend()
    from ifss_keras.training.sweep.study import STUDY, Study, search

    _take(plan, folder)
    (folder / STUDY).mkdir(exist_ok=True)
    refusal = f"Another process is at the sweep in {os.fspath(folder)}: wait for its end, or choose another folder."

    def told_and_written(outcome: Outcome) -> None:
        write_table(plan, outcomes_in(folder), folder)
        told(outcome)

    with only_one(folder / STUDY / "sweep.lock", refusal):
        study = Study(plan, folder, corpus_folder or folder / "corpus", told=told_and_written, progress=progress)
        search(study)
        return _written(plan, folder)


def run_worker(
    plan: SweepPlan,
    folder: Path,
    *,
    corpus_folder: Path | None = None,
    told: Callable[[Outcome], None] = lambda outcome: None,
    progress: Progress = silent,
) -> None:
    """Does the trials that a chief hands out until there are none, see `run_tune`; the chief writes the results.

    Raises:
        InputError: see `run_tune`; the chief does not answer.
    """
    start_backend()
    from ifss_keras.training.sweep.study import Study, search

    _take(plan, folder)
    search(Study(plan, folder, corpus_folder or folder / "corpus", told=told, progress=progress))


def _take(plan: SweepPlan, folder: Path) -> None:
    """Makes the folder of a sweep, or finds it to be of this one; how many trials it has may change."""
    path, wanted = folder / PLAN, plan.to_dict()
    if not path.exists():
        others = sorted(found.name for found in folder.glob("*") if found.name[0] != ".") if folder.is_dir() else []
        others = [name for name in others if name != "corpus"]
        if others or (folder.exists() and not folder.is_dir()):
            held = f"one with {others[0]}" if others else "a file"
            raise InputError(
                f"{os.fspath(folder)} cannot be a sweep's: expected a new folder, or that of the same sweep, received "
                f"{held}; choose another."
            )
        make_folder(folder)
    else:
        held = None
        with contextlib.suppress(ValueError):
            held = read_yaml(path)
        if _but_trials(held) != _but_trials(wanted):
            raise InputError(
                f"{os.fspath(folder)} holds another sweep: go on with its own {PLAN}, or choose another folder."
            )
    write_whole(path, yaml.safe_dump(wanted, sort_keys=False))


def _but_trials(held: Any) -> Any:
    """A plan without how many trials it has."""
    if not isinstance(held, dict) or not isinstance(held.get("sweep"), dict):
        return None
    return held | {"sweep": {name: value for name, value in held["sweep"].items() if name != "trials"}}


def _written(plan: SweepPlan, folder: Path) -> SweepResult:
    """The results, written."""
    from ifss_keras.report.sweep import sweep_png

    outcomes = outcomes_in(folder)
    files = {"table": write_table(plan, outcomes, folder)}
    best = best_of(outcomes)
    files["recipe"] = write_best(plan, best, folder)
    completed = [outcome for outcome in outcomes if outcome.dice is not None]
    values = {path: [outcome.values[path] for outcome in completed] for path in plan.sweep.knobs}
    log = [path for path, knob in plan.sweep.knobs.items() if knob.scale == "log"]
    picture = sweep_png(values, [outcome.dice for outcome in completed], log)
    files["picture"] = write_whole(folder / PICTURE, picture)
    if tensorboard := write_hparams(plan, outcomes, folder):
        files["tensorboard"] = tensorboard
    return SweepResult(best, tuple(outcomes), files)
