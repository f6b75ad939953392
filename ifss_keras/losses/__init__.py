"""Losses."""

from ifss_keras.losses.segmentation import segmentation_loss
from ifss_keras.losses.terms import binary_cross_entropy, soft_dice
from ifss_keras.losses.tversky import ParametricTverskyLoss, tversky_index

__all__ = ["ParametricTverskyLoss", "binary_cross_entropy", "segmentation_loss", "soft_dice", "tversky_index"]
