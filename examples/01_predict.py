"""From a few annotated slices to the millilitres of each muscle, on a synthetic calf.

The arguments make the calf smaller: python examples/01_predict.py [SLICES [SIZE]]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import ifss_keras as ifss
from ifss_keras.synthetic import calf

slices, size = (int(argument) for argument in (*sys.argv[1:], "96", "128")[:2])
phantom = calf(7, slices=slices, size=size)

# Your own: volume = ifss.read_volume("calf.mha"), annotation = ifss.read_annotation("slices.seg.nrrd", volume).
volume = ifss.Volume.from_array(phantom.image, phantom.spacing_mm)
annotated = np.linspace(0, slices - 1, 9).round().astype(int)
annotation = ifss.Annotation.from_array(phantom.labels, phantom.names, complete=True, keep_slices=annotated)
prediction = ifss.Predictor.from_preset().predict(volume, annotation)

for muscle in prediction.summaries:
    true_ml = (phantom.labels == muscle.code).sum() * volume.voxel_volume_ml
    print(f"{muscle.name}: {muscle.volume_ml:.1f} mL (truth {true_ml:.1f} mL)")
for warning in prediction.warnings:
    print(warning)
mask = Path(tempfile.mkdtemp()) / "mask.seg.nrrd"
prediction.save(mask)
print(f"Wrote {mask}")
