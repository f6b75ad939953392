"""First smoke."""

import numpy as np
import pytest

pytest.importorskip("napari")
pytestmark = pytest.mark.napari


def test_smoke(make_napari_viewer, qtbot):
    from ifss_keras.napari_plugin.dock import MuscleVolumes
    from ifss_keras.napari_plugin.sample import demo_calf
    from napari.layers import Layer

    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("ifss_keras", "Muscle volumes")
    for data in viewer.open_sample("ifss_keras", "calf", slices=40, size=96):
        print(data, data.metadata.keys())
    qtbot.waitUntil(lambda: dock.annotator is not None and not dock.work.running, timeout=60000)
    print(dock.table.texts())
    dock.propagate()
    qtbot.waitUntil(lambda: not dock.work.running, timeout=120000)
    print(dock.carrying.said, dock.table.texts())
    dock.go_to_next()
    print(dock.carrying.said, dock.index)
    viewer.window._qt_window.resize(1400, 900)
    qtbot.wait(300)
    from PIL import Image

    Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).save("/tmp/dock.png")
