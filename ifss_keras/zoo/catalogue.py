"""Every network of the zoo under its name: where it comes from, its variants and what they count."""

from __future__ import annotations

import importlib
import inspect
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ifss_keras.core.backend import start_backend
from ifss_keras.core.checks import known_names, require
from ifss_keras.core.errors import InputError, PresetError


@dataclass(frozen=True)
class Variant:
    """Arguments that turn a network into a named one.

    Attributes:
        name: "default", or what the papers call it.
        parameters: trainable ones; a test counts them.
        arguments: away from the constructor's defaults.
        published: the papers' count, where they give one.
    """

    name: str
    parameters: int
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    published: int | None = None


@dataclass(frozen=True)
class Architecture:
    """A network class.

    Attributes:
        name: of the class, and what a recipe's `model` takes.
        module: below `ifss_keras.zoo.networks`.
        summary: one line for people.
        source: the paper.
        needs_reference: it carries annotated slices on; otherwise it finds the muscles by itself.
        variants: the first is the default.
    """

    name: str
    module: str
    summary: str
    source: str
    needs_reference: bool
    variants: tuple[Variant, ...]


LICENCE = "Apache-2.0"  # of the code of every network
MOST_LAYERS, MOST_UNITS = 64, 1_000_000
_LAYERS = ("blocks", "convolutions", "recurrent")  # arguments that count layers
_PLAIN = {"separable": False, "reconstruct": False, "recurrent": 0}

ARCHITECTURES = MappingProxyType(
    {
        architecture.name: architecture
        for architecture in (
            Architecture(
                "IFSSNet",
                "ifss_net",
                "Siamese encoder, global matching, ConvLSTM in both directions; the network of the presets.",
                "Al Chanti et al., TMI 2021",
                True,
                (
                    Variant("default", 3_759_834, published=6_217_186),
                    Variant("forward ConvLSTM", 3_759_834, {"temporal": "forward"}),
                    Variant("no ConvLSTM", 2_722_554, {"temporal": "none"}),
                    Variant("cross-correlation", 2_243_394, {"fusion": "correlation"}),
                ),
            ),
            Architecture(
                "IFSSNetOriginal",
                "ifss_net_original",
                "IFSS-Net as its authors' code builds it; their loss has two parameters more.",
                "Al Chanti et al., TMI 2021, code",
                True,
                (Variant("default", 6_217_184, published=6_217_186),),
            ),
            Architecture(
                "PGNet",
                "pg_net",
                "Mask propagation in 2D, guided by annotated slices.",
                "Oh et al., CVPR 2018; TMI 2021",
                True,
                (Variant("default", 8_580_618, published=8_649_224),),
            ),
            Architecture(
                "SegNetFS",
                "seg_net_fs",
                "The segmentation half of IFSS-Net.",
                "Al Chanti et al., TMI 2021",
                False,
                (Variant("default", 1_944_042, published=4_129_026),),
            ),
            Architecture(
                "UNet3D",
                "unet3d",
                "Encoder and decoder of 3x3x3 convolutions, skips concatenated.",
                "Cicek et al., MICCAI 2016",
                False,
                (
                    Variant("default", 19_073_730),
                    Variant("without normalisation", 19_069_058, {"normalize": False}),
                    Variant("nearest to TMI 2021", 13_416_926, {"widths": (27, 54, 107, 215)}, 13_424_194),
                ),
            ),
            Architecture(
                "VNet",
                "vnet",
                "Residual stages of 5x5x5 convolutions, strided convolutions between them.",
                "Milletari et al., 3DV 2016",
                False,
                (
                    Variant("default", 65_175_314),
                    Variant("with ReLU", 65_171_858, {"prelu": False}),
                    Variant(
                        "nearest to TMI 2021",
                        8_413_730,
                        {"widths": (12, 24, 48, 97, 194), "kernel": 3, "prelu": False},
                        8_410_184,
                    ),
                ),
            ),
            Architecture(
                "DAF3D",
                "daf3d",
                "ResNeXt of 50 layers, levels refined under attention, nine supervised heads.",
                "Wang et al., TMI 2019",
                False,
                (Variant("default", 28_918_390, published=28_918_390),),
            ),
            Architecture(
                "SpatioTemporalUNet",
                "spatio_temporal_unet",
                "U-Net over planes, with separable convolutions, a reconstruction decoder and stacked ConvLSTMs.",
                "Gonzalez Duque et al., MICCAI 2020",
                False,
                (
                    Variant("default", 19_342_588),
                    Variant("Unet", 1_965_298, _PLAIN),
                    Variant("Unet-S", 347_147, {"reconstruct": False, "recurrent": 0}),
                    Variant("Unet-S-R", 464_124, {"recurrent": 0}),
                ),
            ),
        )
    }
)


def find_architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        InputError: no such network; the text lists those there are.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    raise InputError(f"There is no network {name!r}: {known_names(name, ARCHITECTURES)}")


def refuse_a_network(name: str, presets: Iterable[str]) -> None:
    """Refuses the name of a network in the place of a preset's.

    Args:
        name: given as a preset's.
        presets: names that would do.

    Raises:
        PresetError: it is a network's.
    """
    if name in ARCHITECTURES:
        raise PresetError(
            f"{name!r} is a network and no preset: expected the weights of one, such as {', '.join(presets)}; "
            f"`ifss models describe {name}` says what the network is."
        )


def network_class(name: str) -> type:
    """The class of a network.

    Raises:
        InputError: see `find_architecture` and `start_backend`.
    """
    module = f"ifss_keras.zoo.networks.{find_architecture(name).module}"
    start_backend()
    module = importlib.import_module(module)
    return getattr(module, name)


def keyword_arguments(cls: type) -> dict[str, Any]:
    """The keyword-only arguments of a class's constructor with their defaults, in order."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}


def build_network(name: str, arguments: Mapping[str, Any]):
    """The network `name` with these arguments, its weights newly drawn.

    Raises:
        InputError: no such network, an argument that it does not have, or values that cannot be built, such as rows
            that do not divide.
    """
    cls = network_class(name)
    known = keyword_arguments(cls)
    for argument in arguments:
        if argument not in known:
            raise InputError(f"{name} has no argument {argument!r}: {known_names(argument, known)}")
    try:
        for argument, value in arguments.items():
            _require_a_size(argument, value)
        return cls.from_config({"name": "network", **arguments})
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        problem = " ".join(str(error).split()).rstrip(".")
        given = ", ".join(f"{argument}={reprlib.repr(value)}" for argument, value in arguments.items())
        raise InputError(
            f"The network {name} cannot be built with {given}: {problem}; `ifss models describe {name}` shows its "
            f"arguments."
        ) from error


def _require_a_size(argument: str, value: Any) -> None:
    """ValueError for a number that no network has, whose layers could not be counted in a lifetime."""
    if isinstance(value, list | tuple):
        require(len(value) <= MOST_LAYERS, f"{argument} must have {MOST_LAYERS} values or fewer, received {len(value)}")
        for part in value:
            _require_a_size(argument, part)
    elif isinstance(value, int):
        most = MOST_LAYERS if argument in _LAYERS else MOST_UNITS
        require(value <= most, f"{argument} must be {most:,} or less, received {value:,}")
