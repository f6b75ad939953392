"""How often the true volume lies within the interval that is given for it, and how wide the intervals are.

    python benchmarks/coverage.py                                  # 102 unseen synthetic muscles, 3 times: half an hour
    python benchmarks/coverage.py --calves 4 --every 20
    python benchmarks/coverage.py FOLDER --every 10 20             # real volumes: image.nii.gz, label.nii.gz in each

Synthetic muscles are those of the set `tapering` of hard_calves.py, of the seeds from 920000 on: annotated by a hand
that draws beside the border and wavers, at both ends and every so many slices. Real ones as in propagation.py: a label
in at least 20 slices, annotated every so often and where it ends. That these are the ends is said. Without an interval,
as with two annotated slices, a structure does not count.
"""

import argparse
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from hard_calves import references_of, spaced_slices, tapering_calves
from propagation import every_so_often, volumes

from ifss_keras.inference.predictor import Predictor
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

FIRST_SEED = 920_000


def labelled(options):
    """Group and, one at a time, the labelled volume with the labels that references are taken from."""
    if options.folder:
        for name, phantom in volumes(options):
            yield name, phantom, phantom.labels
    else:
        for phantom, drawn in islice(tapering_calves(options.first_seed), options.calves):
            yield "calves", phantom, drawn


def measure(predictor: Predictor, phantom, drawn: np.ndarray, choose) -> list[tuple[float, float]]:
    """Error and half the width of the interval, in percent of its true volume, of each label that has an interval."""
    volume = Volume.from_array(phantom.image, phantom.spacing_mm)
    references = replace(references_of(drawn, phantom.names, choose), ends_annotated=True)
    rows = []
    for summary in predictor.predict(volume, references).summaries:
        if summary.volume_ml_high is None:  # two annotated slices, or the mask has gaps
            continue
        truth_ml = float((phantom.labels == summary.code).sum() * np.prod(phantom.spacing_mm)) / 1000
        half_ml = max(summary.volume_ml_high - summary.volume_ml, summary.volume_ml - summary.volume_ml_low)
        rows.append((100 * (summary.volume_ml / truth_ml - 1), 100 * half_ml / truth_ml))
    return rows


def show(name: str, every, rows: list[tuple[float, float]]) -> None:
    if not rows:
        print(f"{name:16s} every {every!s:>3s}: no structure has an interval", flush=True)
        return
    errors, halves = np.abs(np.transpose(rows))
    within, ratio = np.mean(errors <= halves), np.median(halves) / np.median(errors)
    print(
        f"{name:16s} every {every!s:>3s}: {len(rows):3d} structures, {within:.3f} within the interval, "
        f"error {errors.mean():.2f} % (median {np.median(errors):.2f} %), median half-width {np.median(halves):.2f} %, "
        f"{ratio:.2f} times the median error",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--volumes", nargs="+", help="only these of the folder")
    parser.add_argument("--calves", type=int, default=34)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--every", type=int, nargs="+", help="[default: 10 20 50, of a folder 10 20]")
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    parser.set_defaults(least=20, synthetic=0)
    options = parser.parse_args()
    predictor, rows = Predictor.from_preset(options.preset), {}
    for name, phantom, drawn in labelled(options):
        for every in options.every or ([10, 20] if options.folder else [10, 20, 50]):

            def choose(areas, every=every):
                held = np.flatnonzero(areas)
                return every_so_often(areas, every) if options.folder else spaced_slices(held, every)

            rows.setdefault((name, every), []).extend(measure(predictor, phantom, drawn, choose))
    for (name, every), held in rows.items():
        show(name, every, held)
    for every in dict.fromkeys(every for _, every in rows):
        show("all", every, [row for (_, other), held in rows.items() if other == every for row in held])
    show("all", "one", [row for held in rows.values() for row in held])


if __name__ == "__main__":
    main()
