"""A whole training: from a recipe to the weights of its best epoch."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from functools import partial
from pathlib import Path

import yaml

from ifss_keras import __version__
from ifss_keras.core.backend import start_backend
from ifss_keras.core.blas import single_threaded_blas
from ifss_keras.core.errors import InputError
from ifss_keras.core.files import write_whole
from ifss_keras.core.hidden import remove_abandoned
from ifss_keras.core.progress import Progress, silent
from ifss_keras.training.batches import pass_plan, trainer_datasets
from ifss_keras.training.build import build_trainer, compile_trainer, network_arguments
from ifss_keras.training.distribution import Devices, find_devices
from ifss_keras.training.needs import check_needs, make_folder, refuse_another_folder
from ifss_keras.training.recipe import Recipe, SegmentationRecipe, read_recipe
from ifss_keras.training.record import started_from, write_record
from ifss_keras.training.transfer import start_with
from ifss_keras.training.volumes import seen_volumes, told_data, told_volumes, training_volumes
from ifss_keras.zoo.preset import Preset
from ifss_keras.zoo.presets import finished

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
    command: str | None = None,
):
    """The trained network, with the weights of the epoch of the best validation Dice.

    `folder` becomes a preset, which `from_preset` takes: config.json, best.weights.h5 and card.md. Beside these it
    holds recipe.yaml, run.json and annotations.csv (see `training.record`), log.csv (a row per epoch), tensorboard/,
    pictures/, last.weights.h5 and, until it is done, backup/, from which `resume` goes on with the interrupted epoch's
    beginning, batches and dropped units: a resumed training gives the same weights.

    It runs on all devices that `find_devices` finds; the first of several processes writes the folder.

    Args:
        recipe: a recipe, or its file, see `read_recipe`.
        folder: made if absent.
        corpus_folder: where the synthetic volumes are, or will be; `folder`/corpus if None.
        start_from: weights to start from, as far as they fit, see `start_with`: a preset's name or folder, or a file
            *.weights.h5. A resumed training goes on with its own, or where no epoch is done yet, with those that it
            started from.
        resume: go on with the training in `folder`.
        callbacks: further Keras callbacks.
        progress: told of "volumes", how many of them are made.
        command: kept in run.json.

    Raises:
        InputError: a recipe that cannot be trained, or not on these devices; `folder` holds a training and `resume` is
            not set, or one of another recipe or other volumes, or a finished one, or other files, or is not there to
            resume; a training that diverged in every epoch.
        PresetError: `start_from` is neither a preset nor a weights file, or does not fit the network.
    """
    devices = find_devices()
    start_backend()
    from ifss_keras.training.callbacks import epochs_backed_up, remove_backup

    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    folder = Path(folder)
    devices.check(recipe)
    if devices.worker == 0:
        remove_abandoned(folder)
        refuse_another_folder(recipe, folder, resume)
    check_needs(recipe, network_arguments(recipe))
    done = epochs_backed_up(folder) if resume else 0
    if resume and start_from is None:
        start_from = started_from(folder)  # what was interrupted in its first epoch begins as it began
    with devices.scope():
        trainer, taken = build_trainer(recipe), None
        if start_from is not None and not done:
            taken = start_with(trainer.network, recipe, start_from, progress)
            print(taken, flush=True)
    for made_here in filter(None, (corpus_folder, folder)):
        make_folder(made_here)
    corpus_folder = corpus_folder or folder / "corpus"
    window = getattr(trainer.network, "window", 1)
    volumes, held_out = training_volumes(recipe, corpus_folder, window, progress)
    plan = pass_plan(recipe, volumes)
    if plan:
        with devices.scope():
            compile_trainer(trainer, recipe, plan.interval)
    datasets = trainer_datasets(recipe, trainer.network, volumes, held_out, first_epoch=done)
    fitted = partial(_fit, recipe, trainer, datasets, devices, resume=resume, callbacks=callbacks or [])
    if devices.worker:
        return _without_writing(fitted, trainer, folder)
    preset = preset_of(recipe, trainer.network, folder)
    # only now: what cannot be trained leaves the folder free for a mended recipe
    write_whole(folder / "recipe.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    print(f"training sees {seen_volumes(recipe, volumes)}", flush=True)
    write_record(recipe, folder, [*volumes], epochs=done, command=command, taken=taken)
    preset.write()
    if done < recipe.epochs:  # else it was killed between its last epoch and here
        with _full_disk_told_of(folder), single_threaded_blas():
            fitted(folder, folder)
    _with_best_weights(trainer.network, folder)
    finished(preset, card_of(recipe, preset, folder))
    remove_backup(folder)
    return trainer.network


def _fit(recipe: Recipe, trainer, datasets, devices: Devices, folder: Path, restored_from: Path, *, resume, callbacks):
    from ifss_keras.training.callbacks import training_callbacks
    from ifss_keras.training.pictures import shortest

    training, validation = datasets
    shown = shortest(validation)
    own = training_callbacks(trainer, folder, resume, epochs=recipe.epochs, batch=shown, restored_from=restored_from)
    validation = validation.repeat() if devices.strategy else validation
    devices.prepare(trainer)
    with devices.scope():
        trainer.fit(
            devices.shared_out(training),
            validation_data=devices.shared_out(validation),
            validation_steps=recipe.validation_steps if devices.strategy else None,
            epochs=recipe.epochs,
            steps_per_epoch=recipe.steps_per_epoch,
            callbacks=[*own, *callbacks],
            shuffle=False,
            verbose=0,
        )


def _without_writing(fitted, trainer, folder: Path):
    """The network that a process which is not the first ends with; what all must do together, it does in a folder of
    its own, as variables of several devices can only be read by all."""
    with tempfile.TemporaryDirectory() as own:
        fitted(Path(own), folder)
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


def _with_best_weights(network, folder: Path) -> None:
    if not (folder / BEST_WEIGHTS).exists():
        raise InputError(
            f"The training in {os.fspath(folder)} diverged: expected a finite validation loss and Dice in one epoch "
            f"or more, received none, so there is no {BEST_WEIGHTS}; lower optimizer.learning_rate in the recipe."
        )
    network.load_weights(folder / BEST_WEIGHTS)
