"""Writes tests/zoo/golden_models.npz, when a network is new: python -m tests.zoo.make_golden_models --write"""

import argparse
import json
from pathlib import Path

import numpy as np

from tests.zoo.models import CASES, random_inputs, run, small


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="without it nothing is written")
    options = parser.parse_args()
    held = {}
    for name, number in CASES:
        network = small(name, number)
        layout = [[weight.path.split("/", 1)[1], list(weight.shape)] for weight in network.weights]
        held[f"{name}/{number}/layout"] = np.array(json.dumps(layout))
        for key, value in run(network, random_inputs(network)).items():
            held[f"{name}/{number}/outputs/{key}"] = value
            print(name, number, key, value.shape, round(float(value.std()), 4))
    if options.write:
        np.savez_compressed(Path(__file__).with_name("golden_models.npz"), **held)


if __name__ == "__main__":
    main()
