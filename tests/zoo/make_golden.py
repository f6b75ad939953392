"""Writes zoo/NAME/golden.npz, once, at release: python tests/zoo/make_golden.py NAME --write"""

import argparse
from pathlib import Path

import numpy as np

from ifss_keras.data.synthetic import calf
from ifss_keras.zoo import IFSSNet

SHELF = Path(__file__).parents[2] / "zoo"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--write", action="store_true", help="without it nothing is written")
    options = parser.parse_args()
    network = IFSSNet.from_preset(options.name)
    rng = np.random.default_rng(0)
    phantom = calf(800_000, slices=40, size=network.image_size[0])
    middle = slice(20, 20 + network.window)
    memory = [rng.normal(0, 0.3, zero.shape).astype(np.float32) for zero in network.initial_memory(1)]
    inputs = {
        "image": (phantom.image[middle] / np.float32(255))[None, ..., None],
        "mask": (phantom.labels[middle] == 100).astype(np.float32)[None, ..., None],
        "hidden": memory[0],
        "cell": memory[1],
    }
    outputs = network(inputs, training=False)
    expected = {f"expected_{key}": np.asarray(value) for key, value in outputs.items()}
    print({key: value.shape for key, value in {**inputs, **expected}.items()})
    if options.write:
        np.savez_compressed(SHELF / options.name / "golden.npz", **inputs, **expected)


if __name__ == "__main__":
    main()
