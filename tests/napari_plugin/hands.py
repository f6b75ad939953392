"""Somebody who uses the dock in a napari."""

import numpy as np

SOL, GM = 100, 150
MOST_MS = 300_000  # that anything may take where processors are shared


class Hands:
    """Clicks, and draws what is true."""

    def __init__(self, viewer, dock, qtbot):
        self.viewer, self.dock, self.qtbot = viewer, dock, qtbot

    @property
    def labels(self):
        return self.dock.sources.labels.layer

    @property
    def said(self):
        return self.dock.carrying.said

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.dock.work.running, timeout=MOST_MS)

    def open(self, path):
        self.dock.open_image(path)
        self.dock.sources.new_labels.click()
        self.wait()

    def click(self, button):
        button.click()
        self.wait()

    def go_to(self, index, code):
        self.dock.go_to(index)
        self.labels.selected_label = code
        assert self.dock.index == index

    def draw(self, index, code, mask):
        """One stroke on the slice, as every tool of napari makes it."""
        self.go_to(index, code)
        rows, columns = np.nonzero(mask)
        self.labels.data_setitem((np.full(len(rows), index), rows, columns), code)

    def erase(self, index, mask):
        self.draw(index, 0, mask)

    def propagate(self):
        self.click(self.dock.carrying.propagate)
        return self.said

    def references(self):
        held = self.dock.annotator.session.references
        return {code: sorted(masks) for code, masks in held.items() if masks}
