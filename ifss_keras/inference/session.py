"""A volume that is being annotated: every annotation is carried on as soon as it is made."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.paged import large_zeros
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.along_sweep import needs_order
from ifss_keras.inference.carried_labels import CarriedLabels, carry_annotation
from ifss_keras.inference.prediction import Prediction
from ifss_keras.propagation.carry import Carrier
from ifss_keras.propagation.compose import compose_slice
from ifss_keras.propagation.kept import KeptSpans
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

KEPT_BYTES = 200_000_000  # of spans as they were before, so that to undo is quick
Masks = Mapping[int, Mapping[int, np.ndarray | None]]


class Session:
    """One volume, the annotated slices of its labels so far, and the mask that they make; from `Predictor.open`.

    Only the spans to the annotated slices on both sides of an annotation are run again, and the next ones where it is
    the first beyond them; all other slices stay bit for bit. After `settle` the mask is that of `Predictor.predict`
    from the same annotation, in whatever order it was drawn.

    Args:
        predictor: whose network carries the annotations.
        volume: any grid, any real voxel type.

    Attributes:
        labels: (slice, row, column) codes, 0 elsewhere: the mask as it is now, for reading.
        references: label code to slice index to (row, column) bool; empty where the label is known to be absent.
        names: label code to name; a label that is not named is called by its code.

    Raises:
        InputError: the volume is a tracked sweep, whose frames have to be put into order for each annotation.
    """

    def __init__(self, predictor, volume: Volume):
        if needs_order(volume):
            raise InputError("The frames of a tracked sweep are not annotated one by one: use `ifss predict`.")
        self.volume = volume
        self.labels = large_zeros(volume.array.shape, np.uint8)
        self.references: dict[int, dict[int, np.ndarray]] = {}
        self.names: dict[int, str] = {}
        self._kept = KeptSpans(KEPT_BYTES)
        self._carrier = Carrier(predictor.runner, volume, predictor.settings, self._kept)
        self._carried = CarriedLabels({}, {})

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
        return self.revise({code: {index: mask}}, progress=progress)

    def forget(self, index: int, code: int = 1, *, progress: Progress = silent) -> dict[int, np.ndarray]:
        """Takes a slice as not annotated for a label; the slices that changed, as `annotate`."""
        return self.revise({code: {index: None}}, progress=progress)

    def revise(self, masks: Masks, *, progress: Progress = silent) -> dict[int, np.ndarray]:
        """Takes several slices as annotated, or as not, and carries all on in one go.

        Where `progress` raises, as to cancel, or anything else does, nothing has changed.

        Args:
            masks: label code to slice index to its mask, as in `annotate`, or None where it is annotated no longer.
                Where two masks hold the same voxel, it is the later one's.
            progress: as in `annotate`.

        Returns:
            The slices that changed, as `annotate`, which also says what is raised.
        """
        return self._carry_on({code: dict(held) for code, held in self.references.items()}, masks, progress)

    def restore(
        self, references: Mapping[int, Mapping[int, np.ndarray]], *, progress: Progress = silent
    ) -> dict[int, np.ndarray]:
        """Takes these references in place of all that were, and carries them on; otherwise as `revise`."""
        return self._carry_on({}, references, progress)

    def settle(self, *, progress: Progress = silent) -> dict[int, np.ndarray]:
        """Brings every slice to what `Predictor.predict` gives from the same annotation; the slices that changed.

        An annotation tells a little of slices far away, too, by the areas of all. So that nothing moves there while
        somebody draws, they keep what they had, some pixels less or more, until they are settled.
        """
        return self._carry_on(self.references, {}, progress, settle=True)

    @property
    def annotation(self) -> Annotation:
        """The references as `Predictor.predict` takes them.

        Raises:
            InputError: no slice is annotated yet.
        """
        return Annotation.of_references(self.references, self.names)

    def prediction(self) -> Prediction:
        """The mask as it is now, what it measures and what there is to say of it.

        Raises:
            InputError: no slice is annotated yet.
        """
        annotation = self.annotation
        origins = self._carried.origins(self._carrier)
        labels = large_zeros(self.labels.shape, self.labels.dtype)  # of its own, slice by slice to need little memory
        for index, plane in enumerate(self.labels):
            labels[index] = plane
        return Prediction.of_labels(labels, self.volume, annotation, origins)

    def _carry_on(
        self, references: dict, masks: Masks, progress: Progress, *, settle: bool = False
    ) -> dict[int, np.ndarray]:
        for code, given in masks.items():
            for index, mask in given.items():
                _take(references, code, index, None if mask is None else self._checked(index, mask, code))
        before = self.references
        self.references = references
        self._kept.begin(settle=settle)
        try:
            held = any(mask.any() for masks in references.values() for mask in masks.values())
            carried = carry_annotation(self._carrier, self.annotation, progress) if held else CarriedLabels({}, {})
        except BaseException:
            self.references = before
            raise
        touched = carried.differing(self._carried)
        self._carried = carried
        return {index: plane for index in sorted(touched) if (plane := self._composed(index)) is not None}

    def _composed(self, index: int) -> np.ndarray | None:
        """The codes of a slice, put into the mask; None if they are there already."""
        plane, carried = np.zeros(self.volume.array.shape[1:], np.uint8), self._carried
        soft, threshold = carried.soft, self._carrier.settings.threshold
        compose_slice(plane, index, soft, carried.masks, self.volume.spacing_mm, threshold)
        if np.array_equal(plane, self.labels[index]):
            return None
        self.labels[index] = plane
        return plane

    def _checked(self, index: int, mask: np.ndarray, code: int) -> np.ndarray:
        slices, *plane = self.volume.array.shape
        if not isinstance(index, Integral) or not 0 <= index < slices:
            raise InputError(f"There is no slice {index}: expected 0 to {slices - 1}.")
        given, mask = np.asarray(mask), np.array(mask, bool)
        if given.dtype != bool and not ((given == 0) | (given == 1)).all():
            raise InputError(
                f"The mask holds {given.max()}: expected true and false, or 0 and 1; pass `labels == {code}`, say."
            )
        if mask.shape != tuple(plane):
            raise InputError(
                f"The mask has shape {mask.shape} (row, column): expected that of a slice, {tuple(plane)}."
            )
        if not 1 <= code <= 255:
            raise InputError(f"There is no label {code}: expected a code from 1 to 255.")
        return mask


def _take(references: dict[int, dict[int, np.ndarray]], code: int, index: int, mask: np.ndarray | None) -> None:
    """Puts one mask among the references."""
    held = references.setdefault(code, {})
    if mask is None:
        held.pop(index, None)
        return
    for other, masks in references.items():
        if other != code and index in masks:
            masks[index] = masks[index] & ~mask
    held[index] = mask
