"""A training run as one frozen record, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from ifss_keras.core.errors import InputError
from ifss_keras.data.anchor import Softness
from ifss_keras.data.clips import ClipSettings


def _ascending(pair):
    if pair[0] > pair[1]:
        raise ValueError("the least comes first, then the greatest")
    return pair


class Part(BaseModel):
    """A part of a recipe: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(Part):
    """Arguments of `IFSSNet`; `image_size` is the working size."""

    image_size: tuple[int, int] = (96, 96)
    widths: tuple[int, ...] = (16, 24, 32, 64)
    rates: tuple[int, ...] | tuple[tuple[int, ...], ...] = (1, 2, 4)
    first_depth_multiplier: int = 8
    encoder_depth_kernel: int = 1
    norm_per_channel: bool = True
    matching_kernel: int = 7
    window: int = Field(3, ge=2)  # stride 1: windows must share a slice
    head_width: int = 16
    memory_level: int = Field(0, ge=0)
    encoder_dropout: float = 0.1
    memory_dropout: float = 0.4
    decoder_dropout: float = 0.1


class Corpus(Part):
    """Synthetic volumes: how many of each kind, from which seed on."""

    calf: int = Field(0, ge=0)
    shapes: int = Field(0, ge=0)
    structures: int = Field(0, ge=0)
    first_seed: int = Field(ge=0)

    @property
    def volumes(self) -> int:
        """How many there are of all kinds."""
        return self.calf + self.shapes + self.structures


class Clips(Part):
    """How clips are drawn; see `ClipSettings`. `rollout` is the range of windows run without gradient."""

    windows: int = Field(5, ge=1)
    gap: Annotated[tuple[PositiveInt, PositiveInt], AfterValidator(_ascending)] = (4, 80)
    both_ends: float = Field(2 / 3, ge=0, le=1)
    degraded: float = Field(0.5, ge=0, le=1)
    margin: float = Field(1.4, ge=1)
    least_share: float = Field(0.5, gt=0, le=1)
    redrawn: float = Field(0.0, ge=0, le=1)
    recent: float = Field(0.0, ge=0, le=1)
    lost: float = Field(0.0, ge=0, le=1)
    rollout: Annotated[tuple[NonNegativeInt, NonNegativeInt], AfterValidator(_ascending)] = (0, 24)


class AnchorSoftness(Part):
    """See `Softness`."""

    start: float = Field(0.5, gt=0)
    per_slice: float = Field(0.1, ge=0)
    maximum: float = Field(4.5, gt=0)
    per_change: float = Field(0.0, ge=0)


class Loss(Part):
    """`ParametricTverskyLoss` and the weight of the cross-entropy beside it."""

    rule: Literal["reversal", "descent", "fixed"] = "reversal"
    low: float = Field(0.3, gt=0, le=0.5)
    smooth: float = Field(1.0, gt=0)
    cross_entropy: float = Field(0.5, ge=0)


class Optimizer(Part):
    """AdamW, or Muon (see `training.muon`): warm-up, then a cosine down to a hundredth of the learning rate."""

    kind: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    warmup_steps: int = Field(100, ge=0)
    clip_norm: float = Field(1.0, gt=0)


class Recipe(Part):
    """Everything that decides what a training gives."""

    name: str
    seed: int = 1
    network: Network = Network()
    training: Corpus
    validation: Corpus
    clips: Clips = Clips()
    softness: AnchorSoftness | None = AnchorSoftness()  # null: no anchors
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    batch: int = Field(4, ge=1)
    steps_per_epoch: int = Field(100, ge=1)
    epochs: int = Field(10, ge=1)
    validation_steps: int = Field(20, ge=1)

    def clip_settings(self) -> ClipSettings:
        """The settings that clips of this recipe are drawn with."""
        rows, columns = self.network.image_size
        if rows != columns:
            raise InputError(f"network.image_size must be square, received {rows}x{columns}: mend the recipe.")
        return ClipSettings(
            size=rows,
            window=self.network.window,
            softness=None if self.softness is None else Softness(**self.softness.model_dump()),
            **self.clips.model_dump(exclude={"rollout"}),
        )


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file.

    Raises:
        InputError: no such file, not YAML, an unknown key, or a value out of range; the text names the key.
    """
    path = Path(path)
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read the recipe {path}: {error.strerror}; check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"The recipe {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(held, dict):
        raise InputError(f"The recipe {path} should hold keys and values, received {type(held).__name__}.")
    try:
        return Recipe(**held)
    except (ValidationError, TypeError) as error:
        raise InputError(f"The recipe {path} cannot be used: {_first_problem(error)}.") from error


def _first_problem(error) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    what = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"]
    return f"{key}: {what}, received {problem['input']!r}"
