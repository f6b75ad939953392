"""The evaluation of label volumes: the same numbers as the single metrics, and a JSON-safe record."""

import json
import math

import numpy as np
import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.metrics.evaluation import DEFINITIONS, evaluate
from ifss_keras.metrics.overlap import overlap_counts
from ifss_keras.metrics.surface import surface_distances
from ifss_keras.metrics.volume import areas_mm2, volume_ml

SPACING = (3.0, 2.0, 0.5)


@pytest.fixture
def volumes():
    truth = np.zeros((9, 12, 15), np.uint16)
    truth[2:7, 2:9, 3:10] = 1
    truth[3:9, 9:12, 0:6] = 700
    prediction = np.zeros_like(truth)
    prediction[1:6, 3:9, 3:11] = 1
    prediction[4:9, 9:12, 1:5] = 700
    return prediction, truth


def test_every_metric_equals_the_metric_on_the_whole_masks(volumes):
    prediction, truth = volumes
    result = evaluate(prediction, truth, SPACING, {700: "SOL"})
    assert [(label.code, label.name) for label in result.labels] == [(1, "label 1"), (700, "SOL")]
    for label in result.labels:
        predicted, true = prediction == label.code, truth == label.code
        overlap, distances = overlap_counts(predicted, true), surface_distances(predicted, true, SPACING)
        for name in ("dice", "iou", "mean_iou", "precision", "recall"):
            assert getattr(label, name) == getattr(overlap, name)
        for name in ("hausdorff_mm", "hd95_mm", "asd_mm"):
            assert getattr(label, name) == pytest.approx(getattr(distances, name), rel=1e-6)
        assert label.prediction_ml == pytest.approx(volume_ml(predicted, SPACING))
        assert label.truth_ml == pytest.approx(volume_ml(true, SPACING))
        np.testing.assert_allclose(label.prediction_areas_mm2, areas_mm2(predicted, SPACING))
        np.testing.assert_allclose(label.truth_areas_mm2, areas_mm2(true, SPACING))


def test_volume_errors_extents_and_curve_by_hand(volumes):
    first = evaluate(*volumes, SPACING).labels[0]
    assert first.prediction_ml == pytest.approx(5 * 6 * 8 * 3 / 1000)
    assert first.truth_ml == pytest.approx(5 * 7 * 7 * 3 / 1000)
    assert first.signed_volume_error_percent == pytest.approx(100 * (240 - 245) / 245)
    assert first.paper_volume_error_percent == pytest.approx(100 * 5 / 242.5)
    assert (first.prediction_slices, first.truth_slices) == ((1, 5), (2, 6))
    inside = 2 * 6 * 7 / (6 * 8 + 7 * 7)
    expected = [math.nan, 0, inside, inside, inside, inside, 0, math.nan, math.nan]
    np.testing.assert_allclose(first.dice_per_slice, expected)


def test_identical_volumes_are_perfect(volumes):
    for label in evaluate(volumes[1], volumes[1], SPACING).labels:
        assert label.dice == label.iou == label.mean_iou == label.precision == label.recall == 1.0
        assert label.hausdorff_mm == label.hd95_mm == label.asd_mm == 0.0
        assert label.signed_volume_error_percent == label.paper_volume_error_percent == 0.0


def test_label_codes_may_be_exchanged(volumes):
    codes = {0: 0, 1: 44, 700: 3}
    exchanged = [np.vectorize(codes.get)(volume) for volume in volumes]
    before = {label.code: label for label in evaluate(*volumes, SPACING).labels}
    for label in evaluate(*exchanged, SPACING).labels:
        old = before[{44: 1, 3: 700}[label.code]]
        assert (label.dice, label.asd_mm, label.prediction_ml) == (old.dice, old.asd_mm, old.prediction_ml)


def test_a_label_missing_from_the_prediction(volumes):
    prediction, truth = volumes
    label = evaluate(np.where(prediction == 1, 0, prediction), truth, SPACING).labels[0]
    assert (label.code, label.dice, label.recall) == (1, 0.0, 0.0)
    assert math.isnan(label.precision)
    assert label.hausdorff_mm == label.asd_mm == math.inf
    assert label.signed_volume_error_percent == -100.0
    assert label.prediction_slices is None


def test_dictionary_is_strict_json_and_keeps_the_values(volumes):
    prediction, truth = volumes
    result = evaluate(np.where(prediction == 1, 0, prediction), truth, SPACING, {1: "GM <left>"})
    record = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert record["spacing_mm"] == [3.0, 2.0, 0.5]
    assert record["shape"] == [9, 12, 15]
    assert record["definitions"] == DEFINITIONS
    first, second = record["labels"]
    assert (first["name"], first["precision"], first["hausdorff_mm"]) == ("GM <left>", None, None)
    assert first["truth_slices"] == [2, 6]
    assert first["prediction_slices"] is None
    assert second["dice"] == result.labels[1].dice
    assert second["dice_per_slice"][:3] == [None, None, None]
    assert second["truth_areas_mm2"] == result.labels[1].truth_areas_mm2.tolist()


def test_every_number_but_the_plain_ones_is_defined(volumes):
    record = evaluate(*volumes, SPACING).to_dict()["labels"][0]
    plain = {"code", "name", "prediction_ml", "truth_ml", "prediction_slices", "truth_slices"}
    assert set(record) - plain - {"prediction_areas_mm2", "truth_areas_mm2"} == set(DEFINITIONS)


def test_bad_volumes_are_refused(volumes):
    prediction, truth = volumes
    with pytest.raises(InputError, match="hold label 5, received labels 1, 700; check"):
        evaluate(prediction, truth, SPACING, {5: "GL"})
    with pytest.raises(InputError, match="a label other than 0"):
        evaluate(prediction * 0, truth * 0, SPACING)
    with pytest.raises(InputError, match="whole numbers, received 3 axes of float32"):
        evaluate(prediction.astype(np.float32), truth, SPACING)
    with pytest.raises(GeometryError, match="same grid"):
        evaluate(prediction[1:], truth, SPACING)
