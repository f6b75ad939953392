"""The main job on unseen synthetic calves: the network beside shape interpolation from the same slices, in one run.

    python benchmarks/hard_calves.py                # all sets with the default preset, about 6 minutes
    python benchmarks/hard_calves.py --calves 2     # quicker
    python benchmarks/hard_calves.py --preset runs/mine

Seeds start at 900000; training and validation use others. Sets: `usual` (gain, speckle and contrast as in training),
`shifted` (outside those ranges), both with one reference per 50 slices and at both ends of each muscle; `three` (three
consecutive slices only, from where the muscle first has a tenth of its largest area; scored over the whole volume).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from yardstick import predict_by_yardstick

from ifss_keras.inference.interpolation import predict_by_shape
from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics import dice, signed_volume_error_percent
from ifss_keras.synthetic import calf
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

FIRST_SEED = 900_000
EVERY = 50
METHODS = ("straight", "shape", "network")


def spaced_slices(held: np.ndarray, every: int) -> list[int]:
    """First and last of the slices that hold a muscle, and one per `every` between, evenly spaced."""
    first, last = int(held[0]), int(held[-1])
    parts = max(int(np.ceil((last - first) / every)), 1)
    return sorted({round(place) for place in np.linspace(first, last, parts + 1)})


def three_slices(areas: np.ndarray) -> list[int]:
    """Three consecutive slices from the first with at least a tenth of the largest area."""
    first = int(np.flatnonzero(areas >= 0.1 * areas.max())[0])
    return [first, first + 1, first + 2]


def references_of(labels: np.ndarray, names: dict[int, str], choose) -> Annotation:
    """Every muscle annotated on its own slices: `choose(areas)` names them."""
    kept = np.zeros_like(labels)
    for code in names:
        areas = (labels == code).sum(axis=(1, 2))
        for index in choose(areas):
            kept[index][labels[index] == code] = code
    return Annotation.from_array(kept, names)


def end_error(predicted: np.ndarray, truth: np.ndarray) -> int:
    """Slices between the last slice of the predicted and of the true muscle."""
    last = [np.flatnonzero(mask.any(axis=(1, 2))) for mask in (predicted, truth)]
    return abs(int(last[0][-1]) - int(last[1][-1])) if len(last[0]) else len(truth)


def score(prediction, phantom) -> list[dict]:
    """Dice, signed volume error and end error of every muscle."""
    rows = []
    for code in phantom.names:
        predicted, truth = prediction.labels == code, phantom.labels == code
        error = signed_volume_error_percent(float(predicted.sum()), float(truth.sum()))
        rows.append({"dice": float(dice(predicted, truth)), "volume_error": error, "end": end_error(predicted, truth)})
    return rows


def run_set(name: str, predictor: Predictor, calves: int) -> dict:
    """Every method on one set: mean Dice, mean absolute volume error, median end error, over the muscles."""
    appearance = "shifted" if name == "shifted" else "training"
    rows = {method: [] for method in METHODS}
    began = time.monotonic()
    for seed in range(FIRST_SEED, FIRST_SEED + calves):
        phantom = calf(seed, appearance=appearance)
        volume = Volume.from_array(phantom.image, phantom.spacing_mm)
        if name == "three":
            references = references_of(phantom.labels, phantom.names, three_slices)
        else:
            references = references_of(
                phantom.labels, phantom.names, lambda areas: spaced_slices(np.flatnonzero(areas), EVERY)
            )
        rows["straight"] += score(predict_by_yardstick("straight", volume, references), phantom)
        rows["shape"] += score(predict_by_shape(volume, references), phantom)
        rows["network"] += score(predictor.predict(volume, references), phantom)
    result = {method: summary(held) for method, held in rows.items()}
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def summary(rows: list[dict]) -> dict:
    """Means over muscles, rounded for print."""
    dices = [row["dice"] for row in rows]
    return {
        "dice": round(float(np.mean(dices)), 4),
        "worst_dice": round(float(np.min(dices)), 4),
        "volume_error_percent": round(float(np.mean([abs(row["volume_error"]) for row in rows])), 2),
        "signed_volume_error_percent": round(float(np.mean([row["volume_error"] for row in rows])), 2),
        "median_end_error_slices": float(np.median([row["end"] for row in rows])),
        "muscles": len(rows),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calves", type=int, default=8)
    parser.add_argument("--sets", nargs="+", default=["usual", "shifted", "three"])
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    parser.add_argument("--json", type=Path, help="where the table goes as JSON too")
    options = parser.parse_args()
    predictor = Predictor.from_preset(options.preset)
    results = {}
    for name in options.sets:
        results[name] = run_set(name, predictor, options.calves)
        for method in METHODS:
            ratio = (1 - results[name][method]["dice"]) / (1 - results[name]["straight"]["dice"])
            print(f"{name:8s} {method:8s}", results[name][method], f"error ratio {ratio:.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
