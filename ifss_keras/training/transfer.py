"""What a training begins with: the weights of another one, as far as they fit, and those of them that stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ifss_keras.core.checks import known_names
from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.training.recipe import Recipe
from ifss_keras.zoo.catalogue import build_network
from ifss_keras.zoo.presets import find_preset, load_network
from ifss_keras.zoo.weights_file import load_weights

_NAMED = 6  # weights in a sentence; of the others only how many


@dataclass(frozen=True)
class Transfer:
    """What was taken over.

    Attributes:
        source: the preset, folder or file.
        loaded: paths of the weights that were.
        new: paths of the network's other weights, which are newly drawn.
        left: paths of weights of the source that the network does not have, or has in another shape.
    """

    source: str
    loaded: tuple[str, ...]
    new: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"started from {self.source}: {len(self.loaded)} of {len(self.loaded) + len(self.new)} weights"
        for what, paths in (("newly drawn", self.new), ("not used", self.left)):
            if paths:
                more = f" and {len(paths) - _NAMED} others" if len(paths) > _NAMED else ""
                told += f"; {what}: {', '.join(paths[:_NAMED])}{more}"
        return told


def start_with(network, recipe: Recipe, source: str | Path, progress: Progress = silent) -> Transfer:
    """Gives a network the weights of a preset or a training that have the same path and shape, or those of a file.

    So the working size, the number of labels or a part of the network may be others. A file does not say which network
    it is of: it must hold all weights of the recipe's, or all but those of its reference memory, which begins with
    reading nothing.

    Args:
        network: of the recipe.
        recipe: of the training.
        source: a preset's name or folder, or a file *.weights.h5.
        progress: told of a preset that is fetched.

    Raises:
        PresetError: neither, or nothing in it fits.
    """
    try:
        if str(source).endswith(".h5"):
            return _from_file(network, recipe, Path(source))
        return _from_network(network, load_network(find_preset(source, progress)), str(source))
    except PresetError as error:
        error.setting = "start_from"
        raise


def freeze(network, patterns: Sequence[str]) -> tuple[str, ...]:
    """Keeps the weights whose paths fit a pattern as they are; the paths.

    A layer all of whose weights stay is run as in prediction: its moving averages stay, too.

    Args:
        network: not compiled yet.
        patterns: in which `*` stands for any signs, such as "encoder_*".

    Raises:
        InputError: a pattern that fits nothing, or nothing that would be left to train.
    """
    weights = list(network.trainable_weights)
    for pattern in patterns:
        if not any(fnmatchcase(weight.path, pattern) for weight in weights):
            layers = list(dict.fromkeys(weight.path.split("/")[0] for weight in weights))
            raise InputError(f"freeze: no weight fits {pattern!r}: {known_names(pattern, layers)}")
    frozen = [weight for weight in weights if any(fnmatchcase(weight.path, pattern) for pattern in patterns)]
    if weights and len(frozen) == len(weights):
        raise InputError(f"freeze: {', '.join(patterns)} fit all weights, so nothing would be trained; drop one.")
    held = {id(weight) for weight in frozen}
    for layer in network.layers:
        if layer.trainable_weights and all(id(weight) in held for weight in layer.trainable_weights):
            layer.trainable = False
    for weight in frozen:
        weight.trainable = False
    return tuple(weight.path for weight in frozen)


def _from_network(network, other, source: str) -> Transfer:
    held = {weight.path: weight for weight in other.weights}
    loaded, new = [], []
    for weight in network.weights:
        fits = weight.path in held and held[weight.path].shape == weight.shape
        (loaded if fits else new).append(weight.path)
        if fits:
            weight.assign(held[weight.path])
    if not loaded:
        raise PresetError(
            f"Nothing in {source} fits the network: expected weights of the same name and shape, received those of "
            f"{type(other).__name__}; start from another, or change the recipe's network."
        )
    return Transfer(source, tuple(loaded), tuple(new), tuple(path for path in held if path not in loaded))


def _from_file(network, recipe: Recipe, path: Path) -> Transfer:
    try:
        load_weights(network, path)
        return Transfer(str(path), tuple(weight.path for weight in network.weights))
    except PresetError:
        if not recipe.network.get("memory_level"):
            raise
    plain = build_network(recipe.model, recipe.network | {"memory_level": 0})
    load_weights(plain, path)
    return _from_network(network, plain, str(path))
