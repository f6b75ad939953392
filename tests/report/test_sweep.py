"""The picture of a sweep, by what Matplotlib was told to draw."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from ifss_keras.report import sweep
from ifss_keras.report.sweep import BEST, POINT, sweep_png

VALUES = {
    "optimizer.learning_rate": [1e-4, 1e-2, 1e-3],
    "batch": [2, 4, 4],
    "kind $x$": ["adam", "sgd", "adam"],
    "d": [1, 2, 3],
}
DICE = [0.2, 0.7, 0.5]


@pytest.fixture
def figures(monkeypatch):
    """The figures that are made."""
    made, original = [], sweep.new_figure

    def new_figure(height):
        made.append(original(height))
        return made[-1]

    monkeypatch.setattr(sweep, "new_figure", new_figure)
    return made


def test_every_setting_has_a_panel_with_every_trial_and_the_best(figures):
    picture = imread(io.BytesIO(sweep_png(VALUES, DICE, ["optimizer.learning_rate"])))
    assert picture.shape[2] in (3, 4)
    (figure,) = figures
    assert [panel.get_xlabel() for panel in figure.axes] == list(VALUES)
    assert [panel.get_xscale() for panel in figure.axes] == ["log", "linear", "linear", "linear"]
    places = [VALUES["optimizer.learning_rate"], VALUES["batch"], [0, 1, 0], VALUES["d"]]
    for panel, wanted in zip(figure.axes, places, strict=True):
        points, star = panel.collections
        np.testing.assert_allclose(points.get_offsets(), np.column_stack([wanted, DICE]))
        np.testing.assert_allclose(star.get_offsets(), [[wanted[1], 0.7]])
        assert tuple(star.get_facecolor()[0][:3]) == to_rgb(BEST["color"])
        assert tuple(points.get_facecolor()[0][:3]) == to_rgb(POINT["color"])
    assert [text.get_text() for text in figure.axes[2].get_xticklabels()] == ["adam", "sgd"]


@pytest.mark.parametrize("settings", [1, 2, 3, 5])
def test_panels_stay_on_the_picture(figures, settings):
    sweep_png({f"setting {index}": [1, 2, 3] for index in range(settings)}, DICE)
    (figure,) = figures
    assert len(figure.axes) == settings
    renderer = FigureCanvasAgg(figure).get_renderer()
    width, height = figure.get_size_inches() * figure.dpi
    for panel in figure.axes:
        box = panel.get_tightbbox(renderer)
        assert (box.x0 >= 0, box.y0 >= 0, box.x1 <= width, box.y1 <= height) == (True,) * 4
