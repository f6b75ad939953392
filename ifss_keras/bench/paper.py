"""The figures of the tables of both papers, as printed: facts to compare with.

TMI: Al Chanti et al., IFSS-Net, IEEE TMI 2021, Tables I to X, and what its text says of Figs. 8 and 16. MICCAI:
Gonzalez Duque et al., MICCAI 2020, Tables 1 and 2. Shares are from 0 to 1, as the TMI paper has them; the MICCAI
paper's percents are divided by 100. Of Table VII no figures are to be had: the paper's text, from which all are copied,
lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# What is measured, as `scoring.Score` and `run.Result` have it, by the papers' names; the last is ours.
MEASURES = MappingProxyType(
    {
        "iou": "mIoU",
        "dice": "Dice",
        "hausdorff_mm": "HDD mm",
        "asd_mm": "ASD mm",
        "precision": "precision",
        "recall": "recall",
        "volume_error_percent": "VolErr %",
        "parameters": "parameters",
        "seconds_per_1400": "s per 1400 slices",
        "annotated": "slices trained on",
    }
)
Figures = Mapping[str, Mapping[str, float]]  # row as the paper calls it, measure: value


def _by_row(measures: tuple[str, ...], rows: dict[str, tuple[float, ...]]) -> Figures:
    return {row: dict(zip(measures, values, strict=True)) for row, values in rows.items()}


_SEGMENTED = ("iou", "dice", "hausdorff_mm", "asd_mm", "precision", "recall", "volume_error_percent")
_ABLATED = ("asd_mm", "iou", "seconds_per_1400")

FIGURES: Mapping[str, Figures] = MappingProxyType(
    {
        "I": _by_row(
            _SEGMENTED,
            {
                "3D U-Net": (0.578, 0.667, 14.374, 5.460, 0.725, 0.877, 18.703),
                "V-Net": (0.491, 0.638, 17.268, 7.009, 0.556, 0.879, 25.138),
                "DAF3D": (0.468, 0.619, 14.893, 3.576, 0.651, 0.656, 19.284),
                "Seg-Net-FS": (0.785, 0.839, 6.595, 3.391, 0.853, 0.907, 8.593),
            },
        ),
        "II": _by_row(
            _SEGMENTED,
            {
                "3D U-Net": (0.778, 0.867, 6.646, 2.395, 0.797, 0.973, 7.324),
                "V-Net": (0.562, 0.698, 16.679, 6.691, 0.762, 0.897, 23.311),
                "DAF3D": (0.544, 0.72, 11.844, 3.028, 0.710, 0.746, 18.558),
                "Seg-Net-FS": (0.833, 0.894, 5.759, 2.014, 0.883, 0.919, 5.647),
            },
        ),
        "III": _by_row(
            ("parameters", "seconds_per_1400"),
            {
                "3D U-Net": (13_424_194, 300.53),
                "V-Net": (8_410_184, 230),
                "DAF3D": (28_918_390, 290),
                "Seg-Net-FS": (4_129_026, 103.7),
            },
        ),
        # Parameters, times and volume errors from the table, the rest from the text on Fig. 8, over validation and
        # test; for PG-Net that gives surface distances alone.
        "IV": {
            "IFSS-Net-FS": {
                "parameters": 6_217_186,
                "seconds_per_1400": 130,
                "volume_error_percent": 1.23,
                "dice": 0.9872,
                "iou": 0.977,
                "hausdorff_mm": 0.578,
                "asd_mm": 0.197,
            },
            "IFSS-Net-WS": {
                "parameters": 6_217_186,
                "seconds_per_1400": 130,
                "volume_error_percent": 1.60,
                "dice": 0.985,
                "iou": 0.971,
                "hausdorff_mm": 0.728,
                "asd_mm": 0.275,
            },
            "Seg-Net-FS": {"parameters": 4_129_026, "seconds_per_1400": 103.7, "volume_error_percent": 7.12},
            "PG-Net": {
                "parameters": 8_649_224,
                "seconds_per_1400": 190.3,
                "volume_error_percent": 18.61,
                "hausdorff_mm": 18.407,
                "asd_mm": 7.126,
            },
        },
        "V": _by_row(
            _ABLATED,
            {
                "BiCLSTM": (0.171, 0.9827, 130),
                "CLSTM": (3.523, 0.597, 123),
                "Without Bi/CLSTM": (5.745, 0.282, 100),
            },
        ),
        "VI": _by_row(_ABLATED, {"With Recurrence": (0.171, 0.9827, 130), "Without Recurrence": (0.395, 0.948, 112)}),
        "VII": {},
        "VIII": _by_row(
            ("precision", "recall", "seconds_per_1400"),
            {"Parametric Tversky Loss": (0.9187, 0.9744, 130), "Dice Loss": (0.738, 0.997, 125)},
        ),
        "ablation5": _by_row(
            ("asd_mm",),
            {
                "decremental": (0.171,),
                "3 labels every 100 slices": (3.2,),
                "3 labels every 200 slices": (6.3,),
                "3 labels every 300 slices": (13.8,),
            },
        ),
        "IX": _by_row(_ABLATED, {"w = 3": (0.171, 0.9827, 130), "w = 10": (0.199, 0.9713, 134)}),
        "X": _by_row(
            ("iou", "dice", "hausdorff_mm", "asd_mm", "volume_error_percent"),
            {
                "FBS": (0.918, 0.849, 16.6, 1.057, 10.78),
                "GFS": (0.779, 0.645, 17.18, 6.826, 16.71),
                "WS": (0.770, 0.628, 18.55, 2.462, 6.80),
            },
        ),
        "miccai1": _by_row(
            ("dice", "iou"),
            {
                "Unet": (0.78, 0.76),
                "Unet-S": (0.82, 0.79),
                "Unet-S-R": (0.87, 0.85),
                "Unet-S-R-CLSTM": (0.91, 0.89),
            },
        ),
        "miccai2": {
            **_by_row(
                ("dice", "iou", "hausdorff_mm"),
                {
                    "100 %": (0.945, 0.91, 2.42),
                    "90 %": (0.901, 0.88, 2.85),
                    "70 %": (0.834, 0.76, 4.20),
                    "50 %": (0.708, 0.61, 4.87),
                    "30 %": (0.506, 0.42, 6.50),
                },
            ),
            **_by_row(
                ("dice",),
                {
                    "90 %, without negatives": (0.914,),
                    "70 %, without negatives": (0.888,),
                    "50 %, without negatives": (0.662,),
                    "30 %, without negatives": (0.431,),
                },
            ),
        },
    }
)

# Standard deviations that are printed with some of them: table, row, measure.
DEVIATIONS: Mapping[tuple[str, str, str], float] = MappingProxyType(
    {
        ("IV", "IFSS-Net-FS", "volume_error_percent"): 0.46,
        ("IV", "IFSS-Net-WS", "volume_error_percent"): 0.58,
        ("IV", "Seg-Net-FS", "volume_error_percent"): 2.9,
        ("IV", "PG-Net", "volume_error_percent"): 3.98,
        ("IV", "IFSS-Net-FS", "dice"): 0.0016,
        ("IV", "IFSS-Net-FS", "iou"): 0.0047,
        ("IV", "IFSS-Net-FS", "hausdorff_mm"): 0.039,
        ("IV", "IFSS-Net-FS", "asd_mm"): 0.026,
        ("IV", "IFSS-Net-WS", "dice"): 0.004,
        ("IV", "IFSS-Net-WS", "iou"): 0.006,
        ("IV", "IFSS-Net-WS", "hausdorff_mm"): 0.084,
        ("IV", "IFSS-Net-WS", "asd_mm"): 0.031,
        ("IV", "PG-Net", "hausdorff_mm"): 0.13,
        ("IV", "PG-Net", "asd_mm"): 0.16,
    }
)
