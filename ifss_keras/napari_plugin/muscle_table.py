"""The table of muscles: colour, name, millilitres with their interval, and how many slices are annotated."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from ifss_keras.napari_plugin.shown import MuscleRow, interval_text

COLUMNS = ("", "Code", "Name", "mL", "95 %", "Slices")
_COLOUR, _CODE, _NAME, _ML, _INTERVAL, _SLICES = range(len(COLUMNS))


class MuscleTable(QTableWidget):
    """A row for each muscle; a click chooses one, a double click renames it."""

    chosen = Signal(int)
    named = Signal(int, str)

    def __init__(self):
        super().__init__(0, len(COLUMNS))
        self.setHorizontalHeaderLabels(COLUMNS)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self.setMinimumHeight(120)
        self.itemChanged.connect(self._tell_name)
        self.itemSelectionChanged.connect(self._tell_chosen)

    def show_rows(self, rows: list[MuscleRow], colour_of: Callable[[int], tuple[float, ...]], chosen: int) -> None:
        """Shows other rows; `colour_of` gives red, green, blue and more, 0 to 1, of a code."""
        self.blockSignals(True)
        self.setRowCount(len(rows))
        swatch = QPixmap(16, 16)  # a background would be hidden where the row is chosen
        for place, row in enumerate(rows):
            volume = "" if row.volume_ml is None else f"{row.volume_ml:.1f}"
            for column, text in (
                (_COLOUR, ""),
                (_CODE, str(row.code)),
                (_NAME, row.name),
                (_ML, volume),
                (_INTERVAL, interval_text(row)),
                (_SLICES, str(row.references)),
            ):
                item = QTableWidgetItem(text)
                if column != _NAME:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.setItem(place, column, item)
            swatch.fill(QColor.fromRgbF(*map(float, colour_of(row.code)[:3])))
            self.item(place, _COLOUR).setIcon(QIcon(swatch))
            if row.code == chosen:
                self.selectRow(place)
        self.blockSignals(False)

    def texts(self) -> list[list[str]]:
        """What stands in the rows, without the colour."""
        return [
            [self.item(place, column).text() for column in range(_CODE, len(COLUMNS))]
            for place in range(self.rowCount())
        ]

    def _code_at(self, place: int) -> int:
        return int(self.item(place, _CODE).text())

    def _tell_name(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            self.named.emit(self._code_at(item.row()), item.text())

    def _tell_chosen(self) -> None:
        rows = self.selectionModel().selectedRows()
        if rows:
            self.chosen.emit(self._code_at(rows[0].row()))
