"""Volumes in millilitres, cross-section areas in mm2, and the errors of a volume in percent."""

import numpy as np

from ifss_keras.metrics.masks import check_mask, check_spacing

MM3_PER_ML = 1000.0


def voxel_volume_ml(spacing_mm):
    """Volume of one voxel in mL, from the spacing in mm (slice, row, column).

    Raises:
        InputError: if the spacing is not three positive numbers.
    """
    return float(np.prod(check_spacing(spacing_mm))) / MM3_PER_ML


def volume_ml(mask, spacing_mm):
    """Volume of a boolean mask (slice, row, column) in mL: its voxels, counted.

    Raises:
        InputError: if the mask is not boolean or 3D, or the spacing is not three positive numbers.
    """
    return int(np.count_nonzero(check_mask(mask))) * voxel_volume_ml(spacing_mm)


def areas_mm2(mask, spacing_mm):
    """Cross-section area of each slice of a boolean mask in mm2, (n_slices,).

    Raises:
        InputError: if the mask is not boolean or 3D, or the spacing is not three positive numbers.
    """
    _, row_mm, column_mm = check_spacing(spacing_mm)
    return np.count_nonzero(check_mask(mask), axis=(1, 2)) * (row_mm * column_mm)


def signed_volume_error_percent(predicted_ml, truth_ml):
    """100 (predicted - truth) / truth: positive if too large. 0 if both are 0, inf if only the truth is."""
    if truth_ml == 0:
        return 0.0 if predicted_ml == 0 else float("inf")
    return 100.0 * (predicted_ml - truth_ml) / truth_ml


def paper_volume_error_percent(predicted_ml, truth_ml):
    """100 |predicted - truth| / mean of both, 0 to 200; 0 if both are 0.

    VolErr of IFSS-Net (Al Chanti et al., IEEE Trans Med Imaging 2021, section on the evaluation metrics): the
    absolute difference over the average of the two volumes, not over the truth.
    """
    if predicted_ml == truth_ml == 0:
        return 0.0
    return 100.0 * abs(predicted_ml - truth_ml) / ((predicted_ml + truth_ml) / 2)
