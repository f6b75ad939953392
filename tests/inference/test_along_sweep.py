"""Raw frames of a sweep: masks come back on them, and measure what closed forms say."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.inference.classical import predict_by_watershed
from ifss_keras.inference.interpolation import predict_by_shape
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume
from tests.sweeps import hands

PIXEL_MM = (hands.PIXEL_MM, hands.PIXEL_MM)


def recorded(planes, body, every, extra=()):
    """The volume of a sweep over a body, its masks, and its annotation on every so many frames that hold it."""
    sweep, masks = hands.swept(planes, body)
    image = np.where(masks, 180, 60).astype(np.uint8)
    volume = replace(Volume.from_array(image, (1.0, *PIXEL_MM)), sweep=sweep)
    held = np.flatnonzero(masks.any(axis=(1, 2)))
    kept = sorted({*held[::every], held[-1], *extra})
    return volume, masks, Annotation.from_array(masks.astype(np.uint8), {1: "body"}, keep_slices=np.array(kept))


def agreement(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.mark.parametrize("method", [predict_by_shape, predict_by_watershed])
def test_a_wavering_hand_measures_the_ball(method):
    volume, masks, annotation = recorded(hands.to_and_fro(hands.straight(60, wobble=3.0, seed=2)), hands.ball, every=6)
    prediction = method(volume, annotation)
    assert prediction.labels.shape == masks.shape
    assert agreement(prediction.labels == 1, masks) > 0.95
    (summary,) = prediction.summaries
    assert summary.volume_ml == pytest.approx(hands.VOLUMES_ML[hands.ball], rel=0.03)
    assert summary.reference_slices == tuple(annotation.slices)
    assert (np.diff(summary.positions_mm) < 0).any(), "the hand goes back"
    assert summary.positions_mm.max() == pytest.approx(80, rel=0.05)
    np.testing.assert_array_equal(prediction.labels[annotation.slices], annotation.masks)
    np.testing.assert_allclose(summary.areas_mm2, (prediction.labels == 1).sum(axis=(1, 2)) * hands.PIXEL_MM**2)


def test_the_order_in_which_frames_were_recorded_does_not_matter():
    planes = hands.straight(40, wobble=2.0, seed=9)
    volume, _, annotation = recorded(planes, hands.egg, every=7)
    found = predict_by_shape(volume, annotation)
    backwards = replace(volume, array=volume.array[::-1], sweep=Sweep(volume.sweep.poses[::-1]))
    again = predict_by_shape(
        backwards,
        replace(annotation, slices=39 - annotation.slices[::-1], masks=annotation.masks[::-1]),
    )
    assert agreement(again.labels[::-1] == 1, found.labels == 1) > 0.995
    assert again.volumes_ml["body"] == pytest.approx(found.volumes_ml["body"], rel=2e-3)
    assert again.summaries[0].length_mm == pytest.approx(found.summaries[0].length_mm, rel=1e-2)


def test_speed_does_not_matter():
    """The same body swept at an uneven speed measures the same, by the mask, the curve and straight lines."""
    even, uneven = np.linspace(-30, 30, 61), 30 * np.sin(np.linspace(-np.pi / 2, np.pi / 2, 61))
    measured = []
    for depths in (even, uneven):
        planes = np.array(
            [hands.plane(np.array([0, 0, z]), np.array([0, 0, 1.0]), np.array([1.0, 0, 0])) for z in depths]
        )
        volume, masks, _ = recorded(planes, hands.ball, every=5)
        near = sorted({int(np.abs(depths - z).argmin()) for z in (-19, -12, -6, 0, 6, 12, 19)})
        annotation = Annotation.from_array(masks.astype(np.uint8), {1: "body"}, keep_slices=np.array(near))
        (summary,) = predict_by_shape(volume, annotation).summaries
        measured.append((summary.volume_ml, summary.curve_volume_ml, summary.straight_volume_ml, summary.length_mm))
    np.testing.assert_allclose(measured[1], measured[0], rtol=0.03)
    assert measured[0][0] == pytest.approx(hands.VOLUMES_ML[hands.ball], rel=0.02)


def test_frames_without_a_pose_get_masks_and_measure_nothing():
    planes = hands.straight(50, seed=4)
    volume, masks, annotation = recorded(planes, hands.ball, every=6)
    whole = predict_by_shape(volume, annotation).summaries[0].volume_ml
    lost = planes.copy()
    lost[[20, 21, 27]] = np.nan
    prediction = predict_by_shape(replace(volume, sweep=Sweep.of_planes(lost)), annotation)
    assert any("3 of 50 frames were not tracked" in note for note in prediction.notes)
    assert agreement(prediction.labels[[20, 21, 27]] == 1, masks[[20, 21, 27]]) > 0.9
    assert prediction.summaries[0].volume_ml == pytest.approx(whole, rel=0.01)
    assert (prediction.summaries[0].slabs_mm[[20, 21, 27]] == 0).all()


def test_what_the_tracker_did_not_see_at_an_end_is_told_and_has_no_interval():
    planes = hands.straight(50, seed=4)
    volume, _, annotation = recorded(planes, hands.ball, every=6)
    assert predict_by_shape(volume, annotation).summaries[0].volume_ml_low is not None
    planes[28:] = np.nan
    prediction = predict_by_shape(replace(volume, sweep=Sweep.of_planes(planes)), annotation)
    assert any("What lies after frame 27 is missing from the millilitres" in note for note in prediction.notes)
    (summary,) = prediction.summaries
    assert summary.volume_ml_low is None
    assert 0.4 < summary.volume_ml / hands.VOLUMES_ML[hands.ball] < 0.8


@pytest.mark.parametrize("from_mm", [0.0, -10.0])
def test_frames_that_turn_about_a_line_inside_are_refused(from_mm):
    volume, _, annotation = recorded(hands.fan(40, from_mm=from_mm, reach=1.2), hands.ball, every=6)
    with pytest.raises(InputError, match="turn about a line inside of body"):
        predict_by_shape(volume, annotation)


def test_a_curve_through_every_frame_measures_what_the_mask_does():
    volume, _, annotation = recorded(hands.fan(60), hands.ball, every=1)
    (summary,) = predict_by_shape(volume, annotation).summaries
    assert summary.curve_volume_ml == pytest.approx(summary.volume_ml, rel=1e-4)
    assert summary.straight_volume_ml == pytest.approx(summary.volume_ml, rel=1e-4)


def test_what_lies_beside_the_picture_is_not_counted():
    """The body leaves the picture to one side: no more is measured of it than is seen."""
    planes = hands.straight(30, wobble=6.0, seed=6)
    planes[:, :3, 3] += [34.0, 0, 0]
    volume, masks, annotation = recorded(planes, hands.ball, every=4)
    assert masks[:, :, 0].any()
    prediction = predict_by_shape(volume, annotation)
    (summary,) = prediction.summaries
    assert summary.touches_edge
    np.testing.assert_allclose(summary.areas_mm2, (prediction.labels == 1).sum(axis=(1, 2)) * hands.PIXEL_MM**2)


def test_it_is_said_that_counting_voxels_is_not_measuring_frames():
    volume, _, annotation = recorded(hands.straight(30), hands.ball, every=4)
    notes = predict_by_shape(volume, annotation).notes
    assert any("a program that counts the mask's voxels finds others" in note for note in notes)
