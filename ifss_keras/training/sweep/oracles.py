"""keras-tuner's oracles with a state that survives a kill at any moment."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
from keras_tuner import Objective
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.settings import DEFAULT_TRIALS
from ifss_keras.training.sweep.space import hyperparameters

OBJECTIVE = "val_dice"
_ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class WholeState:
    """What is kept of an oracle, its trials among it, as one file that is written whole.

    keras-tuner writes a file for each trial and one for the oracle, one after the other and in place: after a kill
    between them a trial is lost, done twice, or cannot be read. Trials that were under way are handed out again first.
    """

    def save(self):
        """Writes the file."""
        trials = {name: trial.get_state() for name, trial in self.trials.items()}
        write_whole(Path(self._get_oracle_fname()), json.dumps({"oracle": self.get_state(), "trials": trials}))

    def reload(self):
        """Takes over what the file holds."""
        path = Path(self._get_oracle_fname())
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            self.trials = {name: Trial.from_state(state) for name, state in held["trials"].items()}
            self.set_state(held["oracle"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged: choose another folder for the sweep.") from error
        self.ongoing_trials = {}
        under_way = [name for name in self.start_order if self.trials[name].status not in _ENDED]
        self._retry_queue = under_way[::-1]  # it is taken from the end

    def end_trial(self, trial):
        """As keras-tuner does; a trial that a worker ended after all, its chief killed meanwhile, is not done again."""
        self._retry_queue = [name for name in self._retry_queue if name != trial.trial_id]
        super().end_trial(trial)

    def _save_trial(self, trial):
        """Nothing: `save` follows."""


class WholeRandomSearch(WholeState, RandomSearchOracle):
    """Random search."""


class WholeHyperband(WholeState, HyperbandOracle):
    """Hyperband."""


class WholeBayesian(WholeState, BayesianOptimizationOracle):
    """Bayesian optimisation; what it proposes follows from the trials before, resumed or not."""

    def populate_space(self, trial_id):
        """The next values, without the Gaussian process's warnings of few points."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().populate_space(trial_id)


def oracle_of(plan: SweepPlan):
    """The oracle of a sweep, new.

    Raises:
        InputError: the Bayesian method without scikit-learn.
    """
    shared = {
        "objective": Objective(OBJECTIVE, direction="max"),
        "hyperparameters": hyperparameters(plan),
        "seed": plan.recipe.seed + 1,  # 0 would be any
        "max_consecutive_failed_trials": 10**9,  # values that fail end a trial, not the sweep
    }
    if plan.sweep.method == "hyperband":
        oracle = WholeHyperband(max_epochs=plan.recipe.epochs, factor=plan.sweep.factor, **shared)
    else:
        kind = {"random": WholeRandomSearch, "bayesian": WholeBayesian}[plan.sweep.method]
        try:
            oracle = kind(max_trials=plan.sweep.trials or DEFAULT_TRIALS, **shared)
        except ImportError as error:
            raise InputError(
                'sweep.method bayesian needs the extra bayesian: pip install "ifss_keras[bayesian]", or choose random.'
            ) from error
    oracle.verbose = 0
    return oracle
