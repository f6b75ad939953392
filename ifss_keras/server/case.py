"""An image at a client: its muscles, drawn one after the other, and what of the current one the client has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.inference.session import Session
from ifss_keras.server.lasso import Lasso, annotated_axis, combined, most_alike
from ifss_keras.server.shown import Change, Shown
from ifss_keras.server.step import Step, fingerprint, fingerprints, with_masks
from ifss_keras.server.workspace import ImageFolder
from ifss_keras.volumes.volume import Volume

MOST_MUSCLES = 255


class Case:
    """An image at a client.

    The protocol knows one object at a time. When a client begins anew, the muscle drawn so far is kept beside the
    others, and the next lasso or mask says which muscle is meant: one that lies mostly on a muscle drawn before is that
    muscle, any other a new one. Where muscles overlap on a slice, what was drawn last counts.

    Everything but `changes` is written into the folder before it returns; what fails changes nothing.

    Args:
        image: three axes, as it came.
        spacing_mm: along these.
        predictor: that opens a `Session`.
        folder: of this image.

    Attributes:
        image, folder: see above.
        axis: of the image, across which its slices are annotated; None before the first lasso.
        current: code of the muscle that the client is at; None after it has begun anew.

    Raises:
        InputError: the voxels are no volume's, or the folder cannot be read.
    """

    def __init__(self, image: np.ndarray, spacing_mm: tuple[float, float, float], predictor, folder: ImageFolder):
        self.image, self.folder = image, folder
        self.current: int | None = None
        self._predictor, self._spacing_mm = predictor, spacing_mm
        self._step = folder.last()
        self._session: Session | None = None
        self._begun_anew = False  # by the client, since it sent the image
        self._shown = Shown(image.shape)
        self._labels_written = False
        if self.axis is not None:
            self.session()

    @property
    def axis(self) -> int | None:
        return self._step.axis

    @property
    def codes(self) -> tuple[int, ...]:
        """Of the muscles drawn so far."""
        return tuple(sorted(self._step.references))

    def session(self) -> Session:
        """The session of this image, opened where it is not.

        Raises:
            InputError: nothing is drawn yet.
        """
        if self.axis is None:
            raise InputError("Nothing is drawn on this image yet: draw around a muscle on a slice first.")
        return self._session_across(self.axis)

    def draw(self, drawn: np.ndarray, box, *, adds: bool) -> None:
        """Takes a lasso; see `Lasso.of` for what it must be.

        Raises:
            InputError: it is no lasso on a slice, or takes away from nothing.
        """
        lasso = Lasso.of(drawn, box, self.image.shape, self.axis)
        if self.current is None and not adds:
            raise InputError("There is nothing yet to take away from: draw around the muscle first.")
        session, references = self._session_across(lasso.axis), self._references()
        code, anew = self._meant(lasso.mask, session.labels[lasso.index])
        plane = session.labels[lasso.index] == code
        before = np.zeros_like(plane) if anew else plane
        annotated = lasso.index in references.get(code, {})
        mask = combined(before, lasso.mask, adds=adds, annotated=annotated)
        if anew:
            del references[code]
            self._take(lasso.axis, code, lambda: session.restore(with_masks(references, code, {lasso.index: mask})))
        else:
            self._take(lasso.axis, code, lambda: session.annotate(lasso.index, mask, code))

    def seed(self, label: np.ndarray) -> None:
        """Takes the mask that a client begins with.

        That of a muscle drawn before goes on with it, and slices on which the client has changed it since become
        references. Of any other mask every slice that holds voxels becomes one.

        Args:
            label: axes as the image, 0 outside the muscle.

        Raises:
            InputError: it has another shape.
        """
        if label.shape != self.image.shape:
            raise InputError(
                f"The mask has shape {label.shape}: expected that of the image, {self.image.shape}; send all of it."
            )
        if not label.any():
            self.begin_anew()
            return
        label = label != 0
        axis = annotated_axis(label) if self.axis is None else self.axis
        session, planes = self._session_across(axis), np.moveaxis(label, axis, 0)
        code = most_alike(planes, session.labels)
        edited = self._edited(planes, code, session) if code else np.flatnonzero(planes.any(axis=(1, 2))).tolist()
        known = code is not None
        if edited or (known and code != self._step.current):
            code = self._next_code() if code is None else code
            masks = {index: planes[index].copy() for index in edited}
            references = with_masks(self._references(), code, masks)
            self._take(axis, code, lambda: session.restore(references) if edited else {}, undoable=bool(edited))
        self._go_to(code)
        self._shown.show(label)

    def begin_anew(self) -> None:
        """Leaves the current muscle for another, or for itself once more."""
        if self.current is not None:
            self._commit(Step(self.axis, None, self._references(), self._step.shown), undoable=False)
            self._begun_anew = True
        self._go_to(None)
        self._shown.show(False)

    def clear_buffer(self) -> None:
        """The client shows nothing now."""
        self._shown.show(False)

    def undo(self) -> bool:
        """Takes the last lasso or mask back; whether there was one since the client began this muscle."""
        if not self.folder.undoable:
            return False
        step = self.folder.before_last()

        def undone() -> set[int]:
            nonlocal step
            changed = set()
            if self._session is not None:  # far from the last lasso the mask may be another than it was at that step
                changed = set(self._session.restore(step.references))
                step = replace(step, shown={code: self._marks(code, changed) for code in step.references})
            self.folder.drop_last(step)
            return changed

        self._shown.doubt(self._whole(undone))
        self._step, self._labels_written = step, False
        self._go_to(step.current)
        if step.axis is None:
            self._session = None
            self._shown.doubt()
        return True

    def remove(self, code: int) -> None:
        """Takes a muscle out, for good.

        Raises:
            InputError: there is none of that code.
        """
        if code not in self._step.references:
            raise InputError(f"There is no muscle {code}: expected one of {', '.join(map(str, self.codes)) or 'none'}.")
        session, references = self.session(), self._references()
        del references[code]
        current = None if self.current == code else self.current
        self._take(self.axis, current, lambda: session.restore(references), undoable=False)

    def settle(self) -> None:
        """Brings the mask to what `Predictor.predict` gives from the same references; see `Session.settle`."""
        if self._session is None:
            return
        changed = self._whole(self._session.settle)
        if changed:
            self._shown.doubt(changed)
            self._labels_written = False
            if self.current is not None:
                shown = {**self._step.shown, self.current: self._marks(self.current, changed)}
                self._step = replace(self._step, shown=shown)

    def changes(self) -> Change | None:
        """Where the mask of the current muscle is another than the client has seen; None if nowhere."""
        labels = np.zeros(self.image.shape, np.uint8) if self.axis is None else self.session().labels
        return self._shown.changes(labels, self.axis or 0, self.current)

    def write_labels(self) -> None:
        """Settles the mask of all muscles and writes it into the folder, unless it is there."""
        if self._session is not None and not self._labels_written:
            self.settle()
            self.folder.write_labels(np.moveaxis(self._session.labels, 0, self.axis))
            self._labels_written = True

    def _session_across(self, axis: int) -> Session:
        if self._session is None:
            spacing_mm = list(self._spacing_mm)
            spacing_mm.insert(0, spacing_mm.pop(axis))
            volume = Volume.from_array(np.moveaxis(self.image, axis, 0), tuple(spacing_mm))
            session = self._predictor.open(volume)
            if self._step.references:
                session.restore(self._step.references)
                # which settles it, so that it may be another mask than at the last step
                shown = {code: fingerprints(session.labels == code) for code in self._step.references}
                self._step = replace(self._step, shown=shown)
            self._session = session
            self._shown.doubt()
        return self._session

    def _meant(self, lasso: np.ndarray, plane: np.ndarray) -> tuple[int, bool]:
        """The code of the muscle that a lasso on a slice is of, and whether it is drawn anew."""
        if self.current is not None:
            return self.current, False
        alike = most_alike(lasso, plane)
        return (self._next_code(), False) if alike is None else (alike, self._begun_anew)

    def _next_code(self) -> int:
        code = max(self.codes, default=0) + 1
        if code > MOST_MUSCLES:
            raise InputError(f"There are {MOST_MUSCLES} muscles on this image: expected no more; remove one.")
        return code

    def _edited(self, planes: np.ndarray, code: int, session: Session) -> list[int]:
        """Slices of a client's mask of a muscle that are neither as they are here nor as the client was shown them."""
        found, shown = fingerprints(planes), self.folder.shown(code)
        seen = np.any([found == marks for marks in shown], axis=0) if shown else np.zeros(len(found), bool)
        return [int(i) for i in np.flatnonzero(~seen) if not np.array_equal(planes[i], session.labels[i] == code)]

    def _references(self) -> dict[int, dict[int, np.ndarray]]:
        """Those of the last step, to be changed: its masks themselves are not."""
        return {code: dict(masks) for code, masks in self._step.references.items()}

    def _take(
        self, axis: int, code: int | None, carry: Callable[[], dict[int, np.ndarray]], *, undoable: bool = True
    ) -> None:
        """Carries on what was drawn and writes the step; the muscle is the current one then."""

        def taken() -> set[int]:
            changed = set(carry())
            references = {held: dict(masks) for held, masks in self._session.references.items() if masks}
            shown = {held: marks for held, marks in self._step.shown.items() if held in references}
            if code is not None:
                shown[code] = self._marks(code, changed)
            self._commit(Step(axis, code, references, shown), undoable=undoable)
            return changed

        self._shown.doubt(self._whole(taken))
        self._go_to(code)

    def _go_to(self, code: int | None) -> None:
        """The client is at another muscle, of which it may have seen nothing."""
        if code != self.current:
            self._shown.doubt()
        self.current = code

    def _marks(self, code: int, changed: Iterable[int]) -> np.ndarray:
        """Fingerprints of a muscle's masks, of which those on some slices have changed."""
        labels = self._session.labels
        if code not in self._step.shown:
            return fingerprints(labels == code)
        marks = self._step.shown[code].copy()
        for index in changed:
            marks[index] = fingerprint(labels[index] == code)
        return marks

    def _whole(self, work: Callable):
        """What `work` gives; where it fails, the session is opened again from the last step when it is next needed."""
        try:
            return work()
        except BaseException:
            self._session = None
            raise

    def _commit(self, step: Step, *, undoable: bool) -> None:
        self.folder.add(step, undoable=undoable)
        self._step, self._labels_written = step, False
