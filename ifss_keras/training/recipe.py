"""A training run as one frozen record, read from YAML."""

from __future__ import annotations

import os
import reprlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_serializer, field_validator, model_validator

from ifss_keras.core.checks import as_tuples
from ifss_keras.core.errors import InputError
from ifss_keras.core.yaml_file import read_yaml
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.settings import ClipSettings
from ifss_keras.training.examples.windows import WindowSettings
from ifss_keras.training.parts import (
    MOST_STEPS,
    Corpus,
    DataSet,
    Labels,
    Loss,
    Negatives,
    Optimizer,
    Part,
    Passes,
    PseudoLabels,
    Reconstruction,
    Supervision,
)
from ifss_keras.zoo.catalogue import find_architecture

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
    """What every training is decided by; `model` is any name of `zoo.ARCHITECTURES`, `network` its arguments.

    Attributes:
        data: a lab's own volumes, beside or instead of the synthetic ones of `training` and `validation`.
        supervision: which slices of the lab's volumes may be known, or where there are none, of the synthetic ones.
        freeze: patterns of weights' paths (`*` for any signs) that stay as they are.
        precision: of the layers' numbers.
    """

    name: str
    model: str = "IFSSNet"
    seed: int = Field(1, ge=0, lt=2**32)
    network: Annotated[dict[str, Any], BeforeValidator(_arguments)] = Field({}, validate_default=True)
    data: DataSet | None = None
    training: Corpus | None = None
    validation: Corpus | None = None
    supervision: Supervision = Supervision()
    optimizer: Optimizer = Optimizer()
    freeze: tuple[str, ...] = ()
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    batch: int = Field(4, ge=1, le=4096)
    steps_per_epoch: int = Field(100, ge=1, le=MOST_STEPS)
    epochs: int = Field(10, ge=1, le=MOST_STEPS)
    validation_steps: int = Field(20, ge=1, le=MOST_STEPS)

    @model_validator(mode="after")
    def _has_volumes(self):
        if self.data is None:
            for name in ("training", "validation"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: Field required, or data, but neither is there; add one")
        elif self.data.share < 1 and self.training is None:
            raise ValueError("training: Field required, as data.share leaves a part to synthetic volumes; add it")
        return self

    @model_validator(mode="after")
    def _validated_on_others(self):
        if self.training is None or self.validation is None:
            return self
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
    """Everything that decides what the training of a network that carries annotated slices on gives.

    Attributes:
        labels: code: name of the only ones that are trained on; None: all that the volumes hold.
        clips: which clips are drawn.
        passes: volumes passed through in order, instead of clips drawn anywhere.
        propagation: how volumes are shown.
        pseudo_labels: targets on slices that may not be known; None: none.
    """

    labels: Labels | None = None
    clips: ClipSettings = ClipSettings()
    passes: Passes | None = None
    propagation: Annotated[PropagationSettings, BeforeValidator(_without_what_follows)] = PropagationSettings()
    pseudo_labels: PseudoLabels | None = None
    loss: Loss = Loss()

    @property
    def windows(self) -> int:
        """Trained windows in a clip."""
        return self.passes.windows if self.passes else self.clips.windows

    @property
    def clips_drawn(self) -> ClipSettings:
        """Which clips are drawn, as many windows as are trained on."""
        return replace(self.clips, windows=self.windows)

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


class SegmentationRecipe(Recipe):
    """Everything that decides what the training of a network that needs no reference gives.

    Its `network` takes its `classes` from the labels: these in their order, the background last.

    Attributes:
        labels: code: name.
        slices: in a window.
        loss: of the labels; at each of several heads where a network has these.
        negatives: other muscles as known background; None: nothing is known of slices that are not annotated.
        reconstruction: for a network that reconstructs.
    """

    labels: Labels
    slices: int = Field(8, ge=1, le=4096)
    loss: Loss = Loss(terms={"squared_dice": 1.0, "cross_entropy": 1.0})
    negatives: Negatives | None = None
    reconstruction: Reconstruction = Reconstruction()

    @field_validator("network")
    @classmethod
    def _without_what_follows(cls, network):
        for name, source in (("classes", "labels"), ("slices", "slices"), ("channels", "the volumes")):
            if name in network:
                raise ValueError(f"{name} follows from {source} of the recipe: leave it out")
        return network

    def window_settings(self) -> WindowSettings:
        """The settings that windows of this recipe are drawn with."""
        negatives = tuple(self.negatives.labels) if self.negatives else ()
        return WindowSettings(self.size, self.slices, tuple(self.labels), negatives)


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
    return recipe_of_file(read_keys(path), path)


def read_keys(path: str | Path) -> dict:
    """Keys and values in the YAML file of a recipe, as they stand there.

    Raises:
        InputError: no such file, or not YAML, or no keys.
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
    return held


def recipe_of_file(held: dict, path: str | Path) -> PropagationRecipe | SegmentationRecipe:
    """The recipe with these keys, which stood in the file `path`.

    Raises:
        InputError: an unknown key, or a value out of range; the text names file and key.
    """
    try:
        return recipe_from(_with_data_beside(held, Path(path).parent))
    except (ValidationError, TypeError, InputError) as error:
        raise InputError(f"The recipe {path} cannot be used: {first_problem(error)}") from error


def _with_data_beside(held: dict, folder: Path) -> dict:
    """The same, the path of its data, which is relative to the recipe's folder, absolute."""
    data = held.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("path"), str):
        return held
    return held | {"data": data | {"path": os.path.abspath(folder / Path(data["path"]).expanduser())}}


def first_problem(error: Exception) -> str:
    """What is wrong with a recipe, as the end of a sentence: of a `pydantic.ValidationError` the first problem."""
    problem = _problem(error).rstrip(".")
    return f"{problem}{'' if problem.endswith('?') else '.'}"


def _problem(error) -> str:
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
