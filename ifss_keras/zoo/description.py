"""What a network of the zoo is and costs, for people who choose one."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.zoo.catalogue import ARCHITECTURES, LICENCE, Architecture, Variant, build_network, find_architecture
from ifss_keras.zoo.complexity import multiply_adds
from ifss_keras.zoo.presets import architecture_of

SLICES = 16  # in a window of a network that needs no reference, where it is described


@dataclass(frozen=True)
class Description:
    """A variant of a network at a working size.

    Attributes:
        architecture, variant: what is described.
        size: working rows and columns.
        window: slices in a window.
        parameters: trainable ones.
        multiply_adds_per_slice: of a whole volume; windows at stride 1 where annotated slices are carried on.
        multiples: what slices, rows and columns must be multiples of.
        arguments: of the constructor, with their values.
        licence: of the code.
        text: the first paragraph of the docstring.
    """

    architecture: Architecture
    variant: Variant
    size: int
    window: int
    parameters: int
    multiply_adds_per_slice: int
    multiples: tuple[int, int, int]
    arguments: dict[str, Any]
    licence: str
    text: str


def describe(name: str, variant: str = "default", size: int = 512) -> Description:
    """The description of a network.

    Args:
        name: of the network.
        variant: of it, see `Architecture.variants`.
        size: working rows and columns.

    Raises:
        InputError: no such network or variant, or a size that it cannot have.
        PresetError: a folder that looks like a preset's.
    """
    _refuse_a_preset(name)
    architecture = find_architecture(name)
    held = {item.name: item for item in architecture.variants}
    if variant not in held:
        raise InputError(f"{name} has no variant {variant!r}: expected one of {', '.join(held)}.")
    arguments = dict(held[variant].arguments) | {"image_size": (size, size)}
    if not architecture.needs_reference:
        arguments["slices"] = SLICES
    network = build_network(name, arguments)
    window = network.window if architecture.needs_reference else SLICES
    return Description(
        architecture=architecture,
        variant=held[variant],
        size=size,
        window=window,
        parameters=sum(math.prod(weight.shape) for weight in network.trainable_weights),
        multiply_adds_per_slice=multiply_adds(network) // (1 if architecture.needs_reference else window),
        multiples=network.multiples,
        arguments={key: value for key, value in network.get_config().items() if key not in ("name", "trainable")},
        licence=LICENCE,
        text=" ".join(inspect.getdoc(type(network)).split("\n\n")[0].split()),
    )


def _refuse_a_preset(name: str) -> None:
    """Refuses the name or the folder of a preset, whose network is what can be described."""
    of = None if name in ARCHITECTURES else architecture_of(name)
    if of is not None:
        raise InputError(
            f"{name!r} is a preset of {of} and no network: `ifss models describe {of}` says what that network is, "
            "`ifss models list` what the released presets are."
        )
