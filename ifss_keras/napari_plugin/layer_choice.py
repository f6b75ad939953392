"""A choice among the layers of a viewer."""

from __future__ import annotations

import contextlib

import napari
from napari.layers import Layer
from qtpy.QtWidgets import QComboBox


class LayerChoice(QComboBox):
    """The layers of one kind; the first that comes is chosen, and stays so until it goes."""

    def __init__(self, viewer: napari.Viewer, kind: type[Layer]):
        super().__init__()
        self._viewer, self._kind = viewer, kind
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self._fill)
        self._fill()

    @property
    def layer(self) -> Layer | None:
        """The chosen one."""
        return self.currentData()

    def choose(self, layer: Layer) -> None:
        """Chooses one of the viewer's layers."""
        self.setCurrentIndex(self._layers().index(layer))

    def _layers(self) -> list[Layer]:
        return [layer for layer in self._viewer.layers if isinstance(layer, self._kind)]

    def _fill(self, event=None) -> None:
        chosen, held = self.layer, self._layers()
        with contextlib.ExitStack() as quiet:
            if chosen in held:  # else another is chosen now, of which all are told
                self.blockSignals(True)
                quiet.callback(self.blockSignals, False)
            self.clear()
            for layer in held:
                self.addItem(layer.name, layer)
            if chosen in held:
                self.choose(chosen)
