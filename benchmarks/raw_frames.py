"""Millilitres from the raw frames of a tracked sweep: by true distances, beside the ways around them, in one run.

    python benchmarks/raw_frames.py                          # simulated sweeps over calves, about 10 minutes
    python benchmarks/raw_frames.py --leg ../shared/data/lower_leg_us

Calves (seeds from 940000 on, which nothing else uses) are swept by a simulated hand that wavers, leans, pauses and goes
back, with 0.3 mm and 0.3 degrees of noise in its poses, 700 frames each. One frame per 50 is annotated, and both ends
of each muscle. `raw frames`: carried on the frames, measured without voxels. `reconstruction`: the frames are
compounded to 0.5 mm, as many slices are annotated there, carried on and counted. `nominal`: the frames as if they were
slices at their mean distance. Truth is the phantom that was swept.

The leg: the fibula in real frames, every 10th and every 20th annotated, with the true distances of its poses, and with
the nominal 3 mm of its file. Dice is of all frames between the first and the last annotated one, without these.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from ifss_keras.inference.interpolation import predict_by_shape
from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics import dice
from ifss_keras.sweeps.compound import Compounding, compound
from ifss_keras.synthetic import calf
from ifss_keras.synthetic.hand import Hand, scan
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume

FIRST_SEED, EVERY, VOXEL_MM = 940_000, 50, 0.5


def annotated(labels, names, every):
    """Every muscle on its first and last slice and one per `every` between, evenly."""
    kept = np.zeros_like(labels)
    for code in names:
        held = np.flatnonzero((labels == code).any(axis=(1, 2)))
        parts = max(int(np.ceil((held[-1] - held[0]) / every)), 1)
        for index in np.linspace(held[0], held[-1], parts + 1).round().astype(int):
            kept[index][labels[index] == code] = code
    return Annotation.from_array(kept, names)


def in_reconstruction(phantom, swept):
    """The compounded volume of a sweep, and the phantom's labels on its voxels."""
    made = compound(swept, Compounding(VOXEL_MM)).volume
    lps = np.diag([-1.0, -1, 1, 1]) @ made.affine
    labels = np.zeros(made.array.shape, np.uint8)
    slices, rows, columns = phantom.labels.shape
    for index in range(len(labels)):
        places = [lps @ place for place in ([index, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0])]
        z, y, x = (np.rint(_line(places, axis, made.array.shape, phantom)).astype(int) for axis in range(3))
        inside = [(part >= 0) & (part < size) for part, size in zip((z, y, x), (slices, rows, columns), strict=True)]
        if inside[0].any():
            plane = phantom.labels[z[0]][np.ix_(np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1))]
            labels[index] = np.where(inside[1][:, None] & inside[2], plane, 0)
    return made, labels


def _line(places, axis, shape, phantom):
    """Where the voxels along an axis of one slice lie, in voxels of the phantom; both grids are parallel."""
    start, row, column = places
    step, count = ((row, 1), (row, shape[1]), (column, shape[2]))[axis]
    along = 2 - axis  # x, y, z are columns, rows, slices
    return (start[along] + (axis > 0) * np.arange(count) * step[along]) / phantom.spacing_mm[axis]


def percent(found, true):
    """Signed error of a volume."""
    return 100 * (found / true - 1)


def phantoms(count, predict):
    """Prints volume errors of all muscles of some calves."""
    print("calf muscle   true mL | error %: raw frames  reconstruction  nominal  planes of the truth | Dice raw frames")
    errors = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        phantom = calf(seed, slices=320, size=160)
        recorded = scan(phantom, seed, Hand())
        sweep = Sweep.of_planes(recorded.tracked_planes)
        step_mm = 1.24 * 200 / len(recorded.image)
        nominal = Volume.from_array(recorded.image, (step_mm, *recorded.pixel_mm))
        swept = replace(nominal, sweep=sweep)
        made, labels = in_reconstruction(phantom, swept)
        annotation = annotated(recorded.labels, phantom.names, EVERY)
        ratio = len(made.array) * VOXEL_MM / (len(recorded.image) * step_mm)
        on_slices = annotated(labels, phantom.names, EVERY * len(made.array) / len(recorded.image) / ratio)
        found = {
            "raw": predict(swept, annotation),
            "made": predict(made, on_slices),
            "nominal": predict(nominal, annotation),
        }
        whole = predict_by_shape(swept, Annotation.from_array(recorded.labels, phantom.names, complete=True))
        for code, name in phantom.names.items():
            true = (phantom.labels == code).sum() * np.prod(phantom.spacing_mm) / 1000
            row = [percent(held.volumes_ml[name], true) for held in (*found.values(), whole)]
            overlap = dice(found["raw"].labels == code, recorded.labels == code)
            errors.append(row)
            print(f"{seed} {name:4} {true:9.1f} |" + "".join(f"{value:13.2f}" for value in row) + f" | {overlap:.4f}")
    mean = np.abs(errors).mean(axis=0)
    print("mean of absolute errors % " + " ".join(f"{value:.2f}" for value in mean))
    print(f"raw frames over reconstruction {mean[0] / mean[1]:.2f}, over nominal {mean[0] / mean[2]:.2f}")


def leg(folder, predict):
    """Prints Dice and volume of the fibula with true and nominal distances."""
    image, labels = read_volume(folder / "image.nii.gz"), read_labels(folder / "label.nii.gz").array
    poses = np.load(folder / "poses.npz")
    width_mm, height_mm = poses["pixel_mm"]
    sweep = Sweep.of_planes(poses["image_mm_to_ct"] * [width_mm, height_mm, 1, 1])
    swept = replace(image, sweep=sweep, spacing_mm=(image.spacing_mm[0], height_mm, width_mm))
    names = {1: "fibula"}
    print("every method  distances | Dice  mL  of the truth up to the last annotated frame, by the same distances")
    for every in (10, 20):
        annotation = Annotation.from_array(labels, names, keep_slices=np.arange(0, len(labels), every))
        annotation = replace(annotation, ends_annotated=True)
        span = np.arange(annotation.slices[-1] + 1)
        between = np.setdiff1d(span, annotation.slices)
        for method, find in (("shape", predict_by_shape), ("network", predict)):
            for distances, volume in (("nominal", image), ("true", swept)):
                found = find(volume, annotation)
                whole = predict_by_shape(volume, Annotation.from_array(labels, names, keep_slices=span))
                overlap = dice(found.labels[between] == 1, labels[between] == 1)
                ml = found.volumes_ml["fibula"], whole.volumes_ml["fibula"]
                print(f"{every:5} {method:7} {distances:9} | {overlap:.4f}  {ml[0]:.1f}  {ml[1]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--calves", type=int, default=4)
    parser.add_argument("--leg", type=Path)
    parser.add_argument("--method", choices=("network", "shape"), default="network")
    arguments = parser.parse_args()
    predictor = predict_by_shape if arguments.method == "shape" else Predictor.from_preset().predict
    leg(arguments.leg, predictor) if arguments.leg else phantoms(arguments.calves, predictor)
