"""Overlap metrics against counts done by hand, SimpleITK, and the documented answers for empty masks."""

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.metrics.overlap import dice, dice_of_counts, iou, mean_iou, overlap_counts, precision, recall

SHAPE = (2, 3, 5)
EMPTY = np.zeros(SHAPE, bool)
ONE = EMPTY.copy()
ONE[1, 2, 3] = True


def box(shape, *ranges):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*limits) for limits in ranges)] = True
    return mask


def test_values_counted_by_hand():
    prediction = box((4, 5, 7), (0, 2), (0, 3), (0, 4))  # 24 voxels
    truth = box((4, 5, 7), (1, 3), (0, 2), (0, 5))  # 20 voxels, 1 x 2 x 4 = 8 shared
    counts = overlap_counts(prediction, truth)
    assert (counts.both, counts.prediction_only, counts.truth_only, counts.neither) == (8, 16, 12, 104)
    assert dice(prediction, truth) == pytest.approx(16 / 44)
    assert iou(prediction, truth) == pytest.approx(8 / 36)
    assert mean_iou(prediction, truth) == pytest.approx((8 / 36 + 104 / 132) / 2)
    assert precision(prediction, truth) == pytest.approx(8 / 24)
    assert recall(prediction, truth) == pytest.approx(8 / 20)


def test_dice_of_counts_slice_by_slice():
    both, in_prediction, in_truth = np.array([0, 0, 3, 2]), np.array([0, 4, 3, 6]), np.array([0, 0, 3, 2])
    np.testing.assert_allclose(dice_of_counts(both, in_prediction, in_truth, empty=np.nan), [np.nan, 0, 1, 0.5])
    assert dice_of_counts(0, 0, 0, empty=1.0) == 1.0


def test_two_empty_masks_agree():
    for metric in (dice, iou, mean_iou, precision, recall):
        assert metric(EMPTY, EMPTY) == 1.0


def test_empty_prediction_has_no_precision():
    assert dice(EMPTY, ONE) == iou(EMPTY, ONE) == recall(EMPTY, ONE) == 0.0
    assert math.isnan(precision(EMPTY, ONE))
    assert mean_iou(EMPTY, ONE) == pytest.approx((0 + 29 / 30) / 2)


def test_empty_truth_has_no_recall():
    assert dice(ONE, EMPTY) == iou(ONE, EMPTY) == precision(ONE, EMPTY) == 0.0
    assert math.isnan(recall(ONE, EMPTY))
    assert mean_iou(ONE, EMPTY) == pytest.approx((0 + 29 / 30) / 2)


def test_full_masks_have_an_empty_background_that_agrees():
    assert mean_iou(~EMPTY, ~EMPTY) == 1.0


@given(arrays(bool, (3, 2, 5)), arrays(bool, (3, 2, 5)))
def test_swapping_masks_swaps_precision_and_recall(first, second):
    assert dice(first, second) == dice(second, first)
    assert iou(first, second) == iou(second, first)
    np.testing.assert_equal(precision(first, second), recall(second, first))
    one = iou(first, second)
    assert dice(first, second) == pytest.approx(2 * one / (1 + one))


def test_same_as_simpleitk():
    generator = np.random.default_rng(3)
    for fill in (0.1, 0.5, 0.8):
        prediction, truth = (generator.random((5, 7, 3)) < fill for _ in range(2))
        other = sitk.LabelOverlapMeasuresImageFilter()
        images = (sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (prediction, truth))
        other.Execute(*images)  # source, target
        assert dice(prediction, truth) == pytest.approx(other.GetDiceCoefficient(1))
        assert iou(prediction, truth) == pytest.approx(other.GetJaccardCoefficient(1))
        assert recall(prediction, truth) == pytest.approx(1 - other.GetFalseNegativeError(1))
        # SimpleITK's false discovery rate is FP / (FP + TP).
        assert precision(prediction, truth) == pytest.approx(1 - other.GetFalseDiscoveryRate(1))


@given(st.sampled_from([np.uint8, np.int32, np.float32]))
def test_label_volumes_are_refused(kind):
    with pytest.raises(InputError, match=r"prediction must be a boolean array .* received 3 axes of"):
        dice(ONE.astype(kind), ONE)


def test_other_shapes_are_refused():
    with pytest.raises(GeometryError, match=r"\(2, 3, 5\) and \(2, 5, 3\)"):
        dice(ONE, np.zeros((2, 5, 3), bool))
    with pytest.raises(InputError, match="truth must be a boolean array"):
        dice(ONE, ONE[0])
