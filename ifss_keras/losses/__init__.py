"""Losses."""

from ifss_keras.losses.tversky import ParametricTverskyLoss, tversky_index

__all__ = ["ParametricTverskyLoss", "tversky_index"]
