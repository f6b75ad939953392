"""A training in a process of its own, on one device, on several logical ones, or as one of several processes.

`python -m tests.training.distributed_training KIND DEVICES FOLDER` trains there and writes FOLDER.WORKER.npz: the
losses of every step and of validation, and all weights. Several processes by `TF_CONFIG`.
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

from ifss_keras.training import run, volumes
from ifss_keras.training.distribution import find_devices
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.recipe import recipe_from

EPOCHS = 3  # of one step each
COMMON = {
    "name": "tiny",
    "seed": 4,
    "training": {"calf": 1, "first_seed": 1},
    "validation": {"calf": 1, "first_seed": 2},
    "optimizer": {"learning_rate": 0.01, "warmup_steps": 0, "schedule": "constant", "clip_norm": 0.1, "l2": 1e-3},
    "batch": 4,
    "steps_per_epoch": 1,
    "epochs": EPOCHS,
    "validation_steps": 2,
}
SEGMENTATION = {
    "model": "UNet3D",
    "labels": {1: "one", 2: "two"},
    "slices": 2,
    "network": {"image_size": (16, 16), "widths": (4, 6), "pool": (1, 2, 2)},
}


def propagation():
    """Of the tiny network of the other tests."""
    from tests.training.conftest import TINY

    clips = {"windows": 1, "gap": (4, 20), "rollout": (0, 1)}
    return {"network": TINY, "clips": clips, "optimizer": COMMON["optimizer"] | {"kind": "muon"}}


def two_squares():
    """36 slices of 24x24 with two bright squares, the second in half of them."""
    rng = np.random.default_rng(0)
    image, labels = rng.integers(0, 60, (36, 24, 24)), np.zeros((36, 24, 24), np.uint8)
    labels[2:34, 3:12, 4:15], labels[18:34, 14:20, 6:12] = 1, 2
    return TrainingVolume.from_arrays((image + 60 * labels).astype(np.uint8), labels, (1.0, 0.5, 0.5))


def train(kind, folder):
    """The logs and the weights, as a flat dict of arrays; the number of this process."""
    found, volume = find_devices(), two_squares()
    volumes.prepare_volumes = lambda *_: [volume]
    run.find_devices = lambda: found
    recipe = recipe_from(COMMON | (SEGMENTATION if kind == "segmentation" else propagation()))
    network = run.train(recipe, folder)
    held = {f"weight/{index}": weight for index, weight in enumerate(network.get_weights())}
    return held | {"replicas": found.replicas}, found.worker


if __name__ == "__main__":
    kind, devices, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if devices > 1:
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    held, worker = train(kind, folder)
    np.savez(f"{folder}.{worker}.npz", **held)
