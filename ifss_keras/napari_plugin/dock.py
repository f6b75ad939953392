"""The dock widget of napari: annotate a few slices of muscles, carry them on, correct, measure, save."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import napari
import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QPushButton, QVBoxLayout, QWidget

from ifss_keras.core.errors import IFSSError, InputError
from ifss_keras.core.progress import Progress
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.save_session import Places, save_session
from ifss_keras.napari_plugin import layers
from ifss_keras.napari_plugin.annotator import Annotator
from ifss_keras.napari_plugin.controls import Carrying, OnThisSlice, Sources
from ifss_keras.napari_plugin.muscle_table import MuscleTable
from ifss_keras.napari_plugin.opening import read_asking, read_labels_over
from ifss_keras.napari_plugin.revision import Revision
from ifss_keras.napari_plugin.sessions import Chosen, Sessions
from ifss_keras.napari_plugin.shown import suggestion_text
from ifss_keras.napari_plugin.slice_bar import SliceBar
from ifss_keras.napari_plugin.work import Work

LABELS_NAME = "muscles"


class MuscleVolumes(QWidget):
    """What is annotated lies in the chosen labels layer; an `Annotator` for each knows what is new there.

    Args:
        napari_viewer: whose layers it works on.
    """

    def __init__(self, napari_viewer: napari.Viewer):
        super().__init__()
        self.viewer, self.work = napari_viewer, Work()
        self.sources, self.on_this_slice, self.carrying = Sources(napari_viewer), OnThisSlice(), Carrying()
        self.bar, self.table, self.save_button = SliceBar(), MuscleTable(), QPushButton("Save mask and report…")
        self.sessions = Sessions(self.work, self.carrying.say, self._telling, self._show)
        self._listened: Labels | None = None
        self._drawn_meanwhile = False
        layout = QVBoxLayout()
        for part in (self.sources, self.bar, self.on_this_slice, self.carrying, self.table, self.save_button):
            layout.addWidget(part)
        self.setLayout(layout)
        self._connect()
        self._choose()

    @property
    def annotator(self) -> Annotator | None:
        """That of the chosen labels; None as long as there is no network for them."""
        return self.sessions.of(self.sources.labels.layer)

    @property
    def index(self) -> int:
        """The slice that is shown."""
        return layers.slice_at(self._labels(), self.viewer.dims.point)

    @property
    def code(self) -> int:
        """The label that is chosen, which is the one that is brushed."""
        return int(self._labels().selected_label)

    def open_image(self, path: Path) -> None:
        """Adds the image of a file, asking for what it does not say."""
        with self._telling():
            if data := read_asking(path, self._ask):
                self.sources.image.choose(self.viewer.add_layer(Layer.create(*data)))

    def new_labels(self) -> None:
        """Adds empty labels over the chosen image, ready to be brushed."""
        with self._telling():
            self._add_labels(np.zeros(self._image().data.shape, np.uint8), {}, LABELS_NAME)

    def open_labels(self, path: Path) -> None:
        """Adds the labels of a file, put on the chosen image."""
        with self._telling():
            self._add_labels(*read_labels_over(path, layers.volume_of(self._image())), path.name)

    def propagate(self) -> None:
        """Carries on what has been drawn since the last time."""
        self._revise(Annotator.drawn)

    def say_here(self, what: Callable[[Annotator, np.ndarray, int, int], Revision]) -> None:
        """Says something of the chosen label on the shown slice: `Annotator.confirmed`, `absent`, `ended`, ..."""
        with self._telling():
            index, code = self.index, self.code
            self._revise(lambda annotator, labels: what(annotator, labels, index, code))

    def go_to(self, index: int) -> None:
        """Shows a slice."""
        dims = self.viewer.dims
        axis = dims.ndim - 3
        if axis in dims.displayed:
            dims.ndisplay, dims.order = 2, tuple(range(dims.ndim))
        dims.set_point(axis, layers.world_of_slice(self._labels(), index))

    def go_to_next(self) -> None:
        """Shows the slice whose annotation is expected to help most, and chooses its label."""
        annotator = self.annotator
        found = annotator.next_slice() if annotator else None
        if found is None:
            self._say_what_to_do()
            return
        self._labels().selected_label = found.code
        self.go_to(found.slice)
        self.carrying.say(suggestion_text(found, annotator.title(found.code)))

    def save(self, mask: Path, *, force: bool = False) -> None:
        """Carries on what is new, then writes the mask, its annotated slices and the report; see `save_session`."""
        call = Call()

        def write(annotator: Annotator) -> None:
            labels = self._labels()

            def settled(progress: Progress) -> Places:
                annotator.settle(progress)
                return save_session(annotator.session, annotator.preset, mask, force=force, call=call)

            def saved(places: Places) -> None:
                annotator.show(labels.data, Revision())
                labels.refresh()
                self._show()
                self.carrying.say(
                    f"Wrote {places.mask}, {places.references.name} and {places.report.name}/report.html."
                )

            self.work.start(settled, saved, lambda error: self._not_saved(error, mask))

        self._revise(Annotator.drawn, write)

    def _connect(self) -> None:
        sources, here, carrying = self.sources, self.on_this_slice, self.carrying
        opened, saved = QFileDialog.getOpenFileName, QFileDialog.getSaveFileName
        for button, does in (
            (sources.open_image, lambda: self._with_path(opened, "Open a volume", self.open_image)),
            (sources.new_labels, self.new_labels),
            (sources.open_labels, lambda: self._with_path(opened, "Open labels", self.open_labels)),
            (here.next, self.go_to_next),
            (here.right, lambda: self.say_here(Annotator.confirmed)),
            (here.absent, lambda: self.say_here(Annotator.absent)),
            (here.ends, lambda: self.say_here(Annotator.ended)),
            (here.withdraw, lambda: self.say_here(Annotator.withdrawn)),
            (carrying.propagate, self.propagate),
            (carrying.cancel, self.work.stop),
            (self.save_button, lambda: self._with_path(saved, "Save the mask", self.save)),
        ):
            button.clicked.connect(lambda *_, does=does: does())
        sources.chosen.connect(self._choose)
        self.bar.chosen.connect(self.go_to)
        self.table.chosen.connect(self._choose_code)
        self.table.named.connect(self._name)
        self.work.busy.connect(carrying.show_busy)
        self.work.progressed.connect(carrying.show_progress)
        self.work.failed.connect(lambda error: carrying.say(str(error)))
        self.viewer.dims.events.point.connect(self._show_current)

    def _choose(self) -> None:
        """Follows the choice of layers: listens to the labels, and gets the network for them."""
        labels = self.sources.labels.layer
        if self._listened is not None and labels is not self._listened:
            self._listened.events.paint.disconnect(self._stroke)
            self._listened.events.selected_label.disconnect(self._show)
        if labels is not None and labels is not self._listened:
            labels.events.paint.connect(self._stroke)
            labels.events.selected_label.connect(self._show)
        self._listened = labels
        self._show()
        with self._telling():
            self.sessions.open(self._chosen(), lambda annotator: self._say_what_to_do())

    def _revise(
        self,
        what: Callable[[Annotator, np.ndarray], Revision],
        then: Callable[[Annotator], None] = lambda annotator: None,
    ) -> None:
        def revised(annotator: Annotator) -> None:
            then(annotator)
            if self._drawn_meanwhile and self.carrying.live.isChecked() and not self.work.running:
                self.propagate()

        self._drawn_meanwhile = False
        with self._telling():
            self.sessions.revise(self._chosen(), what, revised)

    def _stroke(self, event=None) -> None:
        """Something is drawn; napari says so before the voxels are there."""
        QTimer.singleShot(0, self._drawn)

    def _drawn(self) -> None:
        self._drawn_meanwhile = self.work.running
        self._show()
        if self.carrying.live.isChecked() and not self.work.running:
            self.propagate()

    def _show(self, event=None) -> None:
        """Brings bar and table up to date."""
        annotator, labels = self.annotator, self.sources.labels.layer
        if annotator is None or labels.data.shape != annotator.session.labels.shape:
            self.bar.show_marks([])
            self.table.show_rows([], tuple, 0)
            return
        self.bar.show_marks(annotator.marks(self.code))
        self.table.show_rows(annotator.rows(labels.data), labels.get_color, self.code)
        self._show_current()

    def _show_current(self, event=None) -> None:
        if self.bar.marks:
            self.bar.show_current(self.index)

    def _choose_code(self, code: int) -> None:
        self._labels().selected_label = code

    def _say_what_to_do(self) -> None:
        known = self.annotator and self.annotator.prediction
        self.carrying.say("" if known else "Brush a muscle on one slice or more, then press Propagate.")

    def _name(self, code: int, name: str) -> None:
        with self._telling():
            self.annotator.name(code, name)
        self._show()

    def _add_labels(self, labels: np.ndarray, names: dict[int, str], name: str) -> None:
        layer = self.viewer.add_layer(Layer.create(*layers.labels_over(self._image(), labels, names, name)))
        self.sources.labels.choose(layer)
        layer.mode = "paint"

    def _chosen(self) -> Chosen:
        return Chosen(self._image(), self._labels(), self.sources.preset)

    def _image(self) -> Image:
        if self.sources.image.layer is None:
            raise InputError("There is no image: open one, or File > Open Sample > IFSS muscle volumes.")
        return self.sources.image.layer

    def _labels(self) -> Labels:
        if self.sources.labels.layer is None:
            raise InputError("There are no labels to brush muscles in: press New.")
        return self.sources.labels.layer

    def _not_saved(self, error: IFSSError, mask: Path) -> None:
        if error.setting != "force":
            self.carrying.say(str(error))
            return
        answer = QMessageBox.question(self, "Save", f"{error} Overwrite it?")
        if answer == QMessageBox.StandardButton.Yes:
            self.save(mask, force=True)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Errors that the user can mend are told."""
        try:
            yield
        except IFSSError as error:
            self.carrying.say(str(error))

    def _ask(self, question: str) -> str | None:
        answer, given = QInputDialog.getText(self, "Open a volume", f"{question}:")
        return answer if given else None

    def _with_path(self, dialog: Callable, title: str, does: Callable[[Path], None]) -> None:
        path, _ = dialog(self, title)
        if path:
            does(Path(path))

    def closeEvent(self, event) -> None:
        """Stops what runs."""
        self.work.stop()
        super().closeEvent(event)
