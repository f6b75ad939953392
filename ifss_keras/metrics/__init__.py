"""Overlap, surface distances and volumes of masks, and all of them for label volumes by `evaluate`."""

from ifss_keras.metrics.evaluation import DEFINITIONS, Evaluation, LabelEvaluation, evaluate
from ifss_keras.metrics.overlap import dice, iou, mean_iou, precision, recall
from ifss_keras.metrics.surface import asd_mm, hausdorff_mm, hd95_mm, surface_distances
from ifss_keras.metrics.volume import (
    areas_mm2,
    paper_volume_error_percent,
    signed_volume_error_percent,
    volume_ml,
)

__all__ = [
    "DEFINITIONS",
    "Evaluation",
    "LabelEvaluation",
    "areas_mm2",
    "asd_mm",
    "dice",
    "evaluate",
    "hausdorff_mm",
    "hd95_mm",
    "iou",
    "mean_iou",
    "paper_volume_error_percent",
    "precision",
    "recall",
    "signed_volume_error_percent",
    "surface_distances",
    "volume_ml",
]
