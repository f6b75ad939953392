"""A whole training: from a recipe to the weights of its best epoch."""

from __future__ import annotations

import contextlib
import errno
import os
from functools import partial
from pathlib import Path

import yaml

from ifss_keras import __version__
from ifss_keras.core.backend import start_backend
from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.files import write_whole
from ifss_keras.core.hidden import remove_abandoned
from ifss_keras.core.progress import Progress, silent
from ifss_keras.training.build import build_trainer, network_arguments
from ifss_keras.training.examples.pipeline import clip_dataset, window_dataset
from ifss_keras.training.needs import check_needs, make_folder, refuse_another_folder
from ifss_keras.training.recipe import Recipe, SegmentationRecipe, read_recipe
from ifss_keras.training.volumes import told_data, told_volumes, training_volumes
from ifss_keras.zoo.catalogue import build_network
from ifss_keras.zoo.presets import Preset, find_preset, finished, verified_weights
from ifss_keras.zoo.weights_file import load_weights

BEST_WEIGHTS = "best.weights.h5"
LAST_WEIGHTS = "last.weights.h5"


def train(
    recipe: Recipe | str | Path,
    folder: str | Path,
    *,
    corpus_folder: Path | None = None,
    start_from: str | Path | None = None,
    resume: bool = False,
    callbacks: list | None = None,
    progress: Progress = silent,
):
    """The trained network, with the weights of the epoch of the best validation Dice.

    `folder` becomes a preset, which `from_preset` takes: config.json, best.weights.h5 and card.md. Beside these it
    holds recipe.yaml, log.csv (a row per epoch), last.weights.h5 and, until it is done, backup/, from which `resume`
    goes on with the interrupted epoch's beginning and batches. Without dropout a resumed training gives the same
    weights; with it, other units are dropped.

    Args:
        recipe: a recipe, or its file, see `read_recipe`.
        folder: made if absent.
        corpus_folder: where the synthetic volumes are, or will be; `folder`/corpus if None.
        start_from: weights to start from, of a network of the same layers at any `image_size`, or of one without
            a reference memory: a preset's name or folder, or a file *.weights.h5. A resumed training goes on with its
            own.
        resume: go on with the training in `folder`.
        callbacks: further Keras callbacks.
        progress: told of "volumes", how many of them are made.

    Raises:
        InputError: a recipe that cannot be trained; `folder` holds a training and `resume` is not set, or one
            of another recipe, or a finished one, or other files, or is not there to resume; a training that diverged
            in every epoch.
        PresetError: `start_from` is neither a preset nor a weights file, or does not fit the network.
    """
    start_backend()
    from ifss_keras.training.callbacks import epochs_backed_up, training_callbacks

    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    folder = Path(folder)

    remove_abandoned(folder)
    refuse_another_folder(recipe, folder, resume)
    check_needs(recipe, network_arguments(recipe))
    trainer = build_trainer(recipe)
    dataset = dataset_maker(recipe, trainer.network)
    if start_from is not None and not resume:
        _start_with(trainer.network, recipe, start_from)
    for made_here in filter(None, (corpus_folder, folder)):
        make_folder(made_here)
    corpus_folder = corpus_folder or folder / "corpus"
    window = getattr(trainer.network, "window", 1)
    volumes, held_out = training_volumes(recipe, corpus_folder, window, progress)
    training, validation = trainer_datasets(recipe, dataset, volumes, held_out, first_epoch=epochs_backed_up(folder))
    preset = preset_of(recipe, trainer.network, folder)
    # only now: what cannot be trained leaves the folder free for a mended recipe
    write_whole(folder / "recipe.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    preset.write()
    with _full_disk_told_of(folder):
        trainer.fit(
            training,
            validation_data=validation,
            epochs=recipe.epochs,
            steps_per_epoch=recipe.steps_per_epoch,
            callbacks=[*training_callbacks(trainer, folder, resume), *(callbacks or [])],
            shuffle=False,
            verbose=0,
        )
    _with_best_weights(trainer.network, folder)
    finished(preset, card_of(recipe, preset, folder))
    return trainer.network


@contextlib.contextmanager
def _full_disk_told_of(folder: Path):
    """InputError for what HDF5 or the log say of a full disk."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        full = os.strerror(errno.ENOSPC)
        if full not in str(error) and getattr(error, "errno", None) != errno.ENOSPC:
            raise
        raise InputError(
            f"The disk of {os.fspath(folder)} is full, so the training ended after its last whole epoch: make space "
            "and resume it.",
            setting="resume",
        ) from error


def preset_of(recipe: Recipe, network, folder: Path) -> Preset:
    """The preset that a training of a recipe leaves in its folder, before its weights are there."""
    facts = {"weights": BEST_WEIGHTS, "summary": f"Trained by the recipe {recipe.name}.", "data": told_data(recipe)}
    if isinstance(recipe, SegmentationRecipe):
        return network.described(folder, labels=dict(recipe.labels), **facts)
    return network.described(folder, propagation=recipe.settings(network.window), **facts)


def card_of(recipe: Recipe, preset: Preset, folder: Path) -> str:
    """What is known of a training once it is done, in Markdown."""
    from ifss_keras.training.callbacks import best_so_far

    return (
        f"# {preset.name}\n\n{preset.architecture} with {preset.parameters:,} parameters, trained by ifss_keras "
        f"{__version__} with `recipe.yaml` beside this card: {recipe.epochs} epochs of {recipe.steps_per_epoch} steps, "
        f"{recipe.batch} examples each.\n\n"
        f"**Trained on** {told_volumes(recipe)}.\n\n"
        f"**Best validation Dice** {best_so_far(folder / 'log.csv'):.4f}, of the examples that training draws, not of "
        "whole volumes; see `log.csv`.\n"
    )


def _start_with(network, recipe: Recipe, start: str | Path) -> None:
    """Loads the weights; where they know no reference memory, all but that, which begins with reading nothing."""
    try:
        path = Path(start) if str(start).endswith(".h5") else verified_weights(find_preset(start))
    except PresetError as error:
        error.setting = "start_from"
        raise
    try:
        load_weights(network, path)
    except PresetError:
        if not recipe.network.get("memory_level"):
            raise
        plain = build_network(recipe.model, recipe.network | {"memory_level": 0})
        load_weights(plain, path)
        for layer in plain.layers:
            network.get_layer(layer.name).set_weights(layer.get_weights())


def _with_best_weights(network, folder: Path) -> None:
    if not (folder / BEST_WEIGHTS).exists():
        raise InputError(
            f"The training in {os.fspath(folder)} diverged: expected a finite validation loss and Dice in one epoch "
            f"or more, received none, so there is no {BEST_WEIGHTS}; lower optimizer.learning_rate in the recipe."
        )
    network.load_weights(folder / BEST_WEIGHTS)


def dataset_maker(recipe: Recipe, network):
    """The function from volumes, batches, first and seed to the dataset that a recipe's network is trained on."""
    if isinstance(recipe, SegmentationRecipe):
        return partial(_windows_of, recipe)
    propagation = recipe.settings(network.window)
    return partial(clip_dataset, settings=recipe.clips, propagation=propagation, batch=recipe.batch)


def _windows_of(recipe: SegmentationRecipe, volumes, **which):
    held = {code for volume in volumes for code in volume.extents}
    for code, name in recipe.labels.items():
        if code not in held:
            raise InputError(
                f"labels: no volume holds {code} ({name}) in 8 slices or more, only {sorted(held)}: mend the recipe."
            )
    return window_dataset(volumes, recipe.window_settings(), batch=recipe.batch, **which)


def trainer_datasets(recipe: Recipe, dataset, volumes, held_out, *, first_epoch: int = 0):
    """The training batches of all epochs from `first_epoch` on, and the validation batches of every epoch.

    Both under seeds of their own; `dataset` is what `dataset_maker` returned.
    """
    steps = recipe.steps_per_epoch
    batches = (recipe.epochs - first_epoch) * steps
    training = dataset(volumes, batches=batches, first=first_epoch * steps, seed=recipe.seed)
    validation = dataset(held_out, batches=recipe.validation_steps, seed=recipe.seed + 1_000_003)
    return training, validation.cache()
