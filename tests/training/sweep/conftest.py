"""A sweep with a training that takes no time, and whose best values are known."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.training import run
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.settings import Sweep

BEST_RATE = 2e-3


@pytest.fixture
def recipe():
    """A recipe of nine epochs, with the optimizer's default learning rate and weight decay."""
    return PropagationRecipe(
        name="tiny",
        seed=3,
        network={"image_size": (16, 16)},
        training={"calf": 1, "first_seed": 0},
        validation={"calf": 1, "first_seed": 1},
        epochs=9,
    )


@pytest.fixture
def plan(recipe):
    """A function from the keys of `sweep` to a plan."""
    return lambda **keys: SweepPlan(recipe, Sweep(**keys))


@pytest.fixture
def best_rate():
    """The learning rate of the greatest Dice."""
    return BEST_RATE


@pytest.fixture
def dice_of():
    """The function from a recipe to the best validation Dice of its training below."""
    return _dice


def _dice(recipe):
    """What the training below gives: the nearer the learning rate is to the best, and the longer it takes, the more."""
    return 0.9 - 0.2 * abs(math.log10(recipe.optimizer.learning_rate / BEST_RATE)) - 0.1 / recipe.epochs


@dataclass
class Trainings:
    """Stands for `train`: what it was called with, and what it shall do.

    Attributes:
        calls: folder's name, recipe, start, whether resumed.
        interrupted: the calls, counted from 0, that a kill interrupts in the middle.
        diverging: a function from a recipe to whether it diverges.
    """

    calls: list = field(default_factory=list)
    interrupted: set = field(default_factory=set)
    diverging: object = staticmethod(lambda recipe: False)
    corpora: set = field(default_factory=set)

    @property
    def names(self):
        return [name for name, *_ in self.calls]

    def __call__(self, recipe, folder, *, corpus_folder, start_from, resume, callbacks, progress):
        assert resume == (folder / "recipe.yaml").exists()
        self.calls.append((folder.name, recipe, start_from, resume))
        self.corpora.add(corpus_folder)
        folder.mkdir(exist_ok=True)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
        if len(self.calls) - 1 in self.interrupted:
            raise KeyboardInterrupt
        if self.diverging(recipe):
            raise InputError("The training diverged: lower the learning rate.")
        rows = [f"{epoch},{_dice(recipe) - 0.01 * (recipe.epochs - 1 - epoch)},0.5" for epoch in range(recipe.epochs)]
        (folder / "log.csv").write_text("\n".join(["epoch,val_dice,val_loss", *rows]) + "\n")
        (folder / "card.md").write_text("done")


@pytest.fixture
def trainings(monkeypatch) -> Trainings:
    """In place of `train`."""
    found = Trainings()
    monkeypatch.setattr(run, "train", found)
    return found


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "sweep"
