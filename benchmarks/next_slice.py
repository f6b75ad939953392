"""How many annotated slices it takes where `suggest` says, against evenly spaced ones and the widest gap first.

    python benchmarks/next_slice.py                          # a muscle of each of 8 unseen calves
    python benchmarks/next_slice.py FOLDER --volumes thigh_mri spleen_ct spinal_cord_mri

Each structure is annotated where it ends, and that these are the ends is said. Then slices are added one by one, until
the Dice is that of evenly spaced slices every `--every`; counts include both ends. `oracle` is told how much of each
slice is truly wrong, and picks by the same rule as `suggest`: it shows what better knowledge of errors could reach.
`planned` (not by default, as it takes long) knows that of all pairs of slices that could be neighbours annotated, and
chooses among every third slice, all at once, so that least is wrong: what hindsight could reach.
Calves are those of the set `tapering` of hard_calves.py, of the seeds from 960000 on; one muscle of each, in turns, so
that all three come up; whoever annotates wavers. Of a folder (see propagation.py) every label in at least 20 slices.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice, pairwise
from pathlib import Path

import numpy as np
from hard_calves import spaced_slices, tapering_calves
from propagation import volumes

from ifss_keras.core.progress import silent
from ifss_keras.inference.carried_labels import carry_annotation
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.predictor import Predictor
from ifss_keras.inference.suggest import suggest, suggest_of
from ifss_keras.metrics import dice
from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose
from ifss_keras.propagation.kept import KeptSpans
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.presets import DEFAULT_PRESET

FIRST_SEED = 960_000
KEPT_BYTES = 400_000_000
NEAR = 0.003  # of Dice: an unsettled mask further below the aim is not settled to be scored
ONE_BY_ONE, PLANNED = ("suggest", "widest", "oracle"), "planned"
PLACES = 3  # slices from one to the next that `planned` may annotate
LONGEST = 4  # gap that it may leave, in gaps of evenly spaced slices


class Structure:
    """One label, annotated slice by slice; what has been run before is not run again.

    Args:
        predictor: whose network carries it on.
        volume: that shows it.
        truth: (slice, row, column) bool.
        drawn: the same as an annotator draws it.
    """

    def __init__(self, predictor: Predictor, volume: Volume, truth: np.ndarray, drawn: np.ndarray):
        self.volume, self.truth, self._drawn = volume, truth, drawn
        self._threshold = predictor.settings.threshold
        self._kept = KeptSpans(KEPT_BYTES)
        self._carrier = Carrier(predictor.runner, volume, predictor.settings, self._kept)
        self.held = np.flatnonzero(truth.any(axis=(1, 2)) & drawn.any(axis=(1, 2)))

    def predict(self, slices, *, settle: bool) -> Prediction:
        """From these annotated slices, the ends among them."""
        references = {1: {index: self._drawn[index] for index in slices}}
        annotation = replace(Annotation.of_references(references, {}), ends_annotated=True)
        self._kept.begin(settle=settle)
        found = carry_annotation(self._carrier, annotation, silent)
        shape, spacing_mm = self.volume.array.shape, self.volume.spacing_mm
        labels = compose(found.soft, found.drawn, shape, spacing_mm, self._threshold)
        return Prediction.of_labels(labels, self.volume, annotation, found.origins(self._carrier))

    def dice(self, prediction: Prediction) -> float:
        return float(dice(prediction.labels > 0, self.truth))

    def next(self, strategy: str, slices, prediction: Prediction) -> int:
        """The slice that a strategy annotates next."""
        if strategy == "widest":
            first, last = max(pairwise(sorted(slices)), key=lambda pair: pair[1] - pair[0])
            return (first + last) // 2
        if strategy == "suggest":
            return suggest(prediction, 1)[0].slice
        wrong = ((prediction.labels > 0) != self.truth).sum(axis=(1, 2)) * np.prod(self.volume.spacing_mm[1:])
        wrong[[*slices]] = 0
        return suggest_of([replace(prediction.summaries[0], wrong_areas_mm2=wrong.astype(float))], 1)[0].slice

    def slices_to_reach(self, aim: float, strategy: str, most: int) -> int:
        """How many annotated slices a strategy needs for a Dice; `most` if it needs as many or more."""
        slices = [int(self.held[0]), int(self.held[-1])]
        while len(slices) < most:
            prediction = self.predict(slices, settle=False)
            if self.dice(prediction) >= aim - NEAR and self.dice(self.predict(slices, settle=True)) >= aim:
                break
            slices.append(self.next(strategy, slices, prediction))
        return len(slices)

    def planned_to_reach(self, aim: float, every: int, most: int) -> int:
        """The same of as many slices placed at once, where whoever places them knows how wrong every gap would be."""
        places = spaced_slices(self.held, PLACES)
        wrong = {
            (first, last): self._wrong_between(first, last, every)
            for first, last in combinations(places, 2)
            if last - first <= LONGEST * every or (first, last) == (places[0], places[-1])
        }
        best = {places[0]: (0.0, (places[0],))}  # of each slice: least that is wrong up to it, and the slices for that
        for count in range(2, most):
            best = {
                last: min(
                    (before + wrong[first, last], (*slices, last))
                    for first, (before, slices) in best.items()
                    if (first, last) in wrong
                )
                for last in places
                if any((first, last) in wrong for first in best)
            }
            if places[-1] in best and self.dice(self.predict(best[places[-1]][1], settle=True)) >= aim:
                return count
        return most

    def _wrong_between(self, first: int, last: int, every: int) -> float:
        """Voxels between two annotated slices that are wrong, where others are annotated evenly."""
        beside = [index for index in spaced_slices(self.held, every) if not first < index < last]
        labels = self.predict(sorted({*beside, first, last}), settle=False).labels[first : last + 1]
        return float(((labels > 0) != self.truth[first : last + 1]).sum())


def structures(predictor: Predictor, options) -> Iterator[tuple[str, Structure]]:
    """By name, one at a time."""
    if options.folder:
        for name, phantom in volumes(options):
            volume = Volume.from_array(phantom.image, phantom.spacing_mm)
            for code in phantom.names:
                yield f"{name} {code}", Structure(predictor, volume, *[phantom.labels == code] * 2)
        return
    for place, (phantom, drawn) in enumerate(islice(tapering_calves(options.first_seed), options.calves)):
        code = list(phantom.names)[place % len(phantom.names)]
        volume = Volume.from_array(phantom.image, phantom.spacing_mm)
        yield f"calf {place} {phantom.names[code]}", Structure(predictor, volume, phantom.labels == code, drawn == code)


def measure(structure: Structure, every: int, strategies) -> dict:
    """How many slices each strategy needs to be as good as evenly spaced ones."""
    evenly = spaced_slices(structure.held, every)
    aim = structure.dice(structure.predict(evenly, settle=True))
    most = min(2 * len(evenly), len(structure.held))
    needed = {
        strategy: structure.planned_to_reach(aim, every, most)
        if strategy == PLANNED
        else structure.slices_to_reach(aim, strategy, most)
        for strategy in strategies
    }
    return {"slices": len(structure.held), "dice": round(aim, 4), "evenly": len(evenly), **needed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--volumes", nargs="+", help="names of folders; all if not given")
    parser.add_argument("--calves", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--strategies", nargs="+", choices=(*ONE_BY_ONE, PLANNED), default=ONE_BY_ONE)
    parser.add_argument("--preset", default=DEFAULT_PRESET, help="name, or folder of a training")
    parser.add_argument("--json", type=Path)
    parser.set_defaults(least=20, synthetic=0)
    options = parser.parse_args()
    predictor, rows = Predictor.from_preset(options.preset), []
    for name, structure in structures(predictor, options):
        rows.append({"structure": name} | measure(structure, options.every, options.strategies))
        print(*(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
    evenly = sum(row["evenly"] for row in rows)
    for strategy in options.strategies:
        needed = sum(row[strategy] for row in rows)
        print(f"{strategy}: {needed} slices, {needed / evenly:.2f} times the {evenly} of evenly spaced ones")


if __name__ == "__main__":
    main()
