"""The papers' tables as data: what each measures, on whom, and which rows stand in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ifss_keras.bench.cohort import HARD, OTHER, Cohort
from ifss_keras.bench.rows import ROWS, Row

TEST, VALIDATION = ("test",), ("validation",)
BOTH = (*VALIDATION, *TEST)


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: as `ifss bench --table` takes it, or `miccai1`, `miccai2`.
        title: what it is about.
        measures: its columns, see `paper.MEASURES`; all that the paper has, and some it has not.
        rows: what a row is called there, as in the paper where it has that row, and the name of the row of `ROWS`.
        splits: whose volumes are averaged.
        muscle: the only one that is scored; None: all.
        remark: what to know of it.
    """

    name: str
    title: str
    measures: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    splits: tuple[str, ...] = TEST
    muscle: str | None = None
    remark: str = ""

    @property
    def heading(self) -> str:
        """Its number and its title."""
        number = {"miccai1": "MICCAI Table 1", "miccai2": "MICCAI Table 2", "ablation5": "Ablation 5 (Fig. 16)"}
        return f"{number.get(self.name, f'Table {self.name}')}: {self.title}"

    def muscles(self, cohort: Cohort) -> tuple[int, ...]:
        """The codes that are scored."""
        return tuple(cohort.names) if self.muscle is None else (cohort.muscle(self.muscle),)


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


_SEGMENTED = ("iou", "dice", "hausdorff_mm", "asd_mm", "precision", "recall", "volume_error_percent")
_MASKS = ("dice", "iou", "hausdorff_mm", "asd_mm")
_ABLATED = ("asd_mm", "iou", "dice", "seconds_per_1400")
_SEGMENTING = _same("3D U-Net", "V-Net", "DAF3D", "Seg-Net-FS")
_WEAK = "IFSS-Net-WS"
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("I", "segmentation without references, validation", _SEGMENTED, _SEGMENTING, VALIDATION),
        Table("II", "segmentation without references, test", _SEGMENTED, _SEGMENTING),
        Table("III", "parameters and time of these", ("parameters", "seconds_per_1400"), _SEGMENTING),
        Table(
            "IV",
            "segmentation and propagation, with Fig. 8",
            (
                "parameters",
                "seconds_per_1400",
                "volume_error_percent",
                "dice",
                "iou",
                "hausdorff_mm",
                "asd_mm",
                "annotated",
            ),
            (
                *_same("IFSS-Net-FS", _WEAK, "Seg-Net-FS", "PG-Net", "IFSS-Net-FS, as the authors' code"),
                *_same("IFSS-Net-FS, references looked up", "decremental, annotated slices alone"),
                *_same("last mask carried on"),
            ),
            remark="The paper's figures are means over validation and test. The last four rows are not the paper's. "
            "FS: full supervision; WS: weak, decremental with pseudo-labels.",
        ),
        Table(
            "V",
            "the temporal module",
            _ABLATED,
            (("BiCLSTM", _WEAK), ("CLSTM", "forward ConvLSTM"), ("Without Bi/CLSTM", "no ConvLSTM")),
            BOTH,
            HARD,
        ),
        Table(
            "VI",
            "recurrence",
            _ABLATED,
            (("With Recurrence", _WEAK), ("Without Recurrence", "no recurrence")),
            BOTH,
            HARD,
        ),
        Table(
            "VII",
            "feature fusion and matching",
            _ABLATED,
            (("FF and GFM", _WEAK), ("C and CC", "cross-correlation")),
            BOTH,
            HARD,
            "The text of the paper that its figures were copied from lacks those of this table.",
        ),
        Table(
            "VIII",
            "the loss",
            ("precision", "recall", "dice", "seconds_per_1400"),
            (("Parametric Tversky Loss", "parametric Tversky alone"), ("Dice Loss", "Dice alone")),
            BOTH,
            HARD,
            "Each loss alone; every other propagating row has parametric Tversky and cross-entropy.",
        ),
        Table(
            "ablation5",
            "supervision",
            ("asd_mm", "dice", "iou", "annotated"),
            (
                ("decremental", _WEAK),
                ("3 labels every 100 slices", "every 100"),
                ("3 labels every 200 slices", "every 200"),
                ("3 labels every 300 slices", "every 300"),
                *_same("decremental, annotated slices alone", "IFSS-Net-FS", "last mask carried on"),
            ),
            BOTH,
            HARD,
            "Distances are scaled to the cohort so that the shares are the paper's, 3, 1.5 and 1 %. The last three "
            "rows are not the paper's.",
        ),
        Table("IX", "depth of the window", _ABLATED, (("w = 3", _WEAK), ("w = 10", "window 10")), BOTH, HARD),
        Table(
            "X",
            "propagation without learning",
            ("iou", "dice", "hausdorff_mm", "asd_mm", "volume_error_percent"),
            _same("FBS", "GFS", "WS", "random walker", "shape interpolation", "last mask carried on", _WEAK),
            remark="The last four rows are not of the paper's table. Those methods that only fill between annotated "
            "slices find nothing beyond the outermost.",
        ),
        Table(
            "miccai1",
            "what each part of Unet-S-R-CLSTM is worth",
            ("dice", "iou", "hausdorff_mm"),
            _same("Unet", "Unet-S", "Unet-S-R", "Unet-S-R-CLSTM"),
            TEST,
            HARD,
        ),
        Table(
            "miccai2",
            "fewer annotations of the target, with and without known negatives",
            ("dice", "iou", "hausdorff_mm", "annotated"),
            (
                *((f"{share} %", f"GM, {share} %") for share in (100, 90, 70, 50, 30)),
                *((f"{share} %, without negatives", f"GM, {share} %, without negatives") for share in (90, 70, 50, 30)),
                ("30 %, the paper's loss of negatives", "GM, 30 %, the paper's loss of negatives"),
            ),
            TEST,
            OTHER,
            "Negatives count by cross-entropy; the last row has the Dice that the paper maximises there.",
        ),
    )
}


@dataclass(frozen=True)
class Wanted:
    """One muscle to be scored in the volumes of a split, given some references."""

    split: str
    code: int
    references: str


def rows_of(tables: Iterable[Table]) -> list[Row]:
    """The rows that stand in any of them, each once."""
    return [ROWS[name] for name in dict.fromkeys(name for table in tables for _, name in table.rows)]


def wanted_of(row: Row, tables: Iterable[Table], cohort: Cohort) -> list[Wanted]:
    """All that the tables ask of a row, each once."""
    return list(
        dict.fromkeys(
            Wanted(split, code, given)
            for table in tables
            if row.name in dict(table.rows).values()
            for split in table.splits
            for code in table.muscles(cohort)
            for given in row.references
        )
    )
