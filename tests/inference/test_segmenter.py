"""Volumes segmented without references, by networks whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.inference.segmenter import Segmenter, window_starts
from ifss_keras.volumes.volume import Volume


class Answer:
    """Answers with what `rule` makes of the images, (1, slice, row, column, 1)."""

    def __init__(self, rule):
        self.rule = rule
        self.windows = []

    def __call__(self, inputs, training=None):
        assert training is False
        image = np.asarray(inputs["image"])
        self.windows.append(image)
        return {"probabilities": self.rule(image)}


def bright_middle_dark(image):
    """The first class where it is bright, the second where it is dark, else the background."""
    return np.concatenate([image, 1 - image, np.where(np.abs(image - 0.5) < 0.2, 1.0, 0.0)], axis=-1)


@given(count=st.integers(1, 40), slices=st.integers(1, 12))
def test_windows_hold_every_slice_and_end_with_the_volume(count, slices):
    starts = window_starts(count, slices)
    held = {index for first in starts for index in range(first, first + slices)}
    assert set(range(count)) <= held
    assert starts[0] == 0
    assert max(held) == max(count, slices) - 1
    assert starts == sorted(set(starts))


@given(count=st.integers(1, 23), slices=st.integers(1, 9))
def test_a_constant_stays_that_constant_everywhere(count, slices):
    constant = np.array([0.3, 0.6, 0.1], np.float32)
    network = Answer(lambda image: np.broadcast_to(constant, (*image.shape[:-1], 3)))
    blended = Segmenter(network, {1: "a", 2: "b"}, slices, 4).blended(lambda part: np.zeros((23, 4, 4))[part], count)
    assert blended.shape == (count, 4, 4, 3)
    assert (blended == constant).all()


def test_a_slice_of_two_windows_is_their_weighted_mean():
    numbers = iter((0.0, 1.0))

    def number(image):
        return np.full((*image.shape[:-1], 2), next(numbers), np.float32)

    blended = Segmenter(Answer(number), {1: "a"}, 4, 2).blended(lambda part: np.zeros((6, 2, 2))[part], 6)
    # weights 1 2 2 1 from slice 0 and from slice 2
    np.testing.assert_allclose(blended[:, 0, 0, 0], [0, 0, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)


def test_every_voxel_goes_to_its_most_probable_class_on_the_images_grid():
    image = np.full((5, 12, 20), 128, np.uint8)
    image[:, 2:8, 3:9], image[1:4, 6:11, 12:18] = 255, 0
    volume = Volume.from_array(image, (2.0, 0.5, 0.25))
    done = []
    segmenter = Segmenter(Answer(bright_middle_dark), {9: "bright", 4: "dark"}, 3, 60)
    found = segmenter.predict(volume, progress=lambda *told: done.append(told))
    assert found.labels.shape == image.shape
    for index, plane in enumerate(image):
        wanted = np.select([plane == 255, plane == 0], [9, 4], 0)
        assert (found.labels[index] != wanted).mean() < 0.03, index
    assert [(summary.code, summary.name, summary.method) for summary in found.summaries] == [
        (4, "dark", "network"),
        (9, "bright", "network"),
    ]
    assert found.summaries[1].volume_ml == pytest.approx((found.labels == 9).sum() * 0.25 / 1000)
    assert (found.summaries[0].volume_ml_high, found.summaries[0].reference_slices) == (None, ())
    assert done[-1] == ("slices", 5, 5)


def test_a_volume_shorter_than_a_window_is_continued_with_its_last_slice():
    network = Answer(lambda image: np.concatenate([image, 1 - image], axis=-1))
    images = np.random.default_rng(0).random((2, 4, 4), dtype=np.float32)
    blended = Segmenter(network, {1: "a"}, 5, 4).blended(lambda part: images[part], 2)
    np.testing.assert_allclose(blended[..., 0], images, rtol=1e-6)
    np.testing.assert_array_equal(network.windows[0][0, 2:, ..., 0], np.stack([images[1]] * 3))


def test_a_preset_without_labels_is_refused(tiny_preset, tmp_path):
    with pytest.raises(InputError, match=r"IFSSNet.*Predictor"):
        Segmenter.from_preset(tiny_preset)
    with pytest.raises(PresetError, match="holds no preset"):
        Segmenter.from_preset(tmp_path)
