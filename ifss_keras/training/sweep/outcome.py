"""What one trial of a sweep came to, and the training that it is."""

from __future__ import annotations

import contextlib
import io
import json
import math
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import IFSSError, InputError
from ifss_keras.core.files import write_whole
from ifss_keras.core.progress import Progress, silent
from ifss_keras.training.recipe import Recipe

TRIALS = "trials"  # the folder of all of them in a sweep's


@dataclass(frozen=True)
class Outcome:
    """One trial, ended.

    Attributes:
        trial: its name, and that of its folder in `trials`.
        values: of the knobs, by dotted path.
        epochs: trained here.
        seconds: of the process that ended it.
        dice: the best validation Dice; None if the trial failed.
        problem: why it failed, as a sentence; empty if it did not.
        continued: the trial whose weights it started from; empty if none.
    """

    trial: str
    values: dict[str, Any]
    epochs: int
    seconds: float
    dice: float | None
    problem: str = ""
    continued: str = ""

    @property
    def status(self) -> str:
        """In one word."""
        return "failed" if self.dice is None else "completed"


@dataclass(frozen=True)
class Trial:
    """One trial, to be done.

    Attributes:
        name, values, continued: see `Outcome`.
        recipe: with the values.
    """

    name: str
    values: dict[str, Any]
    recipe: Recipe
    continued: str = ""

    def outcome(self, folder: Path, corpus_folder: Path, progress: Progress = silent) -> Outcome:
        """What comes of it, written beside its run; a trial that has ended is not done again.

        Args:
            folder: of the sweep; the run is in `trials/NAME` below.
            corpus_folder: of the synthetic volumes, the same for all trials.
            progress: told of "volumes" and of the epochs.

        Raises:
            InputError: what is no fault of the values and the same command mends later, such as a full disk.
        """
        run_folder = folder / TRIALS / self.name
        path = run_folder.with_name(f"{self.name}.json")
        if path.exists():
            return _read(path)
        began, dice, problem = time.monotonic(), None, ""
        try:
            dice = self._best_dice(run_folder, corpus_folder, progress)
        except IFSSError as error:
            if error.setting == "resume":  # the disk is full
                raise InputError(str(error)) from error
            problem = str(error)
        except Exception as error:
            if type(error).__name__ != "ResourceExhaustedError":  # of TensorFlow, which other backends do without
                raise
            problem = "The training needs more memory than there is: lower batch or the network's sizes."
        epochs, seconds = self.recipe.epochs, round(time.monotonic() - began, 1)
        outcome = Outcome(self.name, self.values, epochs, seconds, dice, problem, self.continued)
        write_whole(path, json.dumps(asdict(outcome), indent=1) + "\n")
        return outcome

    def _best_dice(self, folder: Path, corpus_folder: Path, progress: Progress) -> float:
        """Of the training in `folder`, begun, resumed, or done already where the process was killed just after."""
        from ifss_keras.training import run
        from ifss_keras.training.callbacks import best_so_far

        log = folder / "log.csv"
        if not (folder / "card.md").exists():  # which is written last
            resume = self._can_be_resumed(folder)
            start = folder.with_name(self.continued) if self.continued else None
            with contextlib.redirect_stdout(io.StringIO()):  # a line for each epoch, which `progress` is told of, too
                run.train(
                    self.recipe,
                    folder,
                    corpus_folder=corpus_folder,
                    start_from=None if resume else start,
                    resume=resume,
                    callbacks=[_epochs_told(f"trial {self.name}", progress)],
                    progress=progress,
                )
        dice = best_so_far(log)
        if not 0 <= dice <= 1 or math.isnan(dice):
            raise InputError(f"{log} holds no validation Dice: the training diverged; lower optimizer.learning_rate.")
        return dice

    def _can_be_resumed(self, folder: Path) -> bool:
        """Whether there is a training to go on with; one that was killed between its last epoch and its end is none."""
        from ifss_keras.training.needs import refuse_another_folder

        if not (folder / "recipe.yaml").exists():
            return False
        try:
            refuse_another_folder(self.recipe, folder, True)
        except InputError:
            shutil.rmtree(folder)
            return False
        return True


def outcomes_in(folder: Path) -> list[Outcome]:
    """Those of the trials of a sweep that have ended, in their order."""
    found = [_read(path) for path in (folder / TRIALS).glob("*.json")]
    return sorted(found, key=lambda outcome: (len(outcome.trial), outcome.trial))


def best_of(outcomes: Iterable[Outcome]) -> Outcome:
    """That of the greatest validation Dice, of equals the first.

    Raises:
        InputError: all failed.
    """
    outcomes = list(outcomes)
    completed = [outcome for outcome in outcomes if outcome.dice is not None]
    if completed:
        return max(completed, key=lambda outcome: outcome.dice)
    if not outcomes:
        raise InputError("The sweep has no trial that ended: give it one trial or more.")
    raise InputError(
        f"All {len(outcomes)} trials of the sweep failed: mend its knobs and choose another folder; trial "
        f"{outcomes[0].trial} said: {outcomes[0].problem}"
    )


def _read(path: Path) -> Outcome:
    try:
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged: delete it, and the same command makes it anew.") from error


def _epochs_told(name: str, progress: Progress):
    """A callback that tells of every epoch."""
    import keras

    class EpochsTold(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            progress(name, epoch + 1, self.params["epochs"])

    return EpochsTold()
