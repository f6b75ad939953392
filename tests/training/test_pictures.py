"""Pictures of validation examples, pixel by pixel, and when they are written."""

import numpy as np
import pytest

from ifss_keras.training import pictures
from ifss_keras.training.pictures import ValidationPictures, outline, picture


def test_the_outline_is_the_labels_border():
    labels = np.zeros((6, 7), np.uint8)
    labels[1:5, 1:6] = 1
    labels[2, 5] = 2
    expected = labels > 0
    expected[2:4, 2:5] = False
    expected[2, 4] = True  # beside the other label
    np.testing.assert_array_equal(outline(labels), expected)
    assert outline(np.ones((3, 3), np.uint8)).sum() == 8, "what reaches the edge ends there"


def test_a_picture_has_image_truth_and_what_was_found_side_by_side():
    image = np.linspace(0, 1, 2 * 96 * 100).reshape(2, 96, 100)
    truth, found = np.zeros((2, 2, 96, 100), np.uint8)
    truth[0, 10:20, 30:50], found[1, 40:60, 5:9] = 1, 1
    drawn = picture(image, truth, found)
    assert drawn.shape == (2 * 192 + 4, 3 * 200 + 2 * 4, 3)
    panels = [[drawn[row : row + 192, column : column + 200] for column in (0, 204, 408)] for row in (0, 196)]
    grey = (image * 255).astype(np.uint8)
    for example, (plain, with_truth, with_found) in enumerate(panels):
        np.testing.assert_array_equal(plain[::2, ::2], np.repeat(grey[example][..., None], 3, axis=-1))
        assert ((with_truth != plain).any(axis=-1).sum() > 0) == (example == 0)
        assert ((with_found != plain).any(axis=-1).sum() > 0) == (example == 1)
    assert tuple(panels[0][1][20, 60]) == pictures._TRUTH
    assert tuple(panels[1][2][80, 10]) == pictures._FOUND
    np.testing.assert_array_equal(panels[0][1][24:36, 66:94], panels[0][0][24:36, 66:94])  # nothing is hidden inside


@pytest.mark.parametrize(("epochs", "written"), [(1, [1]), (3, [1, 2, 3]), (12, [3, 6, 9, 12]), (11, [3, 6, 9, 11])])
def test_about_five_are_written_and_one_of_the_last_epoch(epochs, written, tmp_path, monkeypatch):
    example = np.zeros((1, 8, 8))
    monkeypatch.setattr(pictures, "shown", lambda *_: (example, example, example))
    callback = ValidationPictures(None, None, tmp_path, epochs)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch)
    assert [path.name for path in sorted((tmp_path / "pictures").iterdir())] == [
        f"epoch_{epoch:04d}.png" for epoch in written
    ]
