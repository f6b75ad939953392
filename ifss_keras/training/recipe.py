"""A training run as one frozen record, read from YAML."""

from __future__ import annotations

import reprlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from ifss_keras.core.checks import as_tuples
from ifss_keras.core.errors import InputError
from ifss_keras.core.yaml_file import read_yaml
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.clips import ClipSettings
from ifss_keras.training.examples.windows import WindowSettings
from ifss_keras.zoo.catalogue import find_architecture

MOST_STEPS, MOST_VOLUMES = 10**9, 10**9  # of what is counted; memory is asked for by `training.needs`


class Part(BaseModel):
    """A part of a recipe: frozen; a key that it does not know is an error, as is a number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Corpus(Part):
    """Synthetic volumes: how many of each kind, from which seed on."""

    calf: int = Field(0, ge=0, le=MOST_VOLUMES)
    shapes: int = Field(0, ge=0, le=MOST_VOLUMES)
    structures: int = Field(0, ge=0, le=MOST_VOLUMES)
    first_seed: int = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _not_empty(self):
        if not self.volumes:
            raise ValueError("expected one volume or more of calf, shapes or structures")
        return self

    @property
    def volumes(self) -> int:
        """How many there are of all kinds."""
        return self.calf + self.shapes + self.structures

    def seeds(self, kind: str) -> range:
        """The seeds of the volumes of a kind."""
        return range(self.first_seed, self.first_seed + getattr(self, kind))


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
    warmup_steps: int = Field(100, ge=0, le=MOST_STEPS)
    clip_norm: float = Field(1.0, gt=0)


# what a recipe says elsewhere
_FOLLOWS = {"size": "network.image_size", "window": "network.window", "recall_newest": "clips.recent"}


def _without_what_follows(propagation):
    for name, source in _FOLLOWS.items():
        if isinstance(propagation, dict) and name in propagation:
            raise ValueError(f"{name} follows from {source} of the recipe: leave it out")
    return propagation


def _arguments(network):
    """Arguments as a network takes them: with a working size, and tuples where YAML has lists."""
    if not isinstance(network, dict) or not all(isinstance(name, str) for name in network):
        raise ValueError("expected the network's arguments, a value for each name")
    network = {"image_size": (96, 96)} | {name: as_tuples(value) for name, value in network.items()}
    rows, columns = _pair(network["image_size"])
    if rows != columns:
        raise ValueError(f"image_size must be square, received {rows}x{columns}")
    return network


def _pair(size):
    if isinstance(size, tuple) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size):
        return size
    raise ValueError(f"image_size must be (rows, columns), received {size!r}")


class Recipe(Part):
    """What every training is decided by; `model` is any name of `zoo.ARCHITECTURES`, `network` its arguments."""

    name: str
    model: str = "IFSSNet"
    seed: int = Field(1, ge=0, lt=2**32)
    network: Annotated[dict[str, Any], BeforeValidator(_arguments)] = Field({}, validate_default=True)
    training: Corpus
    validation: Corpus
    optimizer: Optimizer = Optimizer()
    batch: int = Field(4, ge=1, le=4096)
    steps_per_epoch: int = Field(100, ge=1, le=MOST_STEPS)
    epochs: int = Field(10, ge=1, le=MOST_STEPS)
    validation_steps: int = Field(20, ge=1, le=MOST_STEPS)

    @model_validator(mode="after")
    def _validated_on_others(self):
        for kind in ("calf", "shapes", "structures"):
            seeds, others = self.training.seeds(kind), self.validation.seeds(kind)
            first = max(seeds.start, others.start)
            if first < min(seeds.stop, others.stop):
                raise ValueError(
                    f"validation: expected seeds that are not trained on, received {kind} {first} in both; "
                    f"choose another validation.first_seed"
                )
        return self

    @property
    def size(self) -> int:
        """Working rows and columns."""
        return self.network["image_size"][0]


class PropagationRecipe(Recipe):
    """Everything that decides what the training of a network that carries annotated slices on gives."""

    clips: ClipSettings = ClipSettings()
    propagation: Annotated[PropagationSettings, BeforeValidator(_without_what_follows)] = PropagationSettings()
    loss: Loss = Loss()

    def settings(self, window: int = 3) -> PropagationSettings:
        """How volumes are shown to a network of that window, in training and in prediction.

        Raises:
            InputError: a window of one slice, as windows at stride 1 must share one.
        """
        if window < 2:
            raise InputError(f"network.window must be 2 or more, received {window}: mend the recipe.")
        return replace(self.propagation, size=self.size, window=window, recall_newest=self.clips.recent > 0)

    @field_serializer("propagation")
    def _held(self, propagation: PropagationSettings) -> dict[str, Any]:
        return {name: value for name, value in propagation.to_dict().items() if name not in _FOLLOWS}


def _different_names(labels):
    if len(set(labels.values())) < len(labels):
        raise ValueError("two labels have the same name: give each its own")
    return labels


class SegmentationRecipe(Recipe):
    """Everything that decides what the training of a network that needs no reference gives.

    Its `network` takes its `classes` from the labels: these in their order, the background last.
    """

    labels: Annotated[dict[PositiveInt, str], AfterValidator(_different_names)] = Field(min_length=1)  # code: name
    slices: int = Field(8, ge=1, le=4096)  # in a window
    reconstruction: float = Field(1.0, ge=0)  # weight of the mean squared error, for a network that reconstructs

    @field_validator("network")
    @classmethod
    def _without_what_follows(cls, network):
        for name, source in (("classes", "labels"), ("slices", "slices"), ("channels", "the volumes")):
            if name in network:
                raise ValueError(f"{name} follows from {source} of the recipe: leave it out")
        return network

    def window_settings(self) -> WindowSettings:
        """The settings that windows of this recipe are drawn with."""
        return WindowSettings(self.size, self.slices, tuple(self.labels))


def recipe_from(held: dict) -> PropagationRecipe | SegmentationRecipe:
    """The recipe with these keys, of the kind that its model is trained by.

    Raises:
        InputError: a model that there is not.
        pydantic.ValidationError: an unknown key or a value out of range.
    """
    model = held.get("model", "IFSSNet")
    if not isinstance(model, str):
        raise InputError(f"model must be the name of a network, received {model!r}.")
    return (PropagationRecipe if find_architecture(model).needs_reference else SegmentationRecipe)(**held)


def read_recipe(path: str | Path) -> PropagationRecipe | SegmentationRecipe:
    """The recipe in a YAML file.

    Raises:
        InputError: no such file, not YAML, an unknown key, or a value out of range; the text names the key.
    """
    path = Path(path)
    try:
        held = read_yaml(path)
    except OSError as error:
        raise InputError(f"Cannot read the recipe {path}: {error.strerror}; check the path.") from error
    except ValueError as error:
        raise InputError(f"The recipe {path} cannot be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(held, dict):
        received = "nothing" if held is None else type(held).__name__
        raise InputError(f"The recipe {path} should hold keys and values, received {received}.")
    try:
        return recipe_from(held)
    except (ValidationError, TypeError, InputError) as error:
        problem = _first_problem(error).rstrip(".")
        raise InputError(
            f"The recipe {path} cannot be used: {problem}{'' if problem.endswith('?') else '.'}"
        ) from error


def _first_problem(error) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{key}: Field required, but it is not there; add it"
    unknown = problem["type"] in ("extra_forbidden", "unexpected_keyword_argument")
    what = "unknown key" if unknown else problem["msg"].removeprefix("Value error, ")
    if "received" in what:
        return f"{key}: {what}" if key else what
    return f"{key}: {what}, received {reprlib.repr(problem['input'])}; mend it"
