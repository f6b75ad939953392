"""Every network of the zoo trained alike on one small cohort, beside every method without a network, in one table.

    python benchmarks/cohort.py                         # about 50 minutes on 2 cores
    python benchmarks/cohort.py --rows shape UNet3D     # some rows
    python benchmarks/cohort.py --markdown table.md     # the table as Markdown too

Networks are trained by `ifss train`, from nothing, at 64x64, on the same synthetic calves with the same optimizer, for
as many steps as take 2 to 3 minutes; a row that is trained already is not trained again. Then all are measured on
calves that none of them saw. Those that carry annotated slices on, and the methods without a network, get one slice per
50 of each muscle and both its ends; the others get none. Such a training is a check and a comparison at equal cost, not
what the networks can do.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml
from hard_calves import EVERY, references_of, spaced_slices

from ifss_keras.core.errors import InputError
from ifss_keras.inference.methods import UNTRAINED, untrained_method
from ifss_keras.inference.predictor import Predictor
from ifss_keras.inference.segmenter import Segmenter
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.synthetic import calf
from ifss_keras.volumes.volume import Volume

FIRST_SEED = 940_000  # of the calves that are measured
_IFSS = {"widths": [16, 24, 32, 64], "rates": [1, 2, 4], "encoder_depth_kernel": 1, "norm_per_channel": True}
_DROP = {"encoder_dropout": 0.0, "memory_dropout": 0.1, "decoder_dropout": 0.0}
_SMALL = _IFSS | _DROP | {"matching_kernel": 7}
ROWS = {  # name: network, its arguments, steps
    "IFSSNet": ("IFSSNet", _SMALL, 240),
    "IFSSNet, references looked up": ("IFSSNet", _SMALL | {"memory_level": 2}, 220),
    "IFSSNet, forward ConvLSTM": ("IFSSNet", _SMALL | {"temporal": "forward"}, 240),
    "IFSSNet, no ConvLSTM": ("IFSSNet", _SMALL | {"temporal": "none"}, 260),
    "IFSSNet, no recurrence": ("IFSSNet", _SMALL, 240),
    "IFSSNet, cross-correlation": ("IFSSNet", _SMALL | {"fusion": "correlation"}, 240),
    "IFSSNet, window 5": ("IFSSNet", _SMALL | {"window": 5}, 160),
    "IFSSNetOriginal": ("IFSSNetOriginal", {}, 45),
    "PGNet": ("PGNet", {}, 120),
    "SegNetFS": ("SegNetFS", _IFSS | _DROP, 300),
    "UNet3D": ("UNet3D", {"widths": [27, 54, 107, 215]}, 60),
    "VNet": ("VNet", {"widths": [12, 24, 48, 97, 194], "kernel": 3, "prelu": False}, 150),
    "DAF3D": ("DAF3D", {}, 60),
    "Unet": ("SpatioTemporalUNet", {"separable": False, "reconstruct": False, "recurrent": 0}, 300),
    "Unet-S": ("SpatioTemporalUNet", {"reconstruct": False, "recurrent": 0}, 300),
    "Unet-S-R": ("SpatioTemporalUNet", {"recurrent": 0}, 240),
    "Unet-S-R-CLSTM": ("SpatioTemporalUNet", {}, 130),
}
RATES = {"VNet": 0.0005}  # without normalisation it diverges at the others' learning rate
PROPAGATION = {"IFSSNet, no recurrence": {"recurrent": False}}
COLUMNS = ("dice", "iou", "hd95_mm", "asd_mm", "signed_volume_error_percent")


def recipe_of(row: str) -> dict:
    """The recipe of a row, as YAML would have it."""
    model, network, steps = ROWS[row]
    recipe = {
        "name": row,
        "model": model,
        "seed": 3,
        "network": network | {"image_size": [64, 64]},
        "training": {"calf": 12, "first_seed": 942_000},
        "validation": {"calf": 2, "first_seed": 943_000},
        "optimizer": {"kind": "adamw", "learning_rate": RATES.get(row, 0.002), "warmup_steps": 10},
        "batch": 2,
        "epochs": 1,
        "steps_per_epoch": steps,
        "validation_steps": 4,
    }
    if takes_references(row):
        clips = {"windows": 2, "rollout": [0, 8], "both_ends": 0.8}
        loss = {"terms": {"parametric_tversky": 1.0, "cross_entropy": 1.0}, "smooth": 100}
        return recipe | {"clips": clips, "loss": loss, "propagation": PROPAGATION.get(row, {})}
    return recipe | {"labels": {100: "SOL", 150: "GM", 200: "GL"}, "slices": 16 if model == "VNet" else 8}


def takes_references(row: str) -> bool:
    """Whether the network of a row carries annotated slices on."""
    from ifss_keras.zoo.catalogue import find_architecture

    return find_architecture(ROWS[row][0]).needs_reference


def trained(row: str, folder: Path) -> tuple[Path, float]:
    """The preset of a row, trained by `ifss train` where it is not there, and the seconds that took."""
    output = folder / "".join(letter if letter.isalnum() else "_" for letter in row)
    seconds = output / "seconds.txt"
    if not seconds.exists():
        recipe = folder / f"{output.name}.yaml"
        recipe.write_text(yaml.safe_dump(recipe_of(row), sort_keys=False))
        began = time.monotonic()
        command = [sys.executable, "-m", "ifss_keras.cli.main", "train", "--recipe", str(recipe), "-o", str(output)]
        subprocess.run([*command, "--corpus", str(folder / "corpus")], check=True)
        seconds.write_text(f"{time.monotonic() - began:.1f}")
    return output, float(seconds.read_text())


def predictor_of(row: str, folder: Path):
    """A function from volume and references to `Prediction`, the trainable parameters, and the seconds of training."""
    if row in UNTRAINED:
        return untrained_method(row), None, None
    preset, seconds = trained(row, folder)
    if not takes_references(row):
        segmenter = Segmenter.from_preset(preset)
        network, predict = segmenter.network, lambda volume, references: segmenter.predict(volume)
    else:
        predictor = Predictor.from_preset(preset)
        network = predictor.network

        def predict(volume, references):
            return predictor.predict(volume, references)

    return predict, sum(int(np.prod(weight.shape)) for weight in network.trainable_weights), seconds


def measure(predict, volumes) -> dict[str, float]:
    """Means over the muscles of all volumes; surface distances over those that were found at all."""
    labels, began = [], time.monotonic()
    predictions = [predict(volume, references) for _, volume, references in volumes]
    seconds = (time.monotonic() - began) / len(volumes)
    for prediction, (phantom, _, _) in zip(predictions, volumes, strict=True):
        labels += evaluate(prediction.labels, phantom.labels, phantom.spacing_mm).labels
    means = {}
    for column in COLUMNS:
        values = np.array([getattr(label, column) for label in labels], float)
        means[column] = float(np.mean(values[np.isfinite(values)])) if np.isfinite(values).any() else float("nan")
    errors = [abs(label.signed_volume_error_percent) for label in labels]
    return means | {"absolute_volume_error_percent": float(np.mean(errors)), "seconds": seconds}


def measured_volumes(count: int):
    """Labelled calves, the same as volumes, and their references."""
    held = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        phantom = calf(seed, ends="blunt")
        chosen = references_of(phantom.labels, phantom.names, lambda a: spaced_slices(np.flatnonzero(a), EVERY))
        held.append((phantom, Volume.from_array(phantom.image, phantom.spacing_mm), chosen))
    return held


HEAD = ("", "references", "parameters", "Dice", "IoU", "HD95 mm", "ASD mm", "volume error %", "absolute %")
HEAD = (*HEAD, "s per volume", "s of training")


def cells(row: str, parameters, training_seconds, found: dict[str, float]) -> list[str]:
    """A line of the table."""
    given = "yes" if row in UNTRAINED or takes_references(row) else "no"
    counted = f"{parameters:,}" if parameters else "-"
    numbers = [
        f"{found['dice']:.3f}",
        f"{found['iou']:.3f}",
        f"{found['hd95_mm']:.1f}",
        f"{found['asd_mm']:.2f}",
        f"{found['signed_volume_error_percent']:+.1f}",
        f"{found['absolute_volume_error_percent']:.1f}",
        f"{found['seconds']:.1f}",
    ]
    return [row, given, counted, *numbers, f"{training_seconds:.0f}" if training_seconds else "-"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=[*UNTRAINED, *ROWS], default=[*UNTRAINED, *ROWS])
    parser.add_argument("--calves", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("cohort"), help="folder of the trainings")
    parser.add_argument("--markdown", type=Path, help="where the table goes too")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    volumes, lines = measured_volumes(options.calves), [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for row in options.rows:
        try:
            predict, parameters, seconds = predictor_of(row, options.output)
            line = cells(row, parameters, seconds, measure(predict, volumes))
        except InputError as error:  # a method whose extra is not installed
            print(f"{row}: left out, {error}", flush=True)
            continue
        lines.append(f"| {' | '.join(line)} |")
        print(" ".join(f"{cell:>14s}" if place else f"{cell:30s}" for place, cell in enumerate(line)), flush=True)
        if options.markdown:
            options.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
