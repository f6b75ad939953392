"""Networks that `ifss train` has trained."""

from __future__ import annotations

from pathlib import Path

from ifss_keras.core.errors import InputError
from ifss_keras.training.recipe import Recipe, read_recipe


def recipe_beside(weights: str | Path) -> Recipe:
    """The recipe of weights that `ifss train` wrote.

    Raises:
        InputError: no weights, no recipe.yaml beside them, or one that cannot be used.
    """
    weights = Path(weights)
    if weights.is_dir():
        raise InputError(f"{weights} is a folder: expected a weights file; pass the best.weights.h5 in it.")
    if not weights.is_file():
        raise InputError(f"The weights file {weights} does not exist; check the path.")
    recipe = weights.parent / "recipe.yaml"
    if not recipe.is_file():
        raise InputError(
            f"{weights} is no weights file of `ifss train`: expected its recipe.yaml beside it, there is none; pass "
            f"best.weights.h5 in the folder of a training, or a released preset by --preset."
        )
    return read_recipe(recipe)


def trained_network(weights: str | Path):
    """The recipe and the network of weights that `ifss train` wrote.

    Raises:
        InputError: see `recipe_beside`; or the recipe's network cannot be built.
        PresetError: weights that do not fit the recipe's network.
    """
    from ifss_keras.training.run import network_of
    from ifss_keras.zoo.weights_file import load_weights

    recipe = recipe_beside(weights)
    try:
        network = network_of(recipe)
    except InputError as error:
        raise InputError(f"{Path(weights).parent / 'recipe.yaml'}: {error}") from error
    load_weights(network, weights)
    return recipe, network
