"""Losses."""

from ifss_keras.losses.segmentation import segmentation_loss, soft_dice
from ifss_keras.losses.tversky import ParametricTverskyLoss, tversky_index

__all__ = ["ParametricTverskyLoss", "segmentation_loss", "soft_dice", "tversky_index"]
