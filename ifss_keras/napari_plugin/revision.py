"""What somebody wants changed of the annotated slices."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(eq=False)
class Revision:
    """Slices whose annotation is to change, as they are drawn now.

    Attributes:
        masks: label code to slice index to (row, column) bool, empty where the label is absent; None where it is
            annotated no longer.
        planes: slice index to (row, column) codes of all labels there.
    """

    masks: dict[int, dict[int, np.ndarray | None]] = field(default_factory=dict)
    planes: dict[int, np.ndarray] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.masks)

    def copy(self) -> Revision:
        """Another that says the same."""
        return Revision({code: dict(masks) for code, masks in self.masks.items()}, dict(self.planes))

    def say(self, code: int, index: int, mask: np.ndarray | None, plane: np.ndarray) -> None:
        """Adds one slice of one label, in place of what was said of it."""
        self.masks.setdefault(code, {})[index] = mask
        self.planes[index] = plane.copy()

    def wipe_out(self, code: int, index: int, labels: np.ndarray) -> None:
        """Says that a label is absent on a slice, and takes its voxels there off the (slice, row, column) codes."""
        labels[index][labels[index] == code] = 0
        self.say(code, index, np.zeros(labels[index].shape, bool), labels[index])
