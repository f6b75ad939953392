"""The main job on unseen synthetic calves: the network beside shape interpolation from the same slices, in one run.

    python benchmarks/hard_calves.py                # all sets with the default preset, about 6 minutes
    python benchmarks/hard_calves.py --calves 2     # quicker
    python benchmarks/hard_calves.py --preset runs/mine
    python benchmarks/hard_calves.py --border-px -2 -1 0 1 2    # another border on two calves, nothing else

Seeds start at 900000; training and validation use others. Sets: `usual` (gain, speckle and contrast as in training),
`shifted` (outside those ranges), both with one reference per 50 slices and at both ends of each muscle; `three` (three
consecutive slices only, from where the muscle first has a tenth of its largest area; scored over the whole volume);
all on calves whose muscles end bluntly. `tapering`: muscles that taper as people's do, of the seeds from 910000 on,
without those where a muscle has at neither end less than a tenth of its largest area; whoever annotates draws each
muscle's border up to 1.5 mm beside the tissue's, in truth and references alike, and the references alone waver by
0.3 mm; references as in `usual`. `two`: the same calves with two annotated slices of each muscle only, the first and
the last with 15 % of its largest area, and nothing outside them. `border`: calves 900000 and 900003 of `usual`, where
truth and references are grown (or shrunk) by whole pixels; a method that keeps to what was drawn has the same volume
error at every step.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
from yardstick import predict_by_yardstick

from ifss_keras.inference.interpolation import predict_by_shape
from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics import dice, signed_volume_error_percent
from ifss_keras.synthetic import Phantom, calf, draw_borders, move_borders
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

FIRST_SEED = 900_000
FIRST_TAPERING_SEED = 910_000
BORDER_SEEDS = (900_000, 900_003)
EVERY = 50
METHODS = ("straight", "shape", "network")
SETS = ("usual", "shifted", "three", "tapering", "two")
WOBBLE_MM = 0.3
THIN = 0.1  # of the largest area


def spaced_slices(held: np.ndarray, every: int) -> list[int]:
    """First and last of the slices that hold a muscle, and one per `every` between, evenly spaced."""
    first, last = int(held[0]), int(held[-1])
    parts = max(int(np.ceil((last - first) / every)), 1)
    return sorted({round(place) for place in np.linspace(first, last, parts + 1)})


def three_slices(areas: np.ndarray) -> list[int]:
    """Three consecutive slices from the first with at least a tenth of the largest area."""
    first = int(np.flatnonzero(areas >= 0.1 * areas.max())[0])
    return [first, first + 1, first + 2]


def two_slices(areas: np.ndarray) -> list[int]:
    """The first and the last slice with at least 15 % of the largest area."""
    held = np.flatnonzero(areas >= 0.15 * areas.max())
    return [int(held[0]), int(held[-1])]


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


def tapers(labels: np.ndarray, codes) -> bool:
    """Whether each muscle has at one end or both less than a tenth of its largest area."""
    areas = [area[area > 0] for area in ((labels == code).sum(axis=(1, 2)) for code in codes)]
    return all(min(area[0], area[-1]) < THIN * area.max() for area in areas)


def tapering_calves(first_seed: int = FIRST_TAPERING_SEED) -> Iterator[tuple[Phantom, np.ndarray]]:
    """Calves with the truth as somebody draws it, and the labels that the same hand gives as references."""
    for seed in count(first_seed):
        made = calf(seed, ends="tapering")
        truth = move_borders(made.labels, made.spacing_mm, draw_borders(seed, made.names))
        if not tapers(truth, made.names):
            continue
        drawn = move_borders(truth, made.spacing_mm, dict.fromkeys(made.names, 0.0), WOBBLE_MM, seed)
        for code in made.names:  # nobody leaves out the first and the last slice
            lost = (truth == code).any(axis=(1, 2)) & ~(drawn == code).any(axis=(1, 2))
            drawn[lost] = np.where(truth[lost] == code, truth[lost], drawn[lost])
        yield replace(made, labels=truth), drawn


def between_two(phantom: Phantom, drawn: np.ndarray) -> tuple[Phantom, np.ndarray]:
    """The same with nothing of a muscle beyond its `two_slices`."""
    labels, drawn = phantom.labels.copy(), drawn.copy()
    for code in phantom.names:
        first, last = two_slices((drawn == code).sum(axis=(1, 2)))
        outside = np.r_[:first, last + 1 : len(labels)]
        for array in (labels, drawn):
            array[outside] = np.where(array[outside] == code, 0, array[outside])
    return replace(phantom, labels=labels), drawn


def blunt_calves(appearance: str = "training") -> Iterator[tuple[Phantom, np.ndarray]]:
    """Calves as they are, with their labels."""
    for seed in count(FIRST_SEED):
        phantom = calf(seed, appearance=appearance, ends="blunt")
        yield phantom, phantom.labels


def bordered_calves(pixels: int) -> Iterator[tuple[Phantom, np.ndarray]]:
    """The calves of `border`, their muscles grown by `pixels` (less than 0: shrunk)."""
    for seed in BORDER_SEEDS:
        phantom = calf(seed, ends="blunt")
        offset = pixels * phantom.spacing_mm[1]
        labels = move_borders(phantom.labels, phantom.spacing_mm, dict.fromkeys(phantom.names, offset))
        yield replace(phantom, labels=labels), labels


def calves_of(name: str) -> Iterator[tuple[Phantom, np.ndarray]]:
    """The phantoms of a set, whose labels are the truth, and the labels that references are taken from."""
    if name == "two":
        return (between_two(*calf) for calf in tapering_calves())
    if name == "tapering":
        return tapering_calves()
    return blunt_calves("shifted" if name == "shifted" else "training")


def run_calves(calves, predictor: Predictor, choose, ends_annotated: bool = False) -> dict:
    """Every method on some calves: mean Dice, mean absolute volume error, median end error, over the muscles."""
    rows = {method: [] for method in METHODS}
    began = time.monotonic()
    for phantom, drawn in calves:
        volume = Volume.from_array(phantom.image, phantom.spacing_mm)
        references = replace(references_of(drawn, phantom.names, choose), ends_annotated=ends_annotated)
        rows["straight"] += score(predict_by_yardstick("straight", volume, references), phantom)
        rows["shape"] += score(predict_by_shape(volume, references), phantom)
        rows["network"] += score(predictor.predict(volume, references), phantom)
    result = {method: summary(held) for method, held in rows.items()}
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def spaced(areas: np.ndarray) -> list[int]:
    """One reference per 50 slices and at both ends."""
    return spaced_slices(np.flatnonzero(areas), EVERY)


CHOICES = {"three": three_slices, "two": two_slices}


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
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    parser.add_argument("--border-px", nargs="+", type=int, metavar="N", help="pixels; runs the set `border` alone")
    parser.add_argument("--json", type=Path, help="where the table goes as JSON too")
    options = parser.parse_args()
    predictor = Predictor.from_preset(options.preset)
    results = {}
    for pixels in options.border_px or ():
        name = f"border {pixels:+d}"
        results[name] = run_calves(bordered_calves(pixels), predictor, spaced)
        for method in METHODS:
            error = results[name][method]["signed_volume_error_percent"]
            print(f"{name:9s} {method:8s} signed volume error {error:+.2f} %", results[name][method], flush=True)
    for name in () if options.border_px else options.sets:
        chosen = islice(calves_of(name), options.calves)
        results[name] = run_calves(chosen, predictor, CHOICES.get(name, spaced), ends_annotated=name == "two")
        for method in METHODS:
            ratio = (1 - results[name][method]["dice"]) / (1 - results[name]["straight"]["dice"])
            print(f"{name:8s} {method:8s}", results[name][method], f"error ratio {ratio:.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
