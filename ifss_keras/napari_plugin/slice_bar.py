"""A bar of all slices: how sure each is, which are annotated, and which one is shown."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ifss_keras.napari_plugin.shown import DRAWN, SliceMark, bar_colour, slice_text

TICKS = 10  # pixels above the bar, for the annotated slices
_LINE = QColor(255, 255, 255)


class SliceBar(QWidget):
    """One column for each slice; a click chooses one.

    Filled triangles stand over annotated slices, open ones over those where the muscle is annotated as absent, a white
    line at the slice that is shown.
    """

    chosen = Signal(int)

    def __init__(self):
        super().__init__()
        self.marks: list[SliceMark] = []
        self.current = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_marks(self, marks: list[SliceMark]) -> None:
        """Shows other slices."""
        self.marks = marks
        self.update()

    def show_current(self, index: int) -> None:
        """Moves the white line."""
        self.current = index
        self.update()

    def slice_at(self, x: float) -> int | None:
        """The slice at a place in pixels from the left; None without slices."""
        if not self.marks:
            return None
        return min(max(int(x * len(self.marks) / max(self.width(), 1)), 0), len(self.marks) - 1)

    def sizeHint(self) -> QSize:
        """As Qt asks for it."""
        return QSize(320, TICKS + 24)

    def mousePressEvent(self, event) -> None:
        """A click chooses a slice, and so does dragging."""
        index = self.slice_at(event.position().x())
        if index is not None:
            self.chosen.emit(index)

    mouseMoveEvent = mousePressEvent

    def event(self, event) -> bool:
        """Says what is known of the slice under the mouse."""
        if event.type() == QEvent.Type.ToolTip and self.marks:
            index = self.slice_at(event.pos().x())
            QToolTip.showText(event.globalPos(), slice_text(index, self.marks[index]), self)
            return True
        return super().event(event)

    def paintEvent(self, event) -> None:
        """Draws all of it."""
        painter = QPainter(self)
        step = self.width() / max(len(self.marks), 1)
        for index, mark in enumerate(self.marks):
            column = QRectF(index * step, TICKS, step + 0.5, self.height() - TICKS)
            painter.fillRect(column, QColor(*bar_colour(mark)))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, mark in enumerate(self.marks):
            if mark.reference is not None:
                _tick(painter, (index + 0.5) * step, filled=mark.reference == DRAWN)
        if self.marks:
            painter.setPen(QPen(_LINE, 2))
            place = (self.current + 0.5) * step
            painter.drawLine(QPointF(place, 0), QPointF(place, self.height()))
        painter.end()


def _tick(painter: QPainter, place: float, *, filled: bool) -> None:
    painter.setPen(QPen(_LINE, 1))
    painter.setBrush(_LINE if filled else Qt.BrushStyle.NoBrush)
    corners = [QPointF(place - 4, 1), QPointF(place + 4, 1), QPointF(place, TICKS - 1)]
    painter.drawPolygon(QPolygonF(corners))
