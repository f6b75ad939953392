"""What a sweep varies and how: the key `sweep` of a recipe file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ifss_keras.core.checks import as_tuples
from ifss_keras.training.parts import Part

DEFAULT_TRIALS, MOST_TRIALS = 8, 10_000


class Knob(Part):
    """The values that a sweep may give to one setting of a recipe: a range, or some that are listed.

    Attributes:
        low, high: ends of the range; whole numbers both give whole numbers where the setting is one.
        scale: "log": evenly over the logarithm.
        choices: the values, of any type.
    """

    low: int | float | None = None
    high: int | float | None = None
    scale: Literal["linear", "log"] = "linear"
    choices: Annotated[tuple[Any, ...] | None, BeforeValidator(as_tuples)] = Field(None, min_length=1)

    @model_validator(mode="after")
    def _is_range_or_list(self):
        if self.choices is not None:
            if (self.low, self.high, self.scale) != (None, None, "linear"):
                raise ValueError("expected choices alone, or low and high, received both")
            if any(value in self.choices[:index] for index, value in enumerate(self.choices)):
                raise ValueError(f"expected each of the choices once, received {list(self.choices)}")
            return self
        if self.low is None or self.high is None:
            raise ValueError("expected low and high, or choices, received neither whole")
        if self.low >= self.high:
            raise ValueError(f"expected low below high, received {self.low} and {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"expected low above 0 on the log scale, received {self.low}")
        return self

    def examples(self) -> tuple:
        """Values that must all be right if the knob is: the choices, or both ends of the range."""
        return self.choices if self.choices is not None else (self.low, self.high)


# TMI 2021 gives neither of the two
DEFAULT_KNOBS = {
    "optimizer.learning_rate": Knob(low=1e-4, high=1e-2, scale="log"),
    "optimizer.weight_decay": Knob(low=1e-6, high=1e-3, scale="log"),
}


class Sweep(Part):
    """How a sweep is made.

    Attributes:
        method: "random"; "bayesian": random for the first three times as many trials as there are knobs, then where a
            Gaussian process expects most; "hyperband" (Li et al., JMLR 2018): many short trials, of which the best go
            on.
        trials: of "random" and "bayesian"; None: 8. Those of "hyperband" follow from the recipe's epochs and `factor`.
        factor: of "hyperband": one trial of so many goes on, for so many times the epochs.
        knobs: what is varied: a dotted path in the recipe, and its values.
    """

    method: Literal["random", "bayesian", "hyperband"] = "random"
    trials: int | None = Field(None, ge=1, le=MOST_TRIALS)
    factor: int = Field(3, ge=2, le=10)
    knobs: dict[str, Knob] = Field(DEFAULT_KNOBS, min_length=1)

    @model_validator(mode="after")
    def _fits_the_method(self):
        if self.method == "hyperband" and self.trials is not None:
            raise ValueError("trials follow from epochs and sweep.factor in hyperband: leave them out")
        if self.method != "hyperband" and "factor" in self.model_fields_set:
            raise ValueError(f"factor is of hyperband, not of {self.method}: leave it out")
        return self
