"""What a MAT-file holds, whichever of its versions it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError

SMALL_BYTES = 4096  # what says where or what an array is, and is read at once
MOST_CELLS = 4096
MOST_DEPTH = 5  # of structs in structs

ReadArray = Callable[[float | None], np.ndarray]


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable, or one field of a struct.

    Attributes:
        name: with dots between a struct and its field.
        kind: MATLAB's class, or what makes it another thing than an array of numbers: "complex", "sparse".
        shape: sizes along MATLAB's dimensions 1, 2, 3 and on.
        read: (most GB or None for what is free) to the numbers, (dimension 1, 2, ...); None: it is no array of numbers.
        value: of what is small: numbers as (dimension 1, 2, ...), text as str, cells as a list of these.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    read: ReadArray | None = None
    value: Any = None

    @property
    def scope(self) -> str:
        """The struct that it is a field of, with a dot; empty for a variable of its own."""
        return self.name[: self.name.rfind(".") + 1]

    @property
    def told(self) -> str:
        """Name and size, for texts."""
        text = f"{self.name} ({' x '.join(map(str, self.shape))}{' ' * bool(self.shape)}{self.kind})"
        return "".join(sign for sign in text if sign.isprintable())


def damaged(path: Path, what: str) -> InputError:
    """A MAT-file that ends early or contradicts itself."""
    return InputError(f"{path} is truncated or corrupted: {what}; copy or save it again.")
