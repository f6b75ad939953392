"""A recipe and what of it a sweep varies, from one file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ifss_keras.core.checks import known_names
from ifss_keras.core.errors import InputError
from ifss_keras.core.loss_names import LOSSES
from ifss_keras.training.recipe import Recipe, first_problem, read_keys, recipe_from, recipe_of_file
from ifss_keras.training.sweep.settings import Sweep
from ifss_keras.zoo.catalogue import keyword_arguments, network_class


@dataclass(frozen=True)
class SweepPlan:
    """A recipe, and what of it a sweep varies; checked as a whole when it is made.

    Raises:
        InputError: a knob that the recipe does not have, or a value that its recipe cannot have.
    """

    recipe: Recipe
    sweep: Sweep = field(default_factory=Sweep)

    def __post_init__(self):
        for path, knob in self.sweep.knobs.items():
            value = self.value_at(path)
            if isinstance(value, dict):
                inside = [f"{path}.{name}" for name in value]
                raise InputError(f"sweep.knobs: {path} is a group of settings: {known_names(path, inside)}")
            for example in knob.examples():
                try:
                    self.recipe_with({path: example})
                except InputError as error:
                    raise InputError(f"sweep.knobs: {error}") from error

    def recipe_with(self, values: dict[str, Any]) -> Recipe:
        """The recipe with these values, by dotted path.

        Raises:
            InputError: one that a recipe cannot have.
        """
        held = self.recipe.model_dump(mode="json")
        for path, value in values.items():
            *groups, name = path.split(".")
            level = held
            for group in groups:
                level = level[group]
            level[name] = value
        try:
            return recipe_from(held)
        except (ValidationError, TypeError, InputError) as error:
            given = ", ".join(f"{path} {value}" for path, value in values.items())
            raise InputError(f"The recipe cannot have {given}: {first_problem(error)}") from error

    def value_at(self, path: str) -> Any:
        """What a setting is in the recipe itself, by its dotted path.

        Raises:
            InputError: there is none.
        """
        level, walked = self.recipe.model_dump(mode="json"), []
        for name in path.split("."):
            group = ".".join(walked)
            if level is None:
                raise InputError(f"sweep.knobs: {path} cannot be varied where the recipe has no {group}: add {group}.")
            known = self._settings_in(walked, level)
            if name not in known:
                within = f"{group} has" if group else "a recipe has"
                raise InputError(
                    f"sweep.knobs: {within} no {name}, received {path}: {known_names(name, list(known))}"
                    if known
                    else f"sweep.knobs: {group} is one setting, received {path}: write {group}."
                )
            level = known[name]
            walked.append(name)
        return level

    def with_trials(self, trials: int | None) -> SweepPlan:
        """The same with so many trials; None: as it is.

        Raises:
            InputError: too many, or a method that counts its own.
        """
        if trials is None:
            return self
        return replace(self, sweep=_sweep_from(self.sweep.model_dump(exclude_unset=True) | {"trials": trials}))

    def to_dict(self) -> dict[str, Any]:
        """As a recipe file holds it."""
        knobs = {path: knob.model_dump(mode="json", exclude_unset=True) for path, knob in self.sweep.knobs.items()}
        sweep = self.sweep.model_dump(mode="json", exclude_unset=True) | {"method": self.sweep.method, "knobs": knobs}
        return self.recipe.model_dump(mode="json") | {"sweep": sweep}

    def _settings_in(self, walked: list[str], level: Any) -> dict[str, Any]:
        """The settings in one group of the recipe, with their values; none in what is no group."""
        if not isinstance(level, dict):
            return {}
        if walked == ["network"]:
            return keyword_arguments(network_class(self.recipe.model)) | level
        if walked == ["loss", "terms"]:
            return dict.fromkeys(LOSSES, 0.0) | level
        return level


def read_sweep(path: str | Path) -> SweepPlan:
    """The plan in a recipe file; without the key `sweep` both default knobs.

    Raises:
        InputError: see `read_recipe` and `SweepPlan`; the text names the key.
    """
    held = read_keys(path)
    sweep = held.pop("sweep", None)
    recipe = recipe_of_file(held, path)
    try:
        return SweepPlan(recipe, _sweep_from({} if sweep is None else sweep))
    except InputError as error:
        raise InputError(f"The recipe {path} cannot be used: {error}") from error


def _sweep_from(held: Any) -> Sweep:
    try:
        return Sweep.model_validate(held)
    except ValidationError as error:
        raise InputError(f"sweep: {first_problem(error)}") from error
