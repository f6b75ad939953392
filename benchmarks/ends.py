"""Muscles whose ends nobody annotated: where the mask then ends, and what that does to millilitres.

    python benchmarks/ends.py                              # 6 unseen tapering calves: 6 minutes
    python benchmarks/ends.py --calves 2 --ways belly
    python benchmarks/ends.py FOLDER                       # real volumes: image.nii.gz, label.nii.gz in each

Calves are those of the set `tapering` of hard_calves.py, with seeds from 930000 on; real volumes as in propagation.py.
Ways to annotate: every 10, 20 or 30 slices, the first one anywhere within that distance of the muscle's end
("every 20"); the same, and then one more between each two, up to two slices off the middle ("every 20, more"); at 20,
50 and 80 % of the length ("thirds"), and then as much more; at 35, 45, 55 and 65 % ("belly").
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from coverage import labelled
from hard_calves import references_of

from ifss_keras.inference.predictor import Predictor
from ifss_keras.metrics import dice
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

FIRST_SEED = 930_000
OFF = 2  # slices beside the middle, at most
LENGTHS = {"thirds": (0.2, 0.5, 0.8), "belly": (0.35, 0.45, 0.55, 0.65)}
WAYS = (
    *("every 10", "every 20", "every 30", "every 20, more", "every 30, more"),
    *("thirds", "thirds, more", "belly"),
)


def chosen(areas: np.ndarray, way: str, rng: np.random.Generator) -> list[int]:
    """The slices annotated of a structure with these areas."""
    first, last = np.flatnonzero(areas)[[0, -1]]
    kind, _, more = way.partition(", ")
    if kind in LENGTHS:
        slices = {round(first + share * (last - first)) for share in LENGTHS[kind]}
    else:
        every = int(kind.split()[1])
        slices = set(range(first + int(rng.integers(every)), last + 1, every)) or {(first + last) // 2}
    if more:
        slices |= {(one + two) // 2 + int(rng.integers(-OFF, OFF + 1)) for one, two in pairwise(sorted(slices))}
    return sorted(index for index in slices if areas[index])


def measure(predictor: Predictor, phantom, drawn: np.ndarray, way: str, seed: int) -> list[tuple[float, float, float]]:
    """Dice, signed volume error in percent, and whether the interval holds the volume (nan without one), by label."""
    rng, rows = np.random.default_rng(seed), []
    references = references_of(drawn, phantom.names, lambda areas: chosen(areas, way, rng))
    prediction = predictor.predict(Volume.from_array(phantom.image, phantom.spacing_mm), references)
    for summary in prediction.summaries:
        predicted, truth = prediction.labels == summary.code, phantom.labels == summary.code
        truth_ml = float(truth.sum() * np.prod(phantom.spacing_mm)) / 1000
        known = summary.volume_ml_high is not None
        held = float(summary.volume_ml_low <= truth_ml <= summary.volume_ml_high) if known else np.nan
        rows.append((float(dice(predicted, truth)), 100 * (summary.volume_ml / truth_ml - 1), held))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--volumes", nargs="+", help="only these of the folder")
    parser.add_argument("--calves", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    parser.set_defaults(least=20, synthetic=0)
    options = parser.parse_args()
    predictor, rows = Predictor.from_preset(options.preset), {way: [] for way in options.ways}
    for seed, (_, phantom, drawn) in enumerate(labelled(options)):
        for way in options.ways:
            rows[way] += measure(predictor, phantom, drawn, way, seed)
    for way, held in rows.items():
        found, errors, within = np.transpose(held)
        within = within[np.isfinite(within)]
        print(
            f"{way:15s} {len(held):3d} structures: Dice {found.mean():.3f}, volume error {errors.mean():+.1f} % "
            f"(absolute {np.abs(errors).mean():.1f} %, worst {np.abs(errors).max():.0f} %), {within.mean():.2f} of "
            f"{len(within)} within the interval",
            flush=True,
        )


if __name__ == "__main__":
    main()
