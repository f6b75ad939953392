"""The choices and buttons of the dock, which say what somebody wants and do nothing by themselves."""

from __future__ import annotations

import napari
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from ifss_keras.napari_plugin.layer_choice import LayerChoice
from ifss_keras.zoo.presets import DEFAULT_PRESET, released_presets


class Sources(QWidget):
    """Which image, which labels, which network."""

    chosen = Signal()

    def __init__(self, viewer: napari.Viewer):
        super().__init__()
        self.image, self.labels, self._preset = LayerChoice(viewer, Image), LayerChoice(viewer, Labels), QComboBox()
        self.open_image, self.new_labels, self.open_labels = (QPushButton(text) for text in ("Open…", "New", "Open…"))
        self._preset.setEditable(True)
        self._preset.addItems(list(released_presets()))
        self._preset.setCurrentText(DEFAULT_PRESET)
        self._preset.setToolTip("A released network, or the folder of one that you have trained")
        self.new_labels.setToolTip("Empty labels over the image, to brush muscles in")
        form = QFormLayout()
        form.addRow("Image", _row(self.image, self.open_image))
        form.addRow("Muscles", _row(self.labels, self.new_labels, self.open_labels))
        form.addRow("Network", self._preset)
        form.setContentsMargins(0, 0, 0, 0)
        self.setLayout(form)
        for choice in (self.image, self.labels):
            choice.currentIndexChanged.connect(lambda *_: self.chosen.emit())

    @property
    def preset(self) -> str:
        """The name or the folder of the network."""
        return self._preset.currentText().strip()


class OnThisSlice(QWidget):
    """What may be said of the slice that is shown, and the way to the next."""

    def __init__(self):
        super().__init__()
        self.next = QPushButton("Next slice to annotate")
        self.right, self.absent, self.ends, self.withdraw = (
            QPushButton(text) for text in ("Is right", "Absent", "Ends here", "Not annotated")
        )
        for button, told in (
            (self.next, "Go where one more annotated slice is expected to help most"),
            (self.right, "The chosen muscle is right on this slice, as it stands: it counts as annotated"),
            (self.absent, "The chosen muscle is not on this slice"),
            (self.ends, "This slice is the last that holds the chosen muscle"),
            (self.withdraw, "What is annotated of the chosen muscle on this slice does not count any longer"),
        ):
            button.setToolTip(told)
        form = QFormLayout()
        form.addRow(self.next)
        form.addRow("This slice", _row(self.right, self.absent, self.ends, self.withdraw))
        form.setContentsMargins(0, 0, 0, 0)
        self.setLayout(form)


class Carrying(QWidget):
    """To carry on, to stop that, how far it is, and what there is to say."""

    def __init__(self):
        super().__init__()
        self.propagate, self.cancel = QPushButton("Propagate"), QPushButton("Cancel")
        self.live = QCheckBox("after every stroke")
        self._bar, self._said = QProgressBar(), QLabel()
        self._said.setWordWrap(True)
        self.propagate.setToolTip("Carry the annotated slices through the volume")
        form = QFormLayout()
        form.addRow(_row(self.propagate, self.live, self.cancel))
        form.addRow(self._bar)
        form.addRow(self._said)
        form.setContentsMargins(0, 0, 0, 0)
        self.setLayout(form)
        self.show_busy(False)

    @property
    def said(self) -> str:
        """The last sentence."""
        return self._said.text()

    def say(self, sentence: str) -> None:
        """Shows a sentence, in place of the last."""
        self._said.setText(sentence)

    def show_busy(self, busy: bool) -> None:
        """Whether something runs, of which nothing is known yet."""
        self._bar.setRange(0, 0 if busy else 1)
        self._bar.setFormat("")
        self._bar.setVisible(busy)
        self.propagate.setEnabled(not busy)
        self.cancel.setEnabled(busy)

    def show_progress(self, name: str, done: int, total: int) -> None:
        """How far it is."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._bar.setFormat(f"{name}: %v of %m slices")


def _row(*widgets: QWidget) -> QWidget:
    row, layout = QWidget(), QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    for place, widget in enumerate(widgets):
        layout.addWidget(widget, stretch=1 if place == 0 and isinstance(widget, QComboBox) else 0)
    row.setLayout(layout)
    return row
