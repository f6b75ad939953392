"""Losses."""

from ifss_keras.core.loss_names import LOSSES
from ifss_keras.losses.named import NamedLoss
from ifss_keras.losses.segmentation import negative_loss, reconstruction_loss, segmentation_loss
from ifss_keras.losses.terms import binary_cross_entropy, soft_dice
from ifss_keras.losses.tversky import ParametricTverskyLoss, tversky_index

__all__ = [
    "LOSSES",
    "NamedLoss",
    "ParametricTverskyLoss",
    "binary_cross_entropy",
    "negative_loss",
    "reconstruction_loss",
    "segmentation_loss",
    "soft_dice",
    "tversky_index",
]
