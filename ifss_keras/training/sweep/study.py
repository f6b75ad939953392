"""A sweep under way: keras-tuner hands out trials, each of which is a training of its own."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FailedTrialError

from ifss_keras.core.errors import InputError
from ifss_keras.core.lock import only_one
from ifss_keras.core.progress import Progress, silent
from ifss_keras.training.sweep.oracles import OBJECTIVE, oracle_of
from ifss_keras.training.sweep.outcome import TRIALS, Outcome, Trial
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.role import ORACLE_IP, ORACLE_PORT
from ifss_keras.training.sweep.space import values_of

STUDY = "study"  # the folder of the oracle's state in a sweep's
PAUSE_SECONDS = 0.2  # before a worker asks again, as an oracle that waits for others answers at once


class Study(BaseTuner):
    """A sweep that goes on where it was left.

    Hyperband's later rounds go on from the best weights of the trial that they continue, for the epochs that are still
    missing, with the warm-up and the decay of the learning rate anew: so every trial is a training that has come to
    its end, and Dices compare. keras-tuner's own does the same with the optimizer's schedule left to the model.

    Args:
        plan: what is varied.
        folder: of the sweep.
        corpus_folder: of the synthetic volumes.
        told: called with every outcome, those of an earlier process that were not taken note of among them.
        progress: told of "volumes" and of every trial's epochs.

    Raises:
        InputError: a state that cannot be read.
    """

    def __init__(
        self,
        plan: SweepPlan,
        folder: Path,
        corpus_folder: Path,
        *,
        told: Callable[[Outcome], None] = lambda outcome: None,
        progress: Progress = silent,
    ):
        self.plan, self.folder, self.corpus_folder = plan, folder, corpus_folder
        self.told, self.progress = told, progress
        for name in (TRIALS, STUDY):
            (folder / name).mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()):  # it says that it reloads
            super().__init__(oracle_of(plan), directory=str(folder), project_name=STUDY)

    def run_trial(self, trial, **kwargs):
        """The best validation Dice of a trial as keras-tuner takes it.

        Raises:
            FailedTrialError: the values cannot be trained with.
            InputError: see `Trial.outcome`.
        """
        # a chief that was killed and came back gives a trial away which its worker still trains
        with only_one(self.folder / STUDY / f"{trial.trial_id}.lock"):
            outcome = self._trial(trial).outcome(self.folder, self.corpus_folder, self.progress)
        self.told(outcome)
        if outcome.dice is None:
            raise FailedTrialError(outcome.problem)
        return {OBJECTIVE: outcome.dice}

    def pre_create_trial(self):
        """Gives other workers time."""
        if self._is_worker():
            time.sleep(PAUSE_SECONDS)

    def save(self):
        """Writes the oracle's state, which is all that there is."""
        if not self._is_worker():
            self.oracle.save()

    def reload(self):
        """Takes over the oracle's state; a worker has none."""
        if not self._is_worker():
            self.oracle.reload()

    def _trial(self, trial) -> Trial:
        """What keras-tuner has drawn, as a training."""
        drawn = trial.hyperparameters.values
        values = values_of(self.plan, drawn)
        shorter = {}
        if "tuner/epochs" in drawn:
            shorter = {"epochs": int(drawn["tuner/epochs"]) - int(drawn["tuner/initial_epoch"])}
        recipe = self.plan.recipe_with(values | shorter)
        return Trial(trial.trial_id, values, recipe, drawn.get("tuner/trial_id", ""))

    def _try_run_and_update_trial(self, trial, *args, **kwargs):
        """Without keras-tuner's traceback of a trial that fails; and what is no fault of its values ends the sweep."""
        try:
            self._run_and_update_trial(trial)
        except FailedTrialError as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)
        else:
            trial.status = TrialStatus.COMPLETED

    def _get_tuner_fname(self):
        return self.oracle._get_oracle_fname()


def search(study: Study) -> None:
    """Does the trials that are left; a chief hands them out until all are done, a worker does those that it is given.

    Raises:
        InputError: the chief cannot listen, or does not answer its worker; or see `Trial.outcome`.
    """
    where = f"{os.environ.get(ORACLE_IP)}:{os.environ.get(ORACLE_PORT)}"
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc

    try:
        study.search()
    except grpc.RpcError as error:
        raise InputError(f"The chief at {where} does not answer: start it by the same command, then this.") from error
    except RuntimeError as error:
        if "bind" not in str(error):
            raise
        raise InputError(f"The chief cannot listen at {where}: choose another {ORACLE_PORT}.") from error
