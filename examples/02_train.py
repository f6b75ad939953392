"""A training in miniature, and a prediction with what it gives: python examples/02_train.py [FOLDER]

The network is tiny and sees few volumes, so it learns little; `zoo/ifss_synthetic_v5/recipe.yaml` is a real recipe.
"""

import sys
import tempfile

import numpy as np

import ifss_keras as ifss
from ifss_keras.synthetic import random_shapes
from ifss_keras.training.recipe import PropagationRecipe

folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
recipe = PropagationRecipe(  # or a YAML file: ifss.train("recipe.yaml", folder)
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
ifss.train(recipe, folder)

phantom = random_shapes(2, slices=40, size=64)
volume = ifss.Volume.from_array(phantom.image, phantom.spacing_mm)
annotation = ifss.Annotation.from_array(phantom.labels, phantom.names, keep_slices=np.arange(0, 40, 6))
prediction = ifss.Predictor.from_preset(folder).predict(volume, annotation)

for name, volume_ml in prediction.volumes_ml.items():
    print(f"{name}: {volume_ml:.1f} mL")
