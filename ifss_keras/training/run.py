"""A whole training: from a recipe to the weights of its best epoch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import yaml

from ifss_keras.core.errors import InputError
from ifss_keras.data.corpus import load_volume, make_corpus
from ifss_keras.data.pipeline import clip_dataset
from ifss_keras.training.recipe import Corpus, Recipe

BEST_WEIGHTS = "best.weights.h5"
LAST_WEIGHTS = "last.weights.h5"


def prepare_volumes(corpus: Corpus, folder: Path, made: Callable[[Path], None] = lambda path: None):
    """The volumes of a part of a recipe, made where they are not in `folder` yet."""
    counts = {"calf": corpus.calf, "shapes": corpus.shapes}
    return [load_volume(path) for path in make_corpus(folder, counts, corpus.first_seed, made=made)]


def build_trainer(recipe: Recipe):
    """A compiled `PropagationTrainer` for a recipe, its weights drawn under the recipe's seed."""
    import keras

    from ifss_keras.training.trainer import PropagationTrainer
    from ifss_keras.zoo.ifss_net import IFSSNet

    keras.utils.set_random_seed(recipe.seed)
    network = IFSSNet(name="ifss_net", **recipe.network.model_dump())
    trainer = PropagationTrainer(network, windows=recipe.clips.windows, **recipe.loss.model_dump())
    settings = recipe.optimizer
    total = recipe.epochs * recipe.steps_per_epoch
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=max(total - settings.warmup_steps, 1),
        alpha=0.01,
        warmup_target=settings.learning_rate,
        warmup_steps=max(settings.warmup_steps, 1),
    )
    trainer.compile(
        keras.optimizers.AdamW(
            schedule, weight_decay=settings.weight_decay, global_clipnorm=settings.clip_norm
        ),
        jit_compile=False,  # XLA is many times slower than oneDNN on the CPU
    )
    trainer.build()
    return trainer


def train(
    recipe: Recipe,
    folder: Path,
    *,
    corpus_folder: Path | None = None,
    resume: bool = False,
    callbacks: list | None = None,
    made: Callable[[Path], None] = lambda path: None,
):
    """The trained network, with the weights of the epoch of the best validation Dice.

    Writes to `folder`: recipe.yaml, log.csv (a row per epoch), best.weights.h5, last.weights.h5 and, until it is
    done, backup/, from which `resume` goes on with the interrupted epoch's beginning.

    Raises:
        InputError: `folder` holds a training and `resume` is not set, or holds one of another recipe.
    """
    from ifss_keras.training.callbacks import training_callbacks

    _refuse_to_overwrite(recipe, folder, resume)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    corpus_folder = corpus_folder or folder / "corpus"
    settings = recipe.clip_settings()
    volumes = prepare_volumes(recipe.training, corpus_folder / "training", made)
    held_out = prepare_volumes(recipe.validation, corpus_folder / "validation", made)
    trainer = build_trainer(recipe)
    every = trainer_datasets(recipe, settings, volumes, held_out)
    trainer.fit(
        every[0],
        validation_data=every[1],
        epochs=recipe.epochs,
        steps_per_epoch=recipe.steps_per_epoch,
        callbacks=[*training_callbacks(trainer, folder, resume), *(callbacks or [])],
        shuffle=False,
        verbose=0,
    )
    trainer.network.load_weights(folder / BEST_WEIGHTS)
    return trainer.network


def trainer_datasets(recipe: Recipe, settings, volumes, held_out):
    """The endless training batches and the fixed validation batches, under seeds of their own."""
    training = clip_dataset(
        volumes,
        settings,
        batch=recipe.batch,
        batches=recipe.epochs * recipe.steps_per_epoch,
        seed=recipe.seed,
        rollout=recipe.clips.rollout,
    )
    validation = clip_dataset(
        held_out,
        settings,
        batch=recipe.batch,
        batches=recipe.validation_steps,
        seed=recipe.seed + 1_000_003,
        rollout=recipe.clips.rollout,
    )
    return training, validation.cache()


def _refuse_to_overwrite(recipe: Recipe, folder: Path, resume: bool) -> None:
    before = folder / "recipe.yaml"
    if not before.exists():
        return
    if not resume:
        raise InputError(f"{os.fspath(folder)} already holds a training: pass --resume, or choose another folder.")
    if yaml.safe_load(before.read_text()) != recipe.model_dump(mode="json"):
        raise InputError(
            f"The training in {os.fspath(folder)} was started with another recipe: resume it with its own "
            f"recipe.yaml, or choose another folder."
        )
