"""The volumes of a recipe: synthetic ones, made where they are missing, and a lab's own, as working copies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.datasets.copies import make_copies
from ifss_keras.datasets.labels import FEWEST_SLICES, LEAST_SLICES
from ifss_keras.datasets.listing import Case, read_dataset, splits
from ifss_keras.training.examples.clips import clip_length
from ifss_keras.training.examples.corpus import TrainingVolume, load_volume, make_corpus
from ifss_keras.training.examples.mixed import MixedVolumes, Volumes
from ifss_keras.training.parts import Corpus
from ifss_keras.training.recipe import PropagationRecipe, Recipe, SegmentationRecipe
from ifss_keras.training.supervision import Seen, seen, supervised


def training_volumes(recipe: Recipe, folder: Path, window: int, progress: Progress = silent) -> tuple[Volumes, Volumes]:
    """The volumes to train on and those to validate on.

    Args:
        recipe: of the training.
        folder: of its synthetic volumes, in training/ and validation/, and of the working copies of its data, in data/.
        window: slices that the network sees at once.
        progress: told of "volumes", how many of them are there.

    Raises:
        InputError: a volume that cannot be trained on, or no volume of a label; see `read_dataset`, `splits` and
            `make_copies`, too.
    """
    cases = _cases(recipe)
    parts = synthetic_parts(recipe)
    count = sum(map(len, cases)) + sum(part.volumes for part in parts.values())
    made = Counter(progress, "volumes", count)
    own = [_own_volumes(recipe, held, folder / "data", window, made) for held in cases]
    if recipe.data is not None:
        _check_labels(recipe, *own)
    names = ("training", "validation")
    synthetic = [prepare_volumes(parts[name], folder / name, made) if name in parts else [] for name in names]
    if isinstance(recipe, PropagationRecipe) and recipe.labels:
        synthetic = [[volume.only(recipe.labels) for volume in held] for held in synthetic]
    under = own if own[0] else synthetic
    under[0] = supervised(under[0], recipe.supervision, recipe.labels)
    if recipe.supervision.kind == "files":  # what nobody annotated is not known in validation either
        under[1] = supervised(under[1], recipe.supervision, recipe.labels)
    if recipe.supervision.kind != "full":
        _check_known_labels(recipe, under[0])
    return tuple(_together(recipe, *both) for both in zip(own, synthetic, strict=True))


def seen_volumes(recipe: Recipe, volumes: Volumes) -> Seen:
    """What a training ever sees of the volumes that its supervision is for."""
    return seen(volumes.own if isinstance(volumes, MixedVolumes) else volumes, recipe.labels)


def synthetic_parts(recipe: Recipe) -> dict[str, Corpus]:
    """The synthetic volumes that are drawn of: of "training" and of "validation", where there are any."""
    if recipe.data is not None and recipe.data.share == 1:
        return {}
    parts = {"training": recipe.training, "validation": recipe.validation}
    return {name: part for name, part in parts.items() if part is not None}


def prepare_volumes(corpus: Corpus, folder: Path, made: Counter | None = None) -> list[TrainingVolume]:
    """The volumes of a part of a recipe, made where they are not in `folder` yet.

    Raises:
        InputError: a volume without a label that a clip can be drawn of.
    """
    counts, volumes = corpus.model_dump(exclude={"first_seed"}), []
    for path in make_corpus(folder, counts, corpus.first_seed, made=made):
        volumes.append(load_volume(path))
        if not volumes[-1].extents:
            raise InputError(
                f"{os.fspath(path)} cannot be trained on: expected a label in 8 slices or more, received none; "
                f"delete the file to have it made again."
            )
    return volumes


def told_data(recipe: Recipe) -> str:
    """What a recipe trains on, in words."""
    kinds = {"calf": "calves in ultrasound", "shapes": "random shapes", "structures": "crowded structures"}
    corpus = synthetic_parts(recipe).get("training")
    counts = [(getattr(corpus, kind), name) for kind, name in kinds.items()] if corpus else []
    synthetic = ", ".join(f"{count} of {name}" for count, name in counts if count)
    told = [f"synthetic volumes: {synthetic}"] if synthetic else []
    if recipe.data is not None:
        told.insert(0, f"{100 * recipe.data.share:g} % from the volumes of {Path(recipe.data.path).name}")
    return "; ".join(told)


def told_volumes(recipe: Recipe) -> str:
    """The same, and what it validates on, with the seeds of synthetic volumes."""
    parts, told = synthetic_parts(recipe), told_data(recipe).replace("synthetic volumes: ", "")
    training, validation = parts.get("training"), parts.get("validation")
    if training:
        told += f"; synthetic volumes, seeds from {training.first_seed}"
    others = "other subjects" if recipe.data is not None else ""
    if validation:
        synthetic = f"{validation.volumes} others, seeds from {validation.first_seed}"
        others = f"{others} and {synthetic}" if others else synthetic
    return f"{told}; validated on {others}"


def _cases(recipe: Recipe) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Those of the recipe's data to train on and to validate on."""
    if recipe.data is None:
        return (), ()
    return splits(read_dataset(recipe.data.path), recipe.data.validation, recipe.seed)


def _own_volumes(
    recipe: Recipe, cases: Sequence[Case], folder: Path, window: int, made: Counter
) -> list[TrainingVolume]:
    """The volumes of these cases; without those that hold no label to train on, where such a volume is of no use."""
    if not cases:
        return []
    wanted = wanted_labels(recipe)
    segments = isinstance(recipe, SegmentationRecipe)
    least = 1 if segments else clip_length(recipe.clips, window, 0)
    volumes = []
    few = FEWEST_SLICES if recipe.supervision.kind == "files" else LEAST_SLICES
    for case, copy in zip(cases, make_copies(cases, folder, made), strict=True):
        volume = TrainingVolume.from_copy(copy, wanted, few)
        if len(volume.image) < least:
            raise InputError(
                f"{os.fspath(case.image)} has {len(volume.image)} slices: expected {least} or more, which a clip of "
                f"{recipe.clips.windows} windows takes; lower clips.windows, or leave the volume out of the data set."
            )
        if segments or any(code in volume.extents for code in recipe.labels or volume.extents):
            volumes.append(volume)
    return volumes


def wanted_labels(recipe: Recipe) -> dict[int, str] | None:
    """Code to name of all labels that a recipe knows; None: all that there are."""
    if recipe.labels is None:
        return None
    negatives = getattr(recipe, "negatives", None)
    return {**(negatives.labels if negatives else {}), **recipe.labels}


def _check_labels(recipe: Recipe, training: Sequence[TrainingVolume], validation: Sequence[TrainingVolume]) -> None:
    """Refuses labels that nothing is trained on, and a validation without any label."""
    trained, validated = ({code for volume in part for code in volume.extents} for part in (training, validation))
    missing = [f"{code} ({name})" for code, name in (recipe.labels or {}).items() if code not in trained]
    if missing or not trained or not validated:
        told = " and ".join(missing) or "a label"
        side = "validate" if trained and not missing else "train"
        raise InputError(
            f"The data set {recipe.data.path} has nothing to {side} on: expected {told} in {LEAST_SLICES} slices or "
            "more of a volume, received none; look at what `ifss data check` says of it."
        )


def _check_known_labels(recipe: Recipe, volumes: Sequence[TrainingVolume]) -> None:
    """Refuses what would never see a label, as by too few annotated slices."""
    held = {code for volume in volumes for code in volume.extents}
    missing = [f"{code} ({name})" for code, name in (recipe.labels or {}).items() if code not in held]
    if missing or not held:
        raise InputError(
            f"supervision: no annotated slice holds {' and '.join(missing) or 'any label'}, so nothing can be learned; "
            "have more slices known."
        )


def _together(recipe: Recipe, own: list[TrainingVolume], synthetic: list[TrainingVolume]) -> Volumes:
    if own and synthetic:
        return MixedVolumes(own, synthetic, recipe.data.share)
    return own or synthetic
