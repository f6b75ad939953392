"""Overlap of two masks: Dice, IoU, mean IoU, precision, recall.

Empty masks, the same for every metric: where neither mask holds a voxel they agree, and every metric is 1.
Where only one does, Dice and IoU are 0; precision of an empty prediction is nan (nothing was claimed) and its
recall 0; recall of an empty truth is nan (nothing was there to find) and the precision 0.
"""

from dataclasses import dataclass

import numpy as np

from ifss_keras.metrics.masks import check_pair


def _ratio(numerator, denominator, undefined):
    return numerator / denominator if denominator else undefined


def dice_of_counts(both, in_prediction, in_truth, empty):
    """2 |P and T| / (|P| + |T|) from numbers of voxels, element by element, `empty` where neither mask holds one."""
    either = np.add(in_prediction, in_truth)
    return np.where(either > 0, 2 * np.asarray(both) / np.maximum(either, 1), empty)


@dataclass(frozen=True)
class OverlapCounts:
    """Voxels of a comparison, from which every overlap metric follows.

    Attributes:
        both: voxels in prediction and truth (true positives).
        prediction_only: voxels in the prediction alone (false positives).
        truth_only: voxels in the truth alone (false negatives).
        neither: all other voxels of the volume (true negatives).
    """

    both: int
    prediction_only: int
    truth_only: int
    neither: int

    @property
    def _all_empty(self):
        return self.both + self.prediction_only + self.truth_only == 0

    @property
    def dice(self):
        """2 |P and T| / (|P| + |T|), 0 to 1."""
        in_prediction, in_truth = self.both + self.prediction_only, self.both + self.truth_only
        return float(dice_of_counts(self.both, in_prediction, in_truth, empty=1.0))

    @property
    def iou(self):
        """|P and T| / |P or T|, 0 to 1 (Jaccard)."""
        return _ratio(self.both, self.both + self.prediction_only + self.truth_only, 1.0)

    @property
    def mean_iou(self):
        """Mean of the IoU of the muscle and the IoU of the background, 0 to 1.

        The background's share depends on how much empty volume surrounds the muscle, so this is always taken
        over the whole volume, and is to be compared only between predictions of the same volume.
        """
        background = _ratio(self.neither, self.neither + self.prediction_only + self.truth_only, 1.0)
        return (self.iou + background) / 2

    @property
    def precision(self):
        """|P and T| / |P|, 0 to 1; nan if only the prediction is empty."""
        undefined = 1.0 if self._all_empty else float("nan")
        return _ratio(self.both, self.both + self.prediction_only, undefined)

    @property
    def recall(self):
        """|P and T| / |T|, 0 to 1; nan if only the truth is empty."""
        undefined = 1.0 if self._all_empty else float("nan")
        return _ratio(self.both, self.both + self.truth_only, undefined)


def overlap_counts(prediction, truth):
    """`OverlapCounts` of two boolean masks (slice, row, column) on one grid.

    Raises:
        InputError: if a mask is not boolean or not three-dimensional.
        GeometryError: if the shapes differ.
    """
    prediction, truth = check_pair(prediction, truth)
    both = int(np.count_nonzero(prediction & truth))
    prediction_only = int(np.count_nonzero(prediction)) - both
    truth_only = int(np.count_nonzero(truth)) - both
    return OverlapCounts(both, prediction_only, truth_only, prediction.size - both - prediction_only - truth_only)


def dice(prediction, truth):
    """Dice similarity coefficient, 0 to 1; 1 if both masks are empty. See `OverlapCounts.dice`."""
    return overlap_counts(prediction, truth).dice


def iou(prediction, truth):
    """Intersection over union, 0 to 1; 1 if both masks are empty. See `OverlapCounts.iou`."""
    return overlap_counts(prediction, truth).iou


def mean_iou(prediction, truth):
    """Mean of foreground and background IoU, 0 to 1. See `OverlapCounts.mean_iou`."""
    return overlap_counts(prediction, truth).mean_iou


def precision(prediction, truth):
    """Share of the prediction that is true, 0 to 1, or nan. See `OverlapCounts.precision`."""
    return overlap_counts(prediction, truth).precision


def recall(prediction, truth):
    """Share of the truth that was found, 0 to 1, or nan. See `OverlapCounts.recall`."""
    return overlap_counts(prediction, truth).recall
