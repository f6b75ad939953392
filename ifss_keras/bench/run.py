"""All rows of some tables, trained and scored one after the other; what is done is not done again."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ifss_keras.bench.cohort import Cohort
from ifss_keras.bench.plan import Table, Wanted, rows_of, wanted_of
from ifss_keras.bench.rows import SMALL, Row, Setting, recipe_of
from ifss_keras.bench.scoring import Score, finder_of, score_case
from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole
from ifss_keras.core.progress import Progress, silent
from ifss_keras.training.recipe import recipe_from
from ifss_keras.training.record import ANNOTATIONS
from ifss_keras.training.run import train

SCORES = "scores.json"


@dataclass(frozen=True)
class Result:
    """What is known of a row.

    Attributes:
        row: of the tables.
        scores: of its volumes and muscles.
        parameters: trained weights; None for a method.
        annotated: slices that its training saw annotated, of all volumes together; None for a method.
        training_seconds: None for a method, or where an interrupted training was gone on with.
        left_out: why it has no scores; None if it has.
    """

    row: Row
    scores: tuple[Score, ...] = ()
    parameters: int | None = None
    annotated: int | None = None
    training_seconds: float | None = None
    left_out: str | None = None


@dataclass
class _State:
    """What `SCORES` holds."""

    parameters: int | None = None
    training_seconds: float | None = None
    scores: list[Score] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> _State:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            scores = [Score(**score) for score in held["scores"]]
            return cls(held["parameters"], held["training_seconds"], scores)
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged: delete it to have the row scored again.") from error

    def write(self, path: Path) -> None:
        held = vars(self) | {"scores": [score.to_dict() for score in self.scores]}
        write_whole(path, json.dumps(held, indent=1) + "\n")


def row_folder(row: Row, folder: Path, cohort: Cohort, setting: Setting = SMALL) -> Path:
    """Where a row's training and scores lie: another place once its recipe or the cohort changes."""
    content = {"cohort": cohort.fingerprint, "method": row.method}
    if row.model:
        recipe = recipe_of(row, cohort, setting)
        content["recipe"] = {name: value for name, value in recipe.items() if name not in ("name", "data")}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    words = "".join(sign if sign.isalnum() else "_" for sign in row.name)
    return folder / "rows" / f"{words}-{digest[:8]}"


def run_tables(
    tables: Iterable[Table],
    folder: Path,
    cohort: Cohort,
    setting: Setting = SMALL,
    *,
    tell: Callable[[str], None] = lambda sentence: None,
    progress: Progress = silent,
) -> dict[str, Result]:
    """Row name to its result; a method whose extra is not installed, and a training that diverged, are left out.

    Args:
        tables: that are asked for.
        folder: of all trainings; a killed call goes on here.
        cohort, setting: see there.
        tell: told a line per row, before and after.
        progress: told of volumes, steps and slices.
    """
    tables, results = list(tables), {}
    rows = rows_of(tables)
    for place, row in enumerate(rows, start=1):
        tell(f"{place}/{len(rows)} {row.name}")
        began = time.monotonic()
        results[row.name] = run_row(row, wanted_of(row, tables, cohort), folder, cohort, setting, progress)
        left_out = results[row.name].left_out
        tell(f"  left out: {left_out}" if left_out else f"  {time.monotonic() - began:.0f} s")
    return results


def run_row(
    row: Row,
    wanted: list[Wanted],
    folder: Path,
    cohort: Cohort,
    setting: Setting = SMALL,
    progress: Progress = silent,
) -> Result:
    """The result of one row, trained where it is not, and scored where something wanted is missing."""
    place = row_folder(row, folder, cohort, setting)
    place.mkdir(parents=True, exist_ok=True)
    state = _State.read(place / SCORES)
    missing = _missing(state, wanted, cohort)
    try:
        if row.model and not _is_trained(place):
            shared = folder / "copies"  # of the data set, for all rows
            state = _State(training_seconds=_trained(row, place, shared, cohort, setting, progress))
            state.write(place / SCORES)
            missing = _missing(state, wanted, cohort)
        if missing:
            find, state.parameters = finder_of(row, place / "run")
            for split, case in missing:
                done = {score.key for score in state.scores}
                state.scores += score_case(find, case, split, wanted, cohort, done)
                state.write(place / SCORES)
    except InputError as error:
        return Result(row, left_out=str(error))
    annotated = annotated_slices(place / "run" / ANNOTATIONS, row, cohort) if row.model else None
    return Result(row, tuple(state.scores), state.parameters, annotated, state.training_seconds)


def annotated_slices(path: Path, row: Row, cohort: Cohort) -> int:
    """Slices on which a training saw any label that it finds, counted from its list of them, see `training.record`."""
    codes = {str(code) for code in recipe_of(row, cohort).get("labels", cohort.names)}
    held: set[tuple[str, int]] = set()
    with open(path, encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["label"] in codes:
                held |= {(line["volume"], index) for index in range(int(line["first"]), int(line["last"]) + 1)}
    return len(held)


def write_recipes(tables: Iterable[Table], folder: Path, cohort: Cohort, setting: Setting = SMALL) -> list[Path]:
    """The recipe of every row with a network as a YAML file, ready for `ifss train`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for row in rows_of(tables):
        if row.model:
            text = yaml.safe_dump(recipe_of(row, cohort, setting), sort_keys=False)
            words = "".join(sign if sign.isalnum() else "_" for sign in row.name)
            written.append(write_whole(folder / f"{words}.yaml", text))
    return written


def _missing(state: _State, wanted: list[Wanted], cohort: Cohort) -> list[tuple[str, object]]:
    """Splits and cases of which something that is wanted has no score."""
    done = {score.key for score in state.scores}
    return [
        (split, case)
        for split in dict.fromkeys(part.split for part in wanted)
        for case in cohort.cases(split)
        if any(
            part.split == split and (case.subject, cohort.names[part.code], part.references) not in done
            for part in wanted
        )
    ]


def _is_trained(place: Path) -> bool:
    """A finished training has written its card, and after that what it could be resumed from is gone."""
    return (place / "run" / "card.md").exists() and not (place / "run" / "backup").exists()


def _trained(row: Row, place: Path, copies: Path, cohort: Cohort, setting: Setting, progress: Progress) -> float | None:
    """Trains a row, or goes on with it; the seconds, None where it was interrupted."""
    from keras import utils

    utils.clear_session()
    resume = (place / "run" / "recipe.yaml").exists()
    began = time.monotonic()
    recipe = recipe_from(recipe_of(row, cohort, setting))
    train(recipe, place / "run", corpus_folder=copies, resume=resume, progress=progress)
    return None if resume else round(time.monotonic() - began, 1)
