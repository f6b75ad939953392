"""Propagators that need no network, on solids of known volume and on hand-made labels."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.inference import classical
from ifss_keras.inference.classical import ClassicalSettings
from ifss_keras.inference.methods import METHODS, UNTRAINED, untrained_method
from ifss_keras.metrics.overlap import dice
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "solids.py"
spec = importlib.util.spec_from_file_location("solids", BENCHMARK)
solids = sys.modules.setdefault("solids", importlib.util.module_from_spec(spec))
spec.loader.exec_module(solids)

WITH_ITK = pytest.mark.skipif(importlib.util.find_spec("itk") is None, reason="the extra itk is not installed")
ITK = ("morphological", "growcut")
BY_METHOD = [pytest.param(name, marks=WITH_ITK if name in ITK else ()) for name in UNTRAINED]
SPACING_MM = (2.5, 0.8, 0.5)

# percent, of the volume in closed form: sphere, ellipsoid, cone, tilted cylinder, annotated every 8 slices
MEASURED = {
    "shape": (0.06, -0.30, 0.90, 0.84),
    "morphological": (-13.77, -9.77, 1.49, -0.11),
    "growcut": (-3.29, -2.68, 1.15, 0.74),
    "watershed": (-2.24, -1.17, 1.00, 0.11),
    "random-walker": (-1.57, -0.72, 1.06, 0.67),
}


def predict(method, image, references, spacing_mm=SPACING_MM, **more):
    return untrained_method(method)(Volume.from_array(image, spacing_mm), references, **more)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "bound"),
    [(solids.SHAPE, solids.SPACING_MM, 1.0), ((57, 90, 70), (1.1, 0.7, 0.9), 2.5), ((21, 53, 35), (3, 1.5, 2.1), 2.0)],
)
@pytest.mark.parametrize("name", solids.SOLIDS)
def test_the_voxels_of_a_solid_count_its_volume(name, shape, spacing_mm, bound):
    held = solids.solid(name, shape, spacing_mm)
    assert abs(solids.volume_error_percent(held.mask, held)) < bound


@pytest.mark.parametrize("method", BY_METHOD)
def test_the_volume_error_on_solids_is_the_measured_one(method):
    for name, measured in zip(solids.SOLIDS, MEASURED[method], strict=True):
        held = solids.solid(name)
        labels = held.mask.astype(np.uint8)
        references = solids.references_every(labels, solids.EVERY)
        prediction = predict(method, solids.image_of(labels), references, held.spacing_mm)
        assert solids.volume_error_percent(prediction.labels > 0, held) == pytest.approx(measured, abs=0.5)
        (summary,) = prediction.summaries
        error = 100 * (summary.volume_ml / held.volume_ml - 1)
        assert (summary.method, error) == (method, pytest.approx(measured, abs=0.5))


def side_by_side():
    """(image, labels): ellipsoid 9 touches ellipsoid 4, both over slices 3 to 17 of 21, and 4 is darker."""
    z, y, x = np.mgrid[:21, :33, :57]
    labels = np.zeros(z.shape, np.uint8)
    labels[((z - 10) / 8) ** 2 + ((y - 16) / 10) ** 2 + ((x - 37) / 15) ** 2 < 1] = 4
    labels[((z - 10) / 8) ** 2 + ((y - 15) / 11) ** 2 + ((x - 17) / 12) ** 2 < 1] = 9
    grey = np.select([labels == 4, labels == 9], [110, 190], 40)
    noise = 12 * np.random.default_rng(1).standard_normal(z.shape)
    return (grey + noise).clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("method", BY_METHOD)
def test_two_labels_that_touch_are_told_apart(method):
    image, labels = side_by_side()
    references = solids.references_every(labels, 5, complete=True)
    prediction = predict(method, image, references)
    np.testing.assert_array_equal(prediction.labels[references.slices], references.masks)
    least = {
        "shape": 0.93,
        "morphological": 0.94,
        "growcut": 0.99,
        "watershed": 0.94,
        "random-walker": 0.98,
    }
    for code in (4, 9):
        assert dice(prediction.labels == code, labels == code) > least[method]
    assert not prediction.labels[: references.slices[0]].any()
    assert not prediction.labels[references.slices[-1] + 1 :].any()


@pytest.mark.parametrize("method", BY_METHOD)
def test_renumbering_the_labels_permutes_the_result(method):
    image, labels = side_by_side()
    other = np.select([labels == 4, labels == 9], [200, 3]).astype(np.uint8)
    found = predict(method, image, solids.references_every(labels, 5)).labels
    permuted = predict(method, image, solids.references_every(other, 5)).labels
    np.testing.assert_array_equal(np.select([found == 4, found == 9], [200, 3]), permuted)


# Dice of the result and that of the reversed slices: ITK's interpolation is not symmetric, and ties may fall otherwise
SAME_REVERSED = {"shape": 0.999, "morphological": 0.92, "growcut": 0.999, "watershed": 0.999}
SAME_REVERSED |= {"random-walker": 0.999}


@pytest.mark.parametrize("method", BY_METHOD)
def test_reversed_slices_reverse_the_result(method):
    image, labels = side_by_side()
    found = predict(method, image, solids.references_every(labels, 7)).labels
    backward = predict(method, image[::-1], solids.references_every(labels[::-1], 7)).labels[::-1]
    for code in (4, 9):
        assert dice(found == code, backward == code) >= SAME_REVERSED[method]


@pytest.mark.parametrize("method", BY_METHOD)
def test_a_run_of_adjacent_annotated_slices_does_no_harm(method):
    held = solids.solid("tilted cylinder")
    labels = held.mask.astype(np.uint8)
    few = solids.references_every(labels, 8).slices
    run = Annotation.from_array(labels, keep_slices=np.union1d(few, np.arange(few[1] - 1, few[1] + 3)))
    prediction = predict(method, solids.image_of(labels), run, held.spacing_mm)
    np.testing.assert_array_equal(prediction.labels[run.slices], run.masks)
    assert dice(prediction.labels > 0, held.mask) > 0.96


@pytest.mark.parametrize("method", BY_METHOD)
def test_a_label_absent_from_an_annotated_slice_is_not_carried_through_it(method):
    image, labels = side_by_side()
    labels[10][labels[10] == 4] = 0
    keep = np.array([6, 10, 14])
    complete = predict(method, image, Annotation.from_array(labels, complete=True, keep_slices=keep)).labels
    np.testing.assert_array_equal(complete[10], labels[10])
    assert (complete[7] == 4).any()
    partial = predict(method, image, Annotation.from_array(labels, keep_slices=keep)).labels
    assert (partial[10] == 4).any()
    np.testing.assert_array_equal(partial[10] == 9, labels[10] == 9)


@pytest.mark.parametrize("method", BY_METHOD)
@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 5, 7), (5, 2, 3), (7, 3, 2)])
def test_small_volumes_and_full_planes(method, shape):
    image = np.random.default_rng(2).integers(0, 255, shape, dtype=np.uint8)
    labels = np.zeros(shape, np.uint8)
    labels[[0, -1]] = 1
    found = predict(method, image, Annotation.from_array(labels)).labels
    np.testing.assert_array_equal(found, 1)
    labels[[0, -1], 0, 0] = 0
    found = predict(method, image, Annotation.from_array(labels)).labels
    np.testing.assert_array_equal(found[[0, -1]], labels[[0, -1]])


@pytest.mark.parametrize("method", BY_METHOD)
def test_a_constant_image_and_one_with_nan_are_no_obstacle(method):
    _, labels = side_by_side()
    references = solids.references_every(labels, 5)
    spoiled = np.where(labels == 0, np.nan, labels).astype(np.float32)
    for image in (np.full(labels.shape, 7, np.uint8), spoiled):
        found = predict(method, image, references).labels
        assert dice(found > 0, labels > 0) > 0.85


@pytest.mark.parametrize("method", BY_METHOD)
def test_one_annotated_slice_is_all_there_is(method):
    image, labels = side_by_side()
    references = Annotation.from_array(labels, keep_slices=np.array([10]))
    prediction = predict(method, image, references)
    np.testing.assert_array_equal(np.flatnonzero(prediction.labels.any(axis=(1, 2))), [10])


@pytest.mark.parametrize("method", BY_METHOD)
def test_progress_ends_at_the_total_of_every_label(method):
    image, labels = side_by_side()
    last = {}
    predict(method, image, solids.references_every(labels, 5), progress=lambda *now: last.update({now[0]: now[1:]}))
    assert set(last) == {"4", "9"}
    assert all(done == total > 0 for done, total in last.values())


@WITH_ITK
def test_morphology_sees_points_and_lines():
    labels = np.zeros((9, 20, 30), np.uint8)
    labels[0, 10, 5:15] = 1
    labels[8, 10, 9:19] = 1
    labels[0, 3, 3] = labels[8, 4, 4] = 2
    found = predict("morphological", labels, Annotation.from_array(labels)).labels
    for code in (1, 2):
        assert (found == code).any(axis=(1, 2)).all()


def test_a_large_box_is_walked_on_fewer_rows_and_columns(monkeypatch):
    image, labels = side_by_side()
    references = solids.references_every(labels, 5)
    fine = predict("random-walker", image, references).labels
    monkeypatch.setattr(classical, "SETTINGS", ClassicalSettings(most_voxels=1500))
    coarse = predict("random-walker", image, references).labels
    assert (coarse != fine).any()
    for code in (4, 9):
        assert dice(coarse == code, labels == code) > 0.9


@pytest.mark.parametrize("method", ITK)
def test_absent_itk_is_one_sentence_that_names_the_command(method, monkeypatch):
    image, labels = side_by_side()
    monkeypatch.setitem(sys.modules, "itk", None)  # import itk raises
    with pytest.raises(InputError, match=r"needs ITK.* -m pip install itk-growcut itk-morph\w+\.$"):
        predict(method, image, solids.references_every(labels, 5))


def test_the_table_holds_every_method():
    assert METHODS == ("network", "shape", "morphological", "growcut", "watershed", "random-walker")
    with pytest.raises(InputError, match="expected one of network, shape"):
        untrained_method("by-hand")
