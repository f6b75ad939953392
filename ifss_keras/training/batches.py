"""The batches of a recipe: each by its number, always the same, for training and for validation."""

from __future__ import annotations

from collections.abc import Callable

from ifss_keras.core.backend import start_backend
from ifss_keras.core.errors import InputError
from ifss_keras.training.examples.clips import batches_of_clips
from ifss_keras.training.examples.passes import PassPlan, batches_of_passes
from ifss_keras.training.examples.pipeline import clip_dataset, window_dataset
from ifss_keras.training.examples.windows import batches_of_windows
from ifss_keras.training.recipe import Recipe, SegmentationRecipe


def trainer_datasets(recipe: Recipe, network, volumes, held_out, *, first_epoch: int = 0):
    """The training batches of all epochs from `first_epoch` on, and the validation batches of every epoch.

    Both under seeds of their own. Validation is on clips drawn anywhere, also where volumes are passed through.

    Args:
        recipe: of the training.
        network: of the recipe.
        volumes, held_out: to train and to validate on.
        first_epoch: that is not done yet.

    Raises:
        InputError: a label of the recipe's that no volume holds, or volumes too short for its passes.
    """
    steps = recipe.steps_per_epoch
    batches = (recipe.epochs - first_epoch) * steps
    drawn = training_batches(recipe, network, volumes)
    training = _dataset(recipe, network, drawn, batches=batches, first=first_epoch * steps)
    drawn = _anywhere(recipe, network, held_out, recipe.seed + 1_000_003)
    return training, _dataset(recipe, network, drawn, batches=recipe.validation_steps, first=0).cache()


def training_batches(recipe: Recipe, network, volumes) -> Callable:
    """From a number to the training batch of that number; arguments and errors as `trainer_datasets`."""
    plan = pass_plan(recipe, volumes)
    if plan is None:
        return _anywhere(recipe, network, volumes, recipe.seed)
    return batches_of_passes(plan, recipe.batch, recipe.seed)


def pass_plan(recipe: Recipe, volumes) -> PassPlan | None:
    """How a recipe passes through volumes; None if it does not.

    Raises:
        InputError: volumes too short for its passes.
    """
    if isinstance(recipe, SegmentationRecipe) or recipe.passes is None:
        return None
    window = recipe.network.get("window", 3)
    return PassPlan([*volumes], recipe.settings(window), **recipe.passes.model_dump())


def _anywhere(recipe: Recipe, network, volumes, seed: int) -> Callable:
    """From a number to a batch of examples that are drawn anywhere."""
    if isinstance(recipe, SegmentationRecipe):
        _refuse_absent_labels(recipe, volumes)
        return batches_of_windows(volumes, recipe.window_settings(), recipe.batch, seed)
    return batches_of_clips(volumes, recipe.clips_drawn, recipe.settings(network.window), recipe.batch, seed)


def _dataset(recipe: Recipe, network, drawn: Callable, *, batches: int, first: int):
    if start_backend() != "tensorflow":
        from ifss_keras.training.examples.without_tensorflow import Batches

        segments = isinstance(recipe, SegmentationRecipe)
        return Batches(drawn if segments else lambda number: (drawn(number),), first, batches)
    which = {"batch": recipe.batch, "batches": batches, "first": first}
    if isinstance(recipe, SegmentationRecipe):
        return window_dataset(drawn, recipe.window_settings(), **which)
    return clip_dataset(drawn, recipe.settings(network.window), **which)


def _refuse_absent_labels(recipe: SegmentationRecipe, volumes) -> None:
    held = {code for volume in volumes for code in volume.extents}
    for code, name in recipe.labels.items():
        if code not in held:
            raise InputError(
                f"labels: no volume holds {code} ({name}) in 8 slices or more, only {sorted(held)}: mend the recipe."
            )
