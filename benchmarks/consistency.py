"""Does the answer change when nothing that matters has? One synthetic calf, four questions, one run.

    python benchmarks/consistency.py

Pixel size: the same calf at 128, 256 and 512 pixels, Dice of each against its own truth. Slice order: reversed and
turned back. Label codes: permuted and put back. A span with the references beside it: cut out of the volume, its
intensity window kept.
"""

import argparse

import numpy as np
from hard_calves import EVERY, FIRST_SEED, references_of, spaced_slices

from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics.overlap import dice
from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.synthetic import Phantom, calf
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET


def labels_of(predictor: Predictor, phantom: Phantom) -> np.ndarray:
    """The predicted labels of a phantom with one reference per 50 slices and at both ends of each muscle."""
    references = references_of(phantom.labels, phantom.names, lambda areas: spaced_slices(np.flatnonzero(areas), EVERY))
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    return predictor.predict(volume, references).labels


def dices(predicted: np.ndarray, truth: np.ndarray, codes) -> list[float]:
    """Dice of each label."""
    return [float(dice(predicted == code, truth == code)) for code in codes]


def pixel_size(predictor: Predictor, seed: int) -> None:
    """The mean Dice at 128, 256 and 512 pixels."""
    found = {}
    for size in (128, 256, 512):
        phantom = calf(seed, size=size, ends="blunt")
        found[size] = np.mean(dices(labels_of(predictor, phantom), phantom.labels, phantom.names))
    spread = max(found.values()) - min(found.values())
    print("pixel size  ", {size: round(float(value), 4) for size, value in found.items()}, f"spread {spread:.4f}")


def slice_order(predictor: Predictor, phantom: Phantom, usual: np.ndarray) -> None:
    """The largest change of a label's Dice, and the Dice between both answers."""
    turned = Phantom(phantom.image[::-1], phantom.labels[::-1], phantom.spacing_mm, phantom.names)
    back = labels_of(predictor, turned)[::-1]
    before, after = (dices(labels, phantom.labels, phantom.names) for labels in (usual, back))
    change = max(abs(a - b) for a, b in zip(before, after, strict=True))
    print(f"slice order  change of Dice {change:.6f}, Dice between both {min(dices(usual, back, phantom.names)):.6f}")


def label_codes(predictor: Predictor, phantom: Phantom, usual: np.ndarray) -> None:
    """Whether the masks are identical."""
    other = dict(zip(phantom.names, (7, 3, 251), strict=True))
    table = np.zeros(256, np.uint8)
    for code, new in other.items():
        table[code] = new
    names = {new: phantom.names[code] for code, new in other.items()}
    renamed = labels_of(predictor, Phantom(phantom.image, table[phantom.labels], phantom.spacing_mm, names))
    print("label codes  identical:", bool((table[usual] == renamed).all()))


def span_alone(predictor: Predictor, phantom: Phantom) -> None:
    """Whether the soft masks of one span are the same bits in the volume and cut out with the references beside it."""
    code = next(iter(phantom.names))
    slices = spaced_slices(np.flatnonzero((phantom.labels == code).any(axis=(1, 2))), EVERY)
    masks = {index: phantom.labels[index] == code for index in slices}
    whole = Carrier(predictor.runner, Volume.from_array(phantom.image, phantom.spacing_mm), predictor.settings)
    first, last = slices[1], slices[2]
    begin, *_, end = beside = slices[:4]
    part = Volume.from_array(phantom.image[begin : end + 1], phantom.spacing_mm)
    alone = Carrier(predictor.runner, part, predictor.settings)
    alone.spans.intensity = IntensityRange.from_volume(phantom.image, predictor.settings.percentiles)
    in_volume = whole.carry(masks).soft
    by_itself = alone.carry({index - begin: masks[index] for index in beside}).soft
    same = all((in_volume[index].values == by_itself[index - begin].values).all() for index in range(first + 1, last))
    print("span alone   identical:", bool(same))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=FIRST_SEED + 50)
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    options = parser.parse_args()
    predictor = Predictor.from_preset(options.preset)
    phantom = calf(options.seed, ends="blunt")
    usual = labels_of(predictor, phantom)
    slice_order(predictor, phantom, usual)
    label_codes(predictor, phantom, usual)
    span_alone(predictor, phantom)
    pixel_size(predictor, options.seed)


if __name__ == "__main__":
    main()
