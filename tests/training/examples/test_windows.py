"""Windows of whole slices for networks without references."""

import numpy as np
import pytest

from ifss_keras.propagation.region import to_grid, to_working
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.pipeline import window_dataset
from ifss_keras.training.examples.windows import (
    WindowSettings,
    batch_of_windows,
    batches_of_windows,
    draw_window,
    whole_plane,
)

SETTINGS = WindowSettings(size=16, slices=3, codes=(5, 2))


@pytest.fixture(scope="module")
def volume():
    """Two blocks in 11 slices of 20x30: label 5 is brighter than label 2, both than the background."""
    labels = np.zeros((11, 20, 30), np.uint8)
    labels[:, 2:12, 3:14], labels[:, 8:18, 18:28] = 5, 2
    image = np.select([labels == 5, labels == 2], [250, 140], 20).astype(np.uint8)
    return TrainingVolume.from_arrays(image, labels, (1.0, 0.5, 0.25))


def test_the_whole_plane_is_covered_exactly():
    region = whole_plane((20, 30), (0.5, 0.25))
    assert region.extent_mm == (10.0, 7.5)
    assert region.center_mm == (4.75, 3.625)
    ramp = np.broadcast_to(np.arange(30, dtype=np.float32), (1, 20, 30))
    np.testing.assert_allclose(to_working(ramp, region, (0.5, 0.25), 30)[0, 3], np.arange(30), atol=1e-4)
    back = to_grid(to_working(np.ones((1, 20, 30)), region, (0.5, 0.25), 8), region, (0.5, 0.25), (20, 30))
    np.testing.assert_allclose(back, 1, atol=1e-6)


def test_classes_follow_the_codes_with_the_background_last(volume):
    for seed in range(5):
        image, (truth, negative), weight = draw_window(np.random.default_rng(seed), volume, SETTINGS)
        assert not negative.any()
        np.testing.assert_array_equal(weight, np.ones((3, 3)))
        assert (image.shape, truth.shape) == ((3, 16, 16, 1), (3, 16, 16, 3))
        np.testing.assert_array_equal(truth.sum(axis=-1), 1)
        means = [image[truth[..., place] > 0].mean() for place in range(3)]
        assert means == sorted(means, reverse=True) or means == sorted(means)  # now and then the image is inverted


def test_a_volume_shorter_than_a_window_ends_in_its_last_slice(volume):
    rng = np.random.default_rng(1)
    image, (truth, _), _ = draw_window(rng, volume, WindowSettings(16, 15, (5, 2)))
    assert image.shape == (15, 16, 16, 1)
    held = truth[..., 0].sum(axis=(1, 2))
    assert np.all(held == held[0])


def test_the_same_seed_gives_the_same_batch_and_another_another(volume):
    one, again, other = (batch_of_windows([volume], SETTINGS, 2, seed) for seed in (4, 4, 5))
    assert all(
        np.array_equal(a, b) for a, b in zip([one.image, *one.target], [again.image, *again.target], strict=True)
    )
    assert not np.array_equal(one.image, other.image)


def test_the_dataset_is_these_batches_in_order(volume):
    drawn = list(window_dataset(batches_of_windows([volume], SETTINGS, 2, 7), SETTINGS, batch=2, batches=2, first=3))
    assert len(drawn) == 2
    for number, window in enumerate(drawn, start=3):
        expected = batch_of_windows([volume], SETTINGS, 2, (7, number))
        np.testing.assert_array_equal(window.image, expected.image)
        np.testing.assert_array_equal(window.target.truth, expected.target.truth)
        np.testing.assert_array_equal(window.weight, expected.weight)
