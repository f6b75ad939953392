"""The volume error of every method on solids of known volume, in one table.

    python benchmarks/solids.py                              # every method installed
    python benchmarks/solids.py --methods shape watershed
    python benchmarks/solids.py --markdown table.md          # beside the print

A sphere, an ellipsoid, a cone and a tilted cylinder, 160 grey values inside and 96 outside with normal noise of 20,
voxels of 2 x 0.6 x 0.75 mm, annotated every 8 slices and where they end. The error is that of the counted voxels
against the volume in closed form; the row `true mask` counts the voxels of the solid itself.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.inference.methods import METHODS, NETWORK, UNTRAINED, untrained_method
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.0, 0.6, 0.75)
SHAPE = (41, 110, 96)  # slices, rows, columns
EVERY = 8
INSIDE, OUTSIDE, NOISE = 160, 96, 20
SOLIDS = ("sphere", "ellipsoid", "cone", "tilted cylinder")


@dataclass(frozen=True, eq=False)
class Solid:
    """A solid on a grid: mask (slice, row, column) bool, its spacing, and its volume in closed form."""

    mask: np.ndarray
    spacing_mm: tuple[float, float, float]
    volume_ml: float


def solid(name: str, shape=SHAPE, spacing_mm=SPACING_MM) -> Solid:
    """A solid that fills most of the grid, its axis along the slices."""
    slice_mm, row_mm, column_mm = (
        step * (np.arange(size) - (size - 1) / 2) for size, step in zip(shape, spacing_mm, strict=True)
    )
    length, height, width = 0.4 * np.array(shape) * spacing_mm  # half of the extent that a solid may have
    z, y, x = slice_mm[:, None, None], row_mm[None, :, None], column_mm[None, None, :]
    radius = min(height, width)
    if name == "sphere":
        radius = min(length, radius)
        mask, volume_mm3 = z**2 + y**2 + x**2 < radius**2, 4 / 3 * np.pi * radius**3
    elif name == "ellipsoid":
        mask = (z / length) ** 2 + (y / height) ** 2 + (x / width) ** 2 < 1
        volume_mm3 = 4 / 3 * np.pi * length * height * width
    elif name == "cone":  # from a point to the full radius
        along = (z + length) / (2 * length)
        mask = (np.hypot(y, x) < radius * along) & (along <= 1)
        volume_mm3 = np.pi / 3 * radius**2 * 2 * length
    else:  # its circles move by their radius from first to last slice
        mask = (np.hypot(y, x - radius * z / (4 * length)) < radius / 2) & (abs(z) <= length)
        volume_mm3 = np.pi * (radius / 2) ** 2 * 2 * length
    return Solid(mask, spacing_mm, volume_mm3 / 1000)


def image_of(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Grey values uint8: labels brighter than the ground, with noise."""
    noise = NOISE * np.random.default_rng(seed).standard_normal(labels.shape)
    return (np.where(labels > 0, INSIDE, OUTSIDE) + noise).clip(0, 255).astype(np.uint8)


def references_every(labels: np.ndarray, every: int, complete: bool = False) -> Annotation:
    """Each `every`-th slice from the first that holds anything, and the last."""
    held = np.flatnonzero(labels.any(axis=(1, 2)))
    keep = np.unique([*range(held[0], held[-1], every), held[-1]])
    return Annotation.from_array(labels, complete=complete, keep_slices=keep)


def volume_error_percent(mask: np.ndarray, held: Solid) -> float:
    """Of the counted voxels against the closed form, signed."""
    return 100 * (mask.sum() * np.prod(held.spacing_mm) / 1000 / held.volume_ml - 1)


def predictor_of(method: str):
    """(volume, references) to `Prediction` by the method's name; the network as it is released."""
    if method in UNTRAINED:
        return untrained_method(method)
    from ifss_keras.inference.predictor import Predictor

    predictor = Predictor.from_preset()
    return lambda volume, references: predictor.predict(volume, references)


def rows_of(methods) -> list[list[str]]:
    """Method, error on each solid in percent, and seconds for all; methods that are not installed say so."""
    solids = [solid(name) for name in SOLIDS]
    rows = [["true mask", *(f"{volume_error_percent(held.mask, held):+.2f}" for held in solids), "-"]]
    for method in methods:
        try:
            predict = predictor_of(method)
            predict(*_task(solids[0]))  # what is loaded once is not timed
            began = time.monotonic()
            found = [predict(*_task(held)).labels > 0 for held in solids]
            seconds = time.monotonic() - began
        except InputError as error:
            print(error)
            continue
        errors = (f"{volume_error_percent(mask, held):+.2f}" for mask, held in zip(found, solids, strict=True))
        rows.append([method, *errors, f"{seconds:.1f}"])
    return rows


def _task(held: Solid) -> tuple[Volume, Annotation]:
    labels = held.mask.astype(np.uint8)
    return Volume.from_array(image_of(labels), held.spacing_mm), references_every(labels, EVERY)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*UNTRAINED, NETWORK])
    parser.add_argument("--markdown", type=Path, help="where the table goes too")
    options = parser.parse_args()
    head = ["method", *(f"{name} %" for name in SOLIDS), "seconds"]
    rows = [head, ["---"] * len(head), *rows_of(options.methods)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    print(table)
    if options.markdown:
        options.markdown.write_text(table + "\n")


if __name__ == "__main__":
    main()
