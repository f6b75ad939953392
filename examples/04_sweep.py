"""A sweep in miniature: python examples/04_sweep.py [FOLDER]

Three trainings of a tiny network, each with another learning rate and batch; on a recipe of your own it is
`ifss tune recipe.yaml -o FOLDER`, whose key `sweep` holds what `Sweep` holds here. The same call goes on after an
interruption.
"""

import sys
import tempfile
from pathlib import Path

from ifss_keras.jobs.tune import run_tune
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.training.sweep.plan import SweepPlan
from ifss_keras.training.sweep.settings import Sweep

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
recipe = PropagationRecipe(  # or a YAML file: read_sweep("recipe.yaml")
    name="miniature",
    network={"image_size": (16, 16), "widths": (4,), "rates": (1,), "matching_kernel": 3, "head_width": 4},
    training={"structures": 1, "first_seed": 91},
    validation={"structures": 1, "first_seed": 161},
    clips={"windows": 1, "rollout": (0, 0)},
    optimizer={"warmup_steps": 1},
    steps_per_epoch=8,
    validation_steps=2,
    epochs=1,
)
knobs = {
    "optimizer.learning_rate": {"low": 0.0001, "high": 0.01, "scale": "log"},
    "batch": {"choices": [1, 2]},
}
result = run_tune(SweepPlan(recipe, Sweep(trials=3, knobs=knobs)), folder)

for outcome in result.outcomes:
    print(f"trial {outcome.trial}: {outcome.values}, validation Dice {outcome.dice:.4f}")
print(f"the best is trial {result.best.trial}: ifss train --recipe {result.files['recipe']}")
