"""Fine-tuning on three volumes of a kind that the released network reads badly.

    python examples/03_fine_tune.py [FOLDER [STEPS [SLICES]]]

The kind: a muscle whose border is a thin, dark, dotted septum that moves to and fro along the slices, among bright
fasciae that move on their own. The released network takes bright lines for borders. Two annotated volumes are trained
on, a third says which epoch is the best; the fourth is looked at by nobody before the end. Fewer steps and slices make
a rehearsal.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import ifss_keras as ifss
from ifss_keras.inference.interpolation import predict_by_shape
from ifss_keras.training.recipe import PropagationRecipe
from ifss_keras.volumes.io import write_labels, write_volume
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset

SPACING_MM = (1.0, 0.4, 0.4)
SEEDS = {"train/P1": 1, "train/P2": 2, "val/P3": 3, "test/P4": 4}
EVERY = 40  # slices from one annotated one to the next of the fourth volume


def septum_volume(seed, slices=120, size=128):
    """Image and labels, (slice, row, column) uint8, at `SPACING_MM`; the muscle ends in the middle of the septum."""
    rng = np.random.default_rng([seed, 303])
    side_mm = size * SPACING_MM[1]
    rows, columns = np.mgrid[:size, :size] * SPACING_MM[1] - (side_mm - SPACING_MM[1]) / 2
    bends = {order: (rng.uniform(0.02, 0.08), rng.uniform(0, 2 * np.pi)) for order in (2, 3)}
    septum = waves(rng, 0.05 * side_mm, 30, 55)
    fasciae = [(share * side_mm, waves(rng, 0.023 * side_mm, 50, 110)) for share in (0.16, 0.21, 0.26, 0.31, 0.36)]
    sway = waves(rng, 1.0, 60, 120), waves(rng, 1.0, 60, 120)
    dots, phase = rng.integers(38, 46), rng.uniform(0, 2 * np.pi)
    image, labels = np.zeros((2, slices, size, size), np.uint8)
    for index in range(slices):
        z_mm = index * SPACING_MM[0]
        y, x = rows - height(sway[0], z_mm, 0), columns - height(sway[1], z_mm, 0)
        angle, radius = np.arctan2(y, x), np.hypot(y, x)
        bent = 1 + sum(share * np.cos(order * angle + start) for order, (share, start) in bends.items())
        inside = 0.27 * side_mm * bent + height(septum, z_mm, angle) - radius
        grey = np.full(radius.shape, 95.0)
        for middle, moves in fasciae:
            grey += 100 * np.exp(-(((middle * bent + height(moves, z_mm, angle) - radius) / 0.5) ** 2))
        dotted = 0.65 + 0.35 * np.sign(np.cos(dots * angle + phase + 0.1 * z_mm))
        grey *= 1 - 0.8 * dotted * np.exp(-((inside / 0.6) ** 2))
        echo = gaussian_filter(rng.standard_normal((2, size, size)), (0, 0.7, 0.9))
        grey *= 0.45 + 0.44 * np.hypot(*(echo / echo.std()))
        image[index], labels[index] = np.clip(grey, 0, 255), inside > 0
    return image, labels


def waves(rng, height_mm, shortest_mm, longest_mm):
    """(height, length, turns, phase) of three waves along the slices; `turns` times round the muscle."""
    return [
        (height_mm * rng.uniform(0.6, 1), rng.uniform(shortest_mm, longest_mm), turns, rng.uniform(0, 2 * np.pi))
        for turns in range(3)
    ]


def height(waves, z_mm, angle):
    """The sum of these waves in mm, at a place along the slices and at angles round the muscle."""
    return sum(high * np.sin(2 * np.pi * z_mm / length + turns * angle + start) for high, length, turns, start in waves)


def write_data_set(folder, slices):
    """Four volumes as NIfTI: FOLDER/SPLIT/SUBJECT/image.nii.gz and labels.nii.gz."""
    for name, seed in SEEDS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        image, labels = septum_volume(seed, slices)
        volume = ifss.Volume.from_array(image, SPACING_MM)
        write_volume(folder / name / "image.nii.gz", image, volume)
        write_labels(folder / name / "labels.nii.gz", labels, volume)


def recipe_for(data, steps):
    """The recipe: the released network as it is, and a fourteenth of the steps that it was trained by."""
    preset = find_preset(DEFAULT_PRESET)
    epochs = min(4, steps)
    return PropagationRecipe(  # or a YAML file, for ifss train --recipe FILE --start-from ifss_synthetic_v5 -o FOLDER
        name="septum",
        data={"path": str(data)},
        network=dict(preset.arguments),
        propagation=preset.propagation,
        clips={"gap": (20, 50), "both_ends": 0.9, "recent": 0.6, "redrawn": 0.2, "rollout": (8, 8), "windows": 4},
        loss={"terms": {"parametric_tversky": 1.0, "cross_entropy": 1.0}, "smooth": 100},
        optimizer={"kind": "muon", "learning_rate": 0.001, "warmup_steps": min(20, steps), "weight_decay": 0.0001},
        epochs=epochs,
        steps_per_epoch=steps // epochs,
        validation_steps=min(8, steps),
    )


def errors_of(prediction, truth):
    """1 - Dice and the absolute volume error, a share."""
    found = ifss.evaluate(prediction.labels, truth, SPACING_MM).labels[0]
    return 1 - found.dice, abs(found.signed_volume_error_percent) / 100


def main(folder, steps=200, slices=120):
    """Writes data, training and preset into the folder, and prints what was gained on the fourth volume."""
    start = time.monotonic()
    data, run = folder / "data", folder / "run"
    write_data_set(data, slices)
    ifss.train(recipe_for(data, steps), run, start_from=DEFAULT_PRESET)
    seconds = time.monotonic() - start

    volume = ifss.read_volume(data / "test/P4/image.nii.gz")
    truth = ifss.read_labels(data / "test/P4/labels.nii.gz").array
    annotated = np.linspace(0, slices - 1, round(slices / EVERY) + 1).round().astype(int)
    annotation = ifss.Annotation.from_array(truth, {1: "muscle"}, complete=True, keep_slices=annotated)
    predictors = {
        "shape interpolation": predict_by_shape,
        DEFAULT_PRESET: ifss.Predictor.from_preset().predict,
        "fine-tuned": ifss.Predictor.from_preset(run).predict,
    }
    errors = {name: errors_of(predict(volume, annotation), truth) for name, predict in predictors.items()}
    for name, (missed, off) in errors.items():
        print(f"{name}: Dice {1 - missed:.4f}, volume error {100 * off:.1f} %")
    for what, before, after in zip(("1 - Dice", "volume error"), *list(errors.values())[1:], strict=True):
        print(f"{what}: {100 * (1 - after / before):.0f} % lower by fine-tuning")
    print(f"{seconds:.0f} s for data and training, {time.monotonic() - start:.0f} s in all")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0] if arguments else tempfile.mkdtemp()), *map(int, arguments[1:]))
