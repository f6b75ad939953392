"""The papers' figures, as printed."""

import pytest

from ifss_keras.bench.paper import DEVIATIONS, FIGURES, MEASURES
from ifss_keras.bench.plan import TABLES


@pytest.mark.parametrize(
    ("table", "row", "measure", "value"),
    [
        ("I", "3D U-Net", "hausdorff_mm", 14.374),
        ("I", "V-Net", "volume_error_percent", 25.138),
        ("I", "Seg-Net-FS", "recall", 0.907),
        ("II", "DAF3D", "precision", 0.710),
        ("II", "Seg-Net-FS", "dice", 0.894),
        ("III", "3D U-Net", "parameters", 13_424_194),
        ("III", "Seg-Net-FS", "seconds_per_1400", 103.7),
        ("IV", "IFSS-Net-FS", "volume_error_percent", 1.23),
        ("IV", "IFSS-Net-WS", "dice", 0.985),
        ("IV", "PG-Net", "asd_mm", 7.126),
        ("V", "CLSTM", "asd_mm", 3.523),
        ("V", "Without Bi/CLSTM", "iou", 0.282),
        ("VI", "Without Recurrence", "seconds_per_1400", 112),
        ("VIII", "Dice Loss", "recall", 0.997),
        ("ablation5", "3 labels every 300 slices", "asd_mm", 13.8),
        ("IX", "w = 10", "iou", 0.9713),
        ("X", "WS", "volume_error_percent", 6.80),
        ("X", "FBS", "iou", 0.918),
        ("miccai1", "Unet-S-R", "dice", 0.87),
        ("miccai2", "30 %", "hausdorff_mm", 6.50),
        ("miccai2", "70 %, without negatives", "dice", 0.888),
    ],
)
def test_figures_are_the_papers(table, row, measure, value):
    assert FIGURES[table][row][measure] == value


def test_every_table_has_all_of_its_numbers():
    counts = {name: sum(len(figures) for figures in rows.values()) for name, rows in FIGURES.items()}
    assert counts == {
        "I": 28, "II": 28, "III": 8, "IV": 22, "V": 9, "VI": 6, "VII": 0, "VIII": 6, "ablation5": 4, "IX": 6, "X": 15,
        "miccai1": 8, "miccai2": 19,
    }  # fmt: skip


def test_every_figure_stands_in_a_row_and_a_column_of_its_table():
    assert set(FIGURES) == set(TABLES)
    for name, rows in FIGURES.items():
        assert set(rows) <= set(dict(TABLES[name].rows))
        for figures in rows.values():
            assert set(figures) <= set(TABLES[name].measures) <= set(MEASURES)


def test_every_deviation_belongs_to_a_figure():
    for table, row, measure in DEVIATIONS:
        assert measure in FIGURES[table][row]
    assert DEVIATIONS["IV", "PG-Net", "volume_error_percent"] == 3.98
