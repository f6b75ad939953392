"""From a few annotated slices to the millilitres of each muscle, on a synthetic calf.

The arguments make the calf smaller: python examples/01_predict.py [SLICES [SIZE]]
"""

import sys

import numpy as np

from ifss_keras.data.references import References
from ifss_keras.data.synthetic import calf
from ifss_keras.data.volume import Volume
from ifss_keras.inference.predictor import Predictor

slices, size = (int(argument) for argument in (*sys.argv[1:], "96", "128")[:2])
phantom = calf(7, slices=slices, size=size)

# Your own: read_volume("calf.mha") of ifss_keras.data.io, load_references("slices.seg.nrrd", volume) of
# ifss_keras.data.references.
volume = Volume.from_array(phantom.image, phantom.spacing_mm)
annotated = np.linspace(0, slices - 1, 9).round().astype(int)
references = References.from_array(phantom.labels, phantom.names, complete=True, keep_slices=annotated)

# Without `adaptation=None` the volume is also seen mirrored and, with enough references, learned from: slower.
prediction = Predictor.from_preset().predict(volume, references, adaptation=None)

for muscle in prediction.summaries:
    true_ml = (phantom.labels == muscle.code).sum() * volume.voxel_volume_ml
    print(f"{muscle.name}: {muscle.volume_ml:.1f} mL (truth {true_ml:.1f} mL)")
