"""Sweeps of thin slices: what it costs, and gives, to look at one slice in so many only, in one run.

    python benchmarks/thin_slices.py                 # 12 unseen synthetic muscles, two ways, 3 sets: some 10 minutes
    python benchmarks/thin_slices.py --calves 1

Calves of 700 slices 0.29 mm apart, about as thick as those of a freehand sweep, from seeds 940000 on; drawn as in the
set `tapering` of hard_calves.py. Sets: annotated every 20 and every 60 mm and at both ends, which is said; every 25 mm
from 6 to 92 % of each muscle's slices, where the ends are not. "each" looks at every slice, "thin" is `ifss predict`.
"""

import argparse
import time
from dataclasses import replace
from itertools import count, islice

import numpy as np
from hard_calves import WOBBLE_MM, references_of, spaced_slices, tapers

from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics import dice
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.synthetic import calf, draw_borders, move_borders
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

FIRST_SEED, SLICES = 940_000, 700
SETS = (("every 20 mm", 20.0, True), ("every 60 mm", 60.0, True), ("every 25 mm, ends unknown", 25.0, False))


class EachSlice(PropagationSettings):
    """Settings by which every slice is looked at, however thin."""

    def step(self, slice_mm: float) -> int:
        return 1


def thin_calves(slices: int):
    """Calves with the truth as somebody draws it, and the labels that the same hand gives as references."""
    for seed in count(FIRST_SEED):
        made = calf(seed, slices=slices, ends="tapering")
        truth = move_borders(made.labels, made.spacing_mm, draw_borders(seed, made.names))
        if tapers(truth, made.names):
            drawn = move_borders(truth, made.spacing_mm, dict.fromkeys(made.names, 0.0), WOBBLE_MM, seed)
            yield replace(made, labels=truth), drawn


def chosen(areas: np.ndarray, every: int, ends: bool) -> list[int]:
    """The slices of a muscle that are annotated."""
    held = np.flatnonzero(areas)
    return spaced_slices(held if ends else held[int(0.06 * len(held)) : int(0.92 * len(held))], every)


def measured(predictor: Predictor, phantom, references) -> list[tuple[float, float, float, float]]:
    """Of each muscle Dice, volume error in percent, whether its interval holds the true volume, and all seconds."""
    began = time.monotonic()
    prediction = predictor.predict(Volume.from_array(phantom.image, phantom.spacing_mm), references)
    seconds, rows = time.monotonic() - began, []
    for summary in prediction.summaries:
        truth = phantom.labels == summary.code
        truth_ml = truth.sum() * np.prod(phantom.spacing_mm) / 1000
        low, high = summary.volume_ml_low, summary.volume_ml_high
        within = np.nan if high is None else float(low <= truth_ml <= high)
        overlap = float(dice(prediction.labels == summary.code, truth))
        rows.append((overlap, 100 * (summary.volume_ml / truth_ml - 1), within, seconds))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calves", type=int, default=4)
    parser.add_argument("--slices", type=int, default=SLICES)
    options = parser.parse_args()
    thin = Predictor.from_preset(DEFAULT_PRESET)
    ways = {"each": Predictor(thin.runner.engine, EachSlice(**vars(thin.settings))), "thin": thin}
    rows: dict[tuple[str, str], list] = {}
    for phantom, drawn in islice(thin_calves(options.slices), options.calves):
        for name, every_mm, ends in SETS:
            every = round(every_mm / phantom.spacing_mm[0])
            references = references_of(drawn, phantom.names, lambda areas, e=every, known=ends: chosen(areas, e, known))
            for way, predictor in ways.items():
                given = replace(references, ends_annotated=ends)
                rows.setdefault((name, way), []).extend(measured(predictor, phantom, given))
    for name, _, _ in SETS:
        each, few = (np.array(rows[name, way]) for way in ways)
        print(f"{name}: {np.mean(each[:, 3]) / np.mean(few[:, 3]):.1f} times as fast, {len(few)} muscles")
        for way, found in zip(ways, (each, few), strict=True):
            overlap, error, within, seconds = found.T
            print(
                f"  {way}: Dice {overlap.mean():.4f} (least {overlap.min():.4f}), volume {error.mean():+.2f} %, "
                f"absolute {np.abs(error).mean():.2f} %, {np.nanmean(within):.2f} within the interval, "
                f"{seconds.mean():.1f} s"
            )
        print(f"  Dice of single muscles changes by {(few - each)[:, 0].min():+.4f} to {(few - each)[:, 0].max():+.4f}")


if __name__ == "__main__":
    main()
