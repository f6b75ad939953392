"""What is drawn on a layer of labels, as annotations of a session, and back: the plugin without its windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.session import Session
from ifss_keras.inference.suggest import Suggestion, suggest
from ifss_keras.inference.summary import LabelSummary, label_title
from ifss_keras.napari_plugin.network import RemoteSession
from ifss_keras.napari_plugin.revision import Revision
from ifss_keras.napari_plugin.shown import ABSENT, DRAWN, MuscleRow, SliceMark

CODES = 256


class Annotator:
    """A session, and the labels that somebody draws on: the two tell each other what is new.

    What is drawn counts as annotated slice by slice and label by label: a label that was changed on a slice is
    annotated there, as it then stands. Where all of it was wiped out, it is absent there; but if the slice was
    annotated by hand, it is annotated no longer.

    Args:
        session: of the volume, in this process or another.
        preset: whose network it is.

    Attributes:
        prediction: what the annotations make, with measurements; None as long as there is nothing to carry on.
    """

    def __init__(self, session: Session | RemoteSession, preset: str):
        self.session, self.preset = session, preset
        self.prediction: Prediction | None = None
        # the labels as last seen, without what was drawn since, and how many voxels of each code a slice of them has
        self._shown = np.zeros_like(session.labels)
        self._voxels = np.array([_voxels_of(plane) for plane in self._shown])
        self._unheard = Revision()

    def moved(self, session: Session | RemoteSession, preset: str) -> Annotator:
        """The same annotations for another session of the same grid, which counts all of them as just drawn."""
        moved = Annotator(session, preset)
        session.names.update(self.session.names)
        moved._shown, moved._voxels = self._shown, self._voxels
        for code, masks in self.session.references.items():
            for index, mask in masks.items():
                moved._unheard.say(code, index, mask, self._shown[index])
        return moved

    def drawn(self, labels: np.ndarray) -> Revision:
        """What has been drawn on (slice, row, column) codes since the last `revise`.

        Raises:
            InputError: the labels are not on the session's grid.
        """
        if labels.shape != self._shown.shape:
            raise InputError(
                f"The labels layer has shape {labels.shape} (slice, row, column): expected that of the image, "
                f"{self._shown.shape}; make a new one."
            )
        revision = self._unheard.copy()
        for index, (plane, shown) in enumerate(zip(labels, self._shown, strict=True)):
            changed = plane != shown
            if changed.any():
                codes = np.union1d(plane[changed], shown[changed])
                for code in codes[codes != 0].tolist():
                    mask = plane == code
                    withdrawn = not mask.any() and self._annotated_by_hand(code, index)
                    revision.say(code, index, None if withdrawn else mask, plane)
        return revision

    def confirmed(self, labels: np.ndarray, index: int, code: int) -> Revision:
        """What has been drawn, and that a label is right on a slice, as it stands.

        Raises:
            InputError: as in `drawn`, or it has no voxel there.
        """
        revision, mask = self.drawn(labels), labels[index] == code
        if not mask.any():
            raise InputError(
                f"{self.title(code)} has no voxel on slice {index}: draw it there, or say that it is absent."
            )
        revision.say(code, index, mask, labels[index])
        return revision

    def absent(self, labels: np.ndarray, index: int, code: int) -> Revision:
        """What has been drawn, and that a label is absent on a slice, from whose plane it is wiped out."""
        revision = self.drawn(labels)
        revision.wipe_out(code, index, labels)
        return revision

    def ended(self, labels: np.ndarray, index: int, code: int) -> Revision:
        """What has been drawn, and that a slice is the last that holds a label: it is absent on the next one outwards.

        Outwards is away from the label's other annotated slices.

        Raises:
            InputError: as in `confirmed`, or it is annotated on both sides, or nowhere else.
        """
        revision = self.confirmed(labels, index, code)
        held = {known for known, mask in self.session.references.get(code, {}).items() if mask.any()}
        held |= {known for known, mask in revision.masks[code].items() if mask is not None and mask.any()}
        before, after = any(known < index for known in held), any(known > index for known in held)
        if before == after:
            where = "on both sides of it" if before else "on no other slice"
            raise InputError(
                f"{self.title(code)} cannot end on slice {index}: expected annotated slices on one side of it, it is "
                f"annotated {where}; annotate others first."
            )
        beyond = index + (1 if before else -1)
        if 0 <= beyond < len(labels):
            revision.wipe_out(code, beyond, labels)
        return revision

    def withdrawn(self, labels: np.ndarray, index: int, code: int) -> Revision:
        """What has been drawn, and that a label is annotated on a slice no longer."""
        revision = self.drawn(labels)
        revision.say(code, index, None, labels[index])
        return revision

    def revise(self, revision: Revision, progress: Progress = silent) -> None:
        """Carries what is annotated through the volume; may take long, and touches nothing that is shown.

        Where `progress` raises, nothing has changed, and what was drawn can be given again.

        Raises:
            InputError: a code is not from 1 to 255.
        """
        self.session.revise(revision.masks, progress=progress)
        self._unheard = Revision()
        held = any(mask.any() for masks in self.session.references.values() for mask in masks.values())
        self.prediction = self.session.prediction() if held else None

    def settle(self, progress: Progress = silent) -> None:
        """Brings every slice to what `ifss predict` makes of it all, see `Session.settle`; otherwise as `revise`."""
        if self.prediction is not None:
            self.session.settle(progress=progress)
            self.prediction = self.session.prediction()

    def show(self, labels: np.ndarray, revision: Revision) -> list[int]:
        """Puts the session's mask onto the labels after a revision; the slices that changed.

        Slices that were drawn on since the revision was made stay as they are.
        """
        for index, plane in revision.planes.items():
            self._see(index, plane)
        changed = []
        for index, plane in enumerate(self.session.labels):
            shown = self._shown[index]
            if not np.array_equal(plane, shown) and np.array_equal(labels[index], shown):
                labels[index] = plane
                self._see(index, plane)
                changed.append(index)
        return changed

    def name(self, code: int, name: str) -> None:
        """Calls a label by a name, by its code again if it is empty.

        Raises:
            InputError: another has that name.
        """
        name = name.strip()
        if name and name in [known for other, known in self.session.names.items() if other != code]:
            raise InputError(f"Two muscles cannot both be named {name}: choose another name.")
        self.session.names.pop(code, None)
        if name:
            self.session.names[code] = name
        if self.prediction is not None:
            summaries = (
                replace(summary, name=name or str(code)) if summary.code == code else summary
                for summary in self.prediction.summaries
            )
            self.prediction = replace(self.prediction, summaries=tuple(summaries))

    def title(self, code: int) -> str:
        """What a label is called in a sentence."""
        return label_title(code, self.session.names.get(code, str(code)))

    def marks(self, code: int) -> list[SliceMark]:
        """What there is to say of every slice for one label."""
        summary, references = self._summary(code), self.session.references.get(code, {})
        slices = len(self.session.labels)
        held = [False] * slices if summary is None else (summary.areas_mm2 > 0).tolist()
        doubts = [None] * slices if summary is None or summary.doubts is None else summary.doubts.tolist()
        said = {index: DRAWN if mask.any() else ABSENT for index, mask in references.items()}
        return [
            SliceMark(here, doubt, said.get(index))
            for index, (here, doubt) in enumerate(zip(held, doubts, strict=True))
        ]

    def rows(self, labels: np.ndarray) -> list[MuscleRow]:
        """The table of all labels that are annotated, drawn or named, by their codes.

        Args:
            labels: (slice, row, column) codes, with what has been drawn since.
        """
        voxels = self._voxels.copy()
        for index in np.flatnonzero((labels != self._shown).any(axis=(1, 2))):
            voxels[index] = _voxels_of(labels[index])
        codes = set(np.flatnonzero(voxels.any(axis=0)).tolist()) - {0} | set(self.session.names)
        codes |= {code for code, masks in self.session.references.items() if masks}
        return [self._row(code, voxels[:, code]) for code in sorted(codes)]

    def next_slice(self) -> Suggestion | None:
        """Where an annotation is expected to help most; None as long as nothing is carried on, or nothing would."""
        found = suggest(self.prediction, 1) if self.prediction else []
        return found[0] if found else None

    def _row(self, code: int, voxels: np.ndarray) -> MuscleRow:
        """`voxels` is (slice,), how many of them are the label's."""
        summary, volume = self._summary(code), self.session.volume
        name, references = self.session.names.get(code, ""), len(self.session.references.get(code, {}))
        if summary is not None and np.array_equal(voxels, self._voxels[:, code]):
            return MuscleRow(code, name, summary.volume_ml, summary.volume_ml_low, summary.volume_ml_high, references)
        volume_ml = None if volume.sweep is not None else float(voxels.sum() * volume.voxel_volume_ml)
        return MuscleRow(code, name, volume_ml, None, None, references)

    def _summary(self, code: int) -> LabelSummary | None:
        found = self.prediction.summaries if self.prediction else ()
        return next((summary for summary in found if summary.code == code), None)

    def _annotated_by_hand(self, code: int, index: int) -> bool:
        mask = self.session.references.get(code, {}).get(index)
        return mask is not None and bool(mask.any())

    def _see(self, index: int, plane: np.ndarray) -> None:
        self._shown[index] = plane
        self._voxels[index] = _voxels_of(plane)


def _voxels_of(plane: np.ndarray) -> np.ndarray:
    """(256,), how many voxels of a slice each code has."""
    return np.bincount(plane[(plane >= 0) & (plane < CODES)], minlength=CODES)
