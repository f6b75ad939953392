"""Writes zoo/NAME/golden.npz, once, at release: python -m tests.zoo.make_golden NAME --write"""

import argparse

import numpy as np

from ifss_keras.synthetic import calf
from ifss_keras.zoo import IFSSNet
from tests.zoo.shelf import PRESETS, SHELF


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PRESETS)
    parser.add_argument("--write", action="store_true", help="without it nothing is written")
    options = parser.parse_args()
    network = IFSSNet.from_preset(PRESETS[options.name].folder)
    rng = np.random.default_rng(0)
    phantom = calf(800_000, slices=40, size=network.image_size[0], ends="blunt")
    middle = slice(20, 20 + network.window)
    memory = [rng.normal(0, 0.3, zero.shape).astype(np.float32) for zero in network.initial_memory(1).values()]
    inputs = {
        "image": (phantom.image[middle] / np.float32(255))[None, ..., None],
        "mask": (phantom.labels[middle] == 100).astype(np.float32)[None, ..., None],
        "hidden": memory[0],
        "cell": memory[1],
    }
    exemplars = {}
    if network.memory_level:
        places = slice(12, 12 + 16 * network.memory_slots, 16)
        exemplars = {
            "exemplar_image": (phantom.image[places] / np.float32(255))[None, ..., None],
            "exemplar_mask": (phantom.labels[places] == 100).astype(np.float32)[None, ..., None],
            "exemplar_weight": np.ones((1, network.memory_slots), np.float32),
        }
    held = {key: np.asarray(value) for key, value in network.remember(*exemplars.values()).items()} if exemplars else {}
    outputs = network(inputs | held, training=False)
    expected = {f"expected_{key}": np.asarray(value) for key, value in outputs.items()}
    inputs |= exemplars
    print({key: value.shape for key, value in {**inputs, **expected}.items()})
    if options.write:
        np.savez_compressed(SHELF / options.name / "golden.npz", **inputs, **expected)


if __name__ == "__main__":
    main()
