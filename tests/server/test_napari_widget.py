"""The widget of napari-nninteractive, unchanged: image, lassos, correction, undo, next object, and a server that ends.

Needs napari, napari-nninteractive and a display with OpenGL: `xvfb-run pytest tests/server/test_napari_widget.py`.
"""

import time

import numpy as np
import pytest

from ifss_keras.volumes.annotation import Annotation
from tests.server.running import SHAPE, SPACING_MM, image, nearest, start

napari = pytest.importorskip("napari", reason="napari is not installed")
widget_main = pytest.importorskip("napari_nninteractive.widget_main", reason="napari-nninteractive is not installed")


class User:
    """Somebody at the widget."""

    def __init__(self, url):
        from qtpy.QtWidgets import QApplication

        self.viewer = napari.Viewer(show=False)
        self.viewer.add_image(image()[0], name="calf", scale=SPACING_MM)
        self.widget = widget_main.nnInteractiveWidget(self.viewer)
        self.process_events = QApplication.instance().processEvents
        if not self.widget._remote_mode:
            self.widget.mode_switch._on_button_pressed(1)
        self.widget.server_url_edit.setText(url)

    def until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, self.widget.remote_status_label.text()
            self.process_events()
            time.sleep(0.02)

    def initialize(self):
        self.widget.on_init()
        self.until(lambda: self.widget.lasso_layer_name in self.viewer.layers)

    def lasso(self, index, rows, columns, positive=True):
        """Draws a rectangle."""
        self.viewer.dims.set_current_step(0, index)
        self.widget.prompt_button._uncheck()
        self.widget.prompt_button._check(0 if positive else 1)
        corners = [(rows[0], columns[0]), (rows[0], columns[1]), (rows[1], columns[1]), (rows[1], columns[0])]
        layer = self.viewer.layers[self.widget.lasso_layer_name]
        layer.add([np.array([(index, *corner) for corner in corners])], shape_type="polygon")
        self.process_events()

    @property
    def labels(self):
        return self.viewer.layers[self.widget.label_layer_name].data.copy()

    def leave(self):
        self.widget._release_session()
        self.viewer.close()


@pytest.fixture
def predicted():
    """A function: what the predictor makes of the references that a server has."""

    def of(server, code=1):
        (lease,) = server.service.leases._held.values()
        references = lease.case.session().references
        return nearest(SHAPE, Annotation.of_references(references, {})) == code, references

    return of


def test_the_widget_drives_the_server(tmp_path, predicted):
    server = start(tmp_path / "w")
    user = User(server.url)
    user.initialize()
    (lease,) = server.service.leases._held.values()
    user.lasso(2, (2, 9), (3, 10))
    assert lease.case._spacing_mm == SPACING_MM
    user.lasso(10, (12, 18), (8, 20))
    first = user.labels
    user.lasso(5, (9, 12), (3, 8))  # more of a predicted slice
    mask, references = predicted(server)
    np.testing.assert_array_equal(user.labels > 0, mask)
    assert sorted(references[1]) == [2, 5, 10]
    user.widget.on_undo()
    np.testing.assert_array_equal(user.labels, first)

    user.widget.on_next()
    assert not user.labels.any()
    user.lasso(8, (2, 6), (14, 20))
    user.lasso(8, (2, 4), (14, 16), positive=False)
    mask, references = predicted(server, 2)
    assert (sorted(references), mask[8].sum() > 0) == ([1, 2], True)
    np.testing.assert_array_equal(user.labels > 0, mask)
    np.testing.assert_array_equal(user.viewer.layers["object 1 - calf"].data, first)

    server.stop()
    user.lasso(4, (2, 6), (14, 20))  # the widget finds that the session is lost, and keeps its layer
    user.until(lambda: user.widget.session is None)
    server = start(tmp_path / "w", port=int(server.url.rpartition(":")[2]))
    user.initialize()
    user.lasso(11, (2, 6), (14, 20))
    mask, references = predicted(server, 2)
    assert sorted(references[2]) == [8, 11]
    np.testing.assert_array_equal(user.labels > 0, mask)
    user.leave()
    server.stop()
