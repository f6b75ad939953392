"""A volume that is being annotated: every annotation is carried on as soon as it is made."""

from __future__ import annotations

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.prediction import Prediction
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume


class Session:
    """One volume, the annotated slices of its labels so far, and the mask that they make; from `Predictor.open`.

    Args:
        predictor: whose network carries the annotations.
        volume: any grid, any real voxel type.

    Attributes:
        labels: (slice, row, column) codes, 0 elsewhere: the mask as it is now, for reading.
        references: label code to slice index to (row, column) bool; empty where the label is known to be absent.
        names: label code to name; a label that is not named is called by its code.
    """

    def __init__(self, predictor, volume: Volume):
        self.predictor = predictor
        self.volume = volume
        self.labels = np.zeros(volume.array.shape, np.uint8)
        self.references: dict[int, dict[int, np.ndarray]] = {}
        self.names: dict[int, str] = {}

    def annotate(
        self, index: int, mask: np.ndarray, code: int = 1, *, progress: Progress = silent
    ) -> dict[int, np.ndarray]:
        """Takes a slice as annotated, in place of what it was, and carries its label on.

        Voxels of other labels' annotations on this slice that the mask holds are theirs no longer.

        Args:
            index: of the slice.
            mask: (row, column) bool; an empty one says that the label is absent there.
            code: of the label, 1 to 255.
            progress: told of the label, the slices done and those to do.

        Returns:
            The slices that changed: index to their codes (row, column), new arrays.

        Raises:
            InputError: there is no such slice or code, or a mask of another shape.
        """
        mask = self._checked(index, mask, code)
        for other, held in self.references.items():
            if other != code and index in held:
                held[index] = held[index] & ~mask
        self.references.setdefault(code, {})[index] = mask
        return self._carried(progress)

    def forget(self, index: int, code: int = 1, *, progress: Progress = silent) -> dict[int, np.ndarray]:
        """Takes a slice as not annotated for a label; the slices that changed, as `annotate`."""
        self.references.get(code, {}).pop(index, None)
        return self._carried(progress)

    @property
    def annotation(self) -> Annotation:
        """The references as `Predictor.predict` takes them.

        Raises:
            InputError: no slice is annotated yet.
        """
        return Annotation.of_references(self.references, self.names)

    def prediction(self) -> Prediction:
        """The mask as it is now, what it measures and what there is to say of it."""
        return self.predictor.predict(self.volume, self.annotation)

    def _carried(self, progress: Progress) -> dict[int, np.ndarray]:
        held = any(mask.any() for masks in self.references.values() for mask in masks.values())
        shape = self.volume.array.shape
        labels = self.predictor.predict(self.volume, self.annotation, progress=progress).labels if held else None
        changed = {}
        for index in range(shape[0]):
            now = np.zeros(shape[1:], np.uint8) if labels is None else labels[index]
            if not np.array_equal(now, self.labels[index]):
                self.labels[index] = now
                changed[index] = now.astype(np.uint8)
        return changed

    def _checked(self, index: int, mask: np.ndarray, code: int) -> np.ndarray:
        slices, *plane = self.volume.array.shape
        mask = np.array(mask, bool)
        if not 0 <= index < slices:
            raise InputError(f"There is no slice {index}: expected 0 to {slices - 1}.")
        if mask.shape != tuple(plane):
            raise InputError(
                f"The mask has shape {mask.shape} (row, column): expected that of a slice, {tuple(plane)}."
            )
        if not 1 <= code <= 255:
            raise InputError(f"There is no label {code}: expected a code from 1 to 255.")
        return mask
