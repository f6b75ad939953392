"""Logs of the first steps of both trainers, from one file of batches and weights, on the current Keras backend.

`KERAS_BACKEND=jax python -m tests.training.backend_losses IN.npz OUT.npz` trains in a process of its own.
"""

import sys

import keras
import numpy as np

from ifss_keras.losses import NamedLoss
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import Exemplars
from ifss_keras.training.examples.clips import Clip
from ifss_keras.training.examples.windows import Target, Window
from ifss_keras.training.muon import Muon
from ifss_keras.training.propagation_trainer import PropagationTrainer
from ifss_keras.training.trainer import SegmentationTrainer
from ifss_keras.zoo.networks.ifss_net import IFSSNet
from ifss_keras.zoo.networks.unet3d import UNet3D
from tests.backend_values import zero_initializers

STEPS = 3
NETWORK = {
    "image_size": (16, 16),
    "widths": (8,),
    "rates": (1, 2),
    "first_depth_multiplier": 2,
    "encoder_depth_kernel": 1,
    "matching_kernel": 3,
    "head_width": 3,
    "memory_level": 1,
    "encoder_dropout": 0.0,
    "memory_dropout": 0.0,
    "decoder_dropout": 0.0,
}


class Batches(keras.utils.PyDataset):
    """Batches that are there already."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def loss(name, entropy):
    return NamedLoss({name: 1.0, "cross_entropy": entropy})


def trainers():
    """{name: trainer}, compiled, of small networks with all weights zero."""
    with zero_initializers():
        carrying = PropagationTrainer(IFSSNet(**NETWORK), loss("parametric_tversky", 0.5), windows=1)
        finding = SegmentationTrainer(
            UNet3D(image_size=(16, 16), slices=2, classes=3, widths=(4, 6), pool=(1, 2, 2)), loss("squared_dice", 1.0)
        )
    settings = {"weight_decay": 1e-3, "global_clipnorm": 1.0}
    for trainer, optimizer in ((carrying, Muon), (finding, keras.optimizers.AdamW)):
        trainer.compile(optimizer(0.01, **settings), run_eagerly=keras.backend.backend() == "tensorflow")
        trainer.build()
    return {"propagation": carrying, "segmentation": finding}


def flat(batches):
    """{name: array} of batches and of weights."""
    return {
        f"{name}/{number}/{index}": np.asarray(part)
        for name, held in batches.items()
        for number, batch in enumerate(held)
        for index, part in enumerate(keras.tree.flatten(batch))
    }


def read(saved, name):
    """The batches that `flat` made arrays of."""
    for number in range(STEPS):
        parts = [saved[f"{name}/{number}/{index}"] for index in range(4 if name == "segmentation" else 12)]
        if name == "segmentation":
            yield Window(parts[0], Target(*parts[1:3]), parts[3])
        else:
            yield (Clip(Evidence(*parts[:5]), *parts[5:9], Exemplars(*parts[9:])),)


def compute(saved):
    """{name/log: its values}, an epoch of one step each, as a flat dict of arrays."""
    found = {}
    for name, trainer in trainers().items():
        weights = trainer.network.get_weights()
        trainer.network.set_weights([saved[f"{name}/weight/{index}"] for index in range(len(weights))])
        batches = Batches([*read(saved, name)])
        logs = trainer.fit(batches, epochs=STEPS, steps_per_epoch=1, verbose=0, shuffle=False).history
        found |= {f"{name}/{log}": np.array(values) for log, values in logs.items()}
    return found


if __name__ == "__main__":
    with np.load(sys.argv[1]) as file:
        logs = compute(dict(file))
    np.savez(sys.argv[2], backend=keras.backend.backend(), **logs)
