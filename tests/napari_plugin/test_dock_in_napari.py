"""The dock beside what napari has of its own: layers, sliders, files, and what is seen of it all."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed: make test-napari")
from napari.layers import Image, Labels
from PIL import Image as Picture

from ifss_keras.napari_plugin.shown import SURE_TO_UNSURE
from tests.napari_plugin.hands import GM, SOL

pytestmark = pytest.mark.napari


def test_a_click_on_the_bar_and_the_table_moves_the_viewer(hands, image, phantom):
    hands.open(image)
    hands.draw(12, SOL, phantom.labels[12] == SOL)
    hands.draw(12, GM, phantom.labels[12] == GM)
    hands.viewer.dims.ndisplay = 3
    hands.dock.bar.chosen.emit(33)
    assert (hands.viewer.dims.ndisplay, hands.dock.index, hands.dock.bar.current) == (2, 33, 33)
    hands.viewer.dims.set_current_step(0, 7)
    assert hands.dock.bar.current == 7
    hands.dock.table.selectRow(0)
    assert hands.labels.selected_label == SOL
    assert hands.dock.bar.slice_at(0) == 0
    assert hands.dock.bar.slice_at(hands.dock.bar.width()) == 39


def test_layers_that_go_and_a_dock_that_is_closed_leave_nothing_behind(hands, image, phantom):
    hands.open(image)
    hands.draw(12, SOL, phantom.labels[12] == SOL)
    hands.qtbot.waitUntil(lambda: hands.dock.table.rowCount() == 1)
    hands.viewer.layers.remove(hands.labels)
    assert hands.said == "There are no labels to brush muscles in: press New."
    assert (hands.dock.table.rowCount(), hands.dock.bar.marks) == (0, [])
    hands.dock.sources.new_labels.click()
    hands.wait()
    labels = hands.labels
    hands.viewer.window.remove_dock_widget(hands.dock)
    hands.qtbot.wait(100)
    hands.viewer.dims.set_current_step(0, 3)
    labels.selected_label = GM
    labels.data_setitem((np.array([3]), np.array([4]), np.array([5])), GM)
    hands.viewer.add_layer(Image(np.zeros((3, 4, 5))))
    hands.qtbot.wait(100)


def test_what_cannot_be_done_is_said(hands, image, phantom):
    hands.click(hands.dock.carrying.propagate)
    assert hands.said.startswith("There is no image: open one")
    hands.dock.open_image(image.with_name("absent.mha"))
    assert "does not exist" in hands.said
    hands.dock.open_image(image)
    hands.click(hands.dock.on_this_slice.absent)
    assert hands.said == "There are no labels to brush muscles in: press New."
    hands.viewer.add_layer(Labels(np.zeros((3, 4, 5), int), name="other"))
    hands.click(hands.dock.carrying.propagate)
    assert hands.said.startswith("The layer other has shape (3, 4, 5)")
    hands.click(hands.dock.sources.new_labels)
    hands.propagate()
    assert hands.said == "Nothing new is drawn."
    hands.click(hands.dock.on_this_slice.right)
    assert "has no voxel on slice" in hands.said


def test_napari_opens_files_by_our_reader_and_the_sample(hands, image, phantom):
    (layer,) = hands.viewer.open(image, plugin="ifss_keras")
    assert isinstance(layer, Image)
    np.testing.assert_array_equal(layer.data, phantom.image)
    assert layer.scale == pytest.approx(phantom.spacing_mm)
    sample = hands.viewer.open_sample("ifss_keras", "calf", slices=20, size=48)
    assert [held.name for held in sample] == ["calf", "muscles"]
    hands.wait()


def test_the_screenshot_of_the_readme(hands, tmp_path):
    hands.viewer.open_sample("ifss_keras", "calf")
    hands.wait()
    hands.propagate()
    hands.labels.selected_label = SOL
    hands.click(hands.dock.on_this_slice.next)
    hands.labels.opacity = 0.5
    hands.viewer.window._qt_window.resize(1280, 820)
    hands.qtbot.wait(500)
    hands.viewer.reset_view()
    hands.qtbot.wait(200)
    picture = hands.viewer.screenshot(canvas_only=False, flash=False)[..., :3]
    path = Path(os.environ.get("IFSS_SCREENSHOT", tmp_path / "napari.png"))
    Picture.fromarray(picture).save(path, optimize=True)
    for colour in SURE_TO_UNSURE[:1]:  # annotated slices are in the bar
        assert (np.abs(picture.astype(int) - colour).max(axis=-1) <= 2).sum() > 100
    assert picture.std() > 20
