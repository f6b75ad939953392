"""A training in miniature, and a prediction with what it gives: python examples/02_train.py [FOLDER]

The network is tiny and sees few volumes, so it learns little; `zoo/ifss_synthetic_v4/recipe.yaml` is a real recipe.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from ifss_keras.data.references import References
from ifss_keras.data.synthetic import random_shapes
from ifss_keras.data.volume import Volume
from ifss_keras.inference.predictor import Predictor
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.training.run import BEST_WEIGHTS, train

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
recipe = PropagationRecipe(
    name="miniature",
    network={"image_size": (32, 32), "widths": (4,), "rates": (1,), "matching_kernel": 3, "head_width": 4},
    training={"shapes": 1, "first_seed": 91},
    validation={"shapes": 1, "first_seed": 161},
    clips={"windows": 1, "rollout": (0, 2)},
    batch=2,
    steps_per_epoch=4,
    validation_steps=2,
    epochs=2,
)
train(recipe, folder)

phantom = random_shapes(2, slices=40, size=64)
volume = Volume.from_array(phantom.image, phantom.spacing_mm)
references = References.from_array(phantom.labels, phantom.names, keep_slices=np.arange(0, 40, 6))
prediction = Predictor.from_training(folder / BEST_WEIGHTS).predict(volume, references)

for shape in prediction.summaries:
    print(f"{shape.name}: {shape.volume_ml:.1f} mL")
