"""What a row finds in the volumes of the cohort, and what that measures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ifss_keras.bench.cohort import PAPER_SLICES, Cohort, codes_of
from ifss_keras.bench.plan import Wanted
from ifss_keras.bench.references import NONE, SPACED, Spacing, first_three, spaced
from ifss_keras.bench.rows import Row, takes_references
from ifss_keras.datasets.listing import Case
from ifss_keras.inference.methods import untrained_method
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.io import read_labels, read_volume
from ifss_keras.volumes.volume import Volume

HELD = "held"  # the method that needs nothing: every slice has the mask of the nearest annotated one
Finder = Callable[[Volume, Annotation | None], np.ndarray]  # to label codes (slice, row, column)


@dataclass(frozen=True)
class Score:
    """One muscle of one volume.

    Attributes:
        subject, split: whose, and of which part of the cohort.
        muscle: its name.
        references: what was given.
        annotated: slices that were.
        seconds_per_1400: what finding it took, as if the volume had 1400 slices.
        dice, iou, precision, recall: of the muscle alone, from 0 to 1; None where undefined.
        hausdorff_mm, asd_mm: None where nothing was found.
        volume_error_percent: of the mean of both volumes, as the paper defines it; always positive.
    """

    subject: str
    split: str
    muscle: str
    references: str
    annotated: int
    seconds_per_1400: float
    dice: float | None
    iou: float | None
    precision: float | None
    recall: float | None
    hausdorff_mm: float | None
    asd_mm: float | None
    volume_error_percent: float | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is the score of."""
        return self.subject, self.muscle, self.references

    def to_dict(self) -> dict:
        """As JSON holds it."""
        return asdict(self)


def finder_of(row: Row, run: Path) -> tuple[Finder, int | None]:
    """What finds a row's muscles, and how many weights of it were trained.

    Args:
        row: of a table.
        run: folder of its training; not looked at for a method.
    """
    if row.method == HELD:
        return lambda volume, annotation: held_on(annotation, len(volume.array)), None
    if row.method:
        method = untrained_method(row.method)
        return lambda volume, annotation: method(volume, annotation).labels, None
    if takes_references(row):
        from ifss_keras.inference.predictor import Predictor

        predictor = Predictor.from_preset(run)
        parameters = _parameters(predictor.runner.engine.network)  # a training's own: Keras runs it
        return lambda volume, annotation: predictor.predict(volume, annotation).labels, parameters
    from ifss_keras.inference.segmenter import Segmenter

    segmenter = Segmenter.from_preset(run)
    return lambda volume, annotation: segmenter.predict(volume).labels, _parameters(segmenter.network)


def held_on(annotation: Annotation, count: int) -> np.ndarray:
    """(slice, row, column) codes: on each of `count` slices those of the nearest annotated one, the earlier of two."""
    distances = np.abs(np.arange(count)[:, None] - annotation.slices)
    return annotation.masks[np.argmin(distances, axis=1)]


def score_case(
    find: Finder, case: Case, split: str, wanted: Iterable[Wanted], cohort: Cohort, done: set[tuple]
) -> list[Score]:
    """The scores of what is wanted of one volume and is not `done`; a muscle that it does not hold has none."""
    wanted = [
        part
        for part in wanted
        if part.split == split and (case.subject, cohort.names[part.code], part.references) not in done
    ]
    if not wanted:
        return []
    volume = read_volume(case.image)
    truth = read_labels(case.labels, like=volume)
    codes, scores, whole = codes_of(truth, cohort.names), [], None
    for part in wanted:
        true = np.isin(truth.array, [code for code, meant in codes.items() if meant == part.code])
        if not true.any():
            continue
        annotation = _annotation(true, part, cohort)
        if annotation is not None or whole is None:
            began = time.perf_counter()
            labels = find(volume, annotation)
            seconds = (time.perf_counter() - began) * PAPER_SLICES / len(volume.array)
            if annotation is None:
                whole = labels, seconds
        if annotation is None:  # one look finds all muscles
            labels, seconds = whole
        annotated = 0 if annotation is None else len(annotation.slices)
        what = (case.subject, split, cohort.names[part.code], part.references, annotated, round(seconds, 2))
        scores.append(Score(*what, **measures_of(labels == part.code, true, volume.spacing_mm)))
    return scores


def measures_of(found: np.ndarray, true: np.ndarray, spacing_mm) -> dict[str, float | None]:
    """The measures of one muscle by name; None where one is undefined or infinite.

    Args:
        found, true: masks (slice, row, column); the second not empty.
        spacing_mm: (slice, row, column).
    """
    (label,) = evaluate(found.astype(np.uint8), true.astype(np.uint8), spacing_mm).labels
    held = {name: getattr(label, name) for name in ("dice", "iou", "precision", "recall", "hausdorff_mm", "asd_mm")}
    held["volume_error_percent"] = label.paper_volume_error_percent
    return {name: float(value) if math.isfinite(value) else None for name, value in held.items()}


def _annotation(true: np.ndarray, part: Wanted, cohort: Cohort) -> Annotation | None:
    if part.references == NONE:
        return None
    areas = true.sum(axis=(1, 2))
    kept = spaced(areas, Spacing.scaled(100, cohort.slices)) if part.references == SPACED else first_three(areas)
    labels = true.astype(np.min_scalar_type(part.code)) * part.code
    return Annotation.from_array(labels, {part.code: cohort.names[part.code]}, keep_slices=np.array(kept))


def _parameters(network) -> int:
    return sum(math.prod(weight.shape) for weight in network.trainable_weights)
