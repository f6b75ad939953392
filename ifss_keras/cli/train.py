"""`ifss train`."""

from __future__ import annotations

from pathlib import Path

import click

from ifss_keras.cli.stopping import was_stopped


@click.command()
@click.option("--recipe", type=click.Path(path_type=Path), required=True, help="YAML; see zoo/*/recipe.yaml.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of this training.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    help="Folder of synthetic volumes and of working copies of your own, to keep [default: OUTPUT/corpus].",
)
@click.option("--start-from", help="Preset, folder of a training, or file *.weights.h5 to start from.")
@click.option("--resume", is_flag=True, help="Go on with the training in OUTPUT.")
@click.pass_obj
def train(call, recipe, output, corpus, start_from, resume):
    """Train a network by a recipe; makes the recipe's volumes first: synthetic ones, and working copies of yours.

    It uses all GPUs of the machine, and those of others by TF_CONFIG, see docs/training.md. KERAS_BACKEND=jax or torch
    trains without TensorFlow.

    Interrupt it at any time and go on with --resume. OUTPUT is a preset with the weights of the best epoch, which
    `ifss predict --preset OUTPUT` takes.

    \b
    Example: ifss train --recipe zoo/ifss_synthetic_v5/recipe.yaml -o runs/mine
    """
    from ifss_keras.cli.console import slice_progress
    from ifss_keras.core.errors import InputError
    from ifss_keras.training.needs import check_volumes, out_of_memory
    from ifss_keras.training.recipe import read_recipe

    plan = read_recipe(recipe)
    check_volumes(plan)
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: expected a folder for the training, new or its own; give another name.")
    from ifss_keras.training import run

    with slice_progress() as progress:
        try:
            run.train(
                plan,
                output,
                corpus_folder=corpus,
                start_from=start_from,
                resume=resume,
                progress=progress,
                command=call.command,
            )
        except BaseException as error:
            if out_of_memory(error):
                raise InputError(
                    "The training needs more memory than there is: lower batch, network.widths or image_size in the "
                    "recipe."
                ) from None
            if was_stopped(error):
                click.echo("The same command with --resume goes on after the last whole epoch.", err=True)
            raise
    click.echo(f"Wrote {output / run.BEST_WEIGHTS}: ifss predict ... --preset {output}")
