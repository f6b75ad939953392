"""What a training asks of the machine and of its folder, refused before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.core.yaml_file import read_yaml
from ifss_keras.training.recipe import Recipe, SegmentationRecipe
from ifss_keras.training.volumes import synthetic_parts
from ifss_keras.zoo.footprint import footprint

VOLUME_BYTES = {"calf": 8_000_000, "shapes": 8_000_000, "structures": 1_500_000}  # a little less than their means
_VOXEL_BYTES = 8  # image and truth in float32


def check_needs(recipe: Recipe, arguments: dict) -> None:
    """Refuses volumes, batches or a network that are larger than the memory.

    Args:
        recipe: of the training.
        arguments: of its network.

    Raises:
        InputError: naming what to lower, or a network that cannot be built.
    """
    check_volumes(recipe)
    windows = 1 if isinstance(recipe, SegmentationRecipe) else recipe.windows
    needed = footprint(recipe.model, arguments).training_bytes(recipe.batch * windows)
    check_memory(needed, f"The training of this {recipe.model} in batches of {recipe.batch}")


def check_volumes(recipe: Recipe) -> None:
    """Refuses volumes or batches that are larger than the memory; it takes no network to know.

    Raises:
        InputError: naming what to lower.
    """
    parts = synthetic_parts(recipe).values()  # a lab's own stay on the disk
    volumes_bytes = sum(VOLUME_BYTES[kind] * getattr(part, kind) for part in parts for kind in VOLUME_BYTES)
    count = sum(part.volumes for part in parts)
    check_memory(volumes_bytes, f"The corpus of the recipe, {count:,} volumes,")
    slices = recipe.slices if isinstance(recipe, SegmentationRecipe) else recipe.windows
    example_bytes = _VOXEL_BYTES * slices * recipe.size**2
    batches = 1 + recipe.validation_steps
    check_memory(batches * recipe.batch * example_bytes, "What the recipe's batch and validation_steps hold at a time")


def refuse_another_folder(recipe: Recipe, folder: Path, resume: bool) -> None:
    """Refuses a folder of something else, or of another training than the one to resume.

    Raises:
        InputError: naming it, and what can be done.
    """
    from ifss_keras.training.callbacks import epochs_logged

    before = folder / "recipe.yaml"
    if not before.exists():
        others = sorted(path.name for path in folder.glob("*") if path.name != "corpus")
        if others:
            raise InputError(
                f"{os.fspath(folder)} holds other files: expected a new folder for the training, received one with "
                f"{others[0]}; choose another."
            )
        if resume and not folder.exists():
            raise InputError(
                f"There is no training in {os.fspath(folder)} to resume: correct the folder.", setting="resume"
            )
        return
    if not resume:
        raise InputError(
            f"{os.fspath(folder)} already holds a training: resume it, or choose another folder.", setting="resume"
        )
    try:
        held = read_yaml(before)
    except ValueError:
        held = None
    if held != recipe.model_dump(mode="json"):
        raise InputError(
            f"The training in {os.fspath(folder)} was started with another recipe: resume it with its own "
            f"recipe.yaml, or choose another folder."
        )
    if epochs_logged(folder / "log.csv") >= recipe.epochs and not (folder / "backup").exists():
        raise InputError(
            f"The training in {os.fspath(folder)} is finished, its weights are in best.weights.h5: "
            f"choose another folder to train again."
        )


def make_folder(folder: Path) -> None:
    """Makes a folder where there is none.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The folder {os.fspath(folder)} cannot be made ({error.strerror}): choose another place."
        ) from error


def out_of_memory(error: BaseException) -> bool:
    """Whether a backend says that there is no memory left for a tensor: TensorFlow, JAX or PyTorch, none imported."""
    if isinstance(error, MemoryError):
        return True
    kind = type(error)
    if kind.__name__ in ("ResourceExhaustedError", "OutOfMemoryError"):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("RESOURCE_EXHAUSTED" in said or "not enough memory" in said)
