"""The picture of a sweep: every setting against what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ifss_keras.report.canvas import WIDTH_INCHES, new_figure, png_bytes, shown_name

COLUMNS = 3
PANEL_INCHES = 3.6
TITLE = 44  # signs of a setting's name
POINT, BEST = {"color": "#3b6ea5", "s": 34, "alpha": 0.8}, {"color": "#c8102e", "s": 150, "marker": "*"}


def sweep_png(values: Mapping[str, Sequence[Any]], dice: Sequence[float], log: Sequence[str] = ()) -> bytes:
    """A panel for each setting with a point for each trial, the best a red star, as a PNG file.

    Args:
        values: by setting, of all trials in one order; where not all are numbers, each is a place of its own.
        dice: of the trials, in the same order.
        log: the settings of logarithmic axes.
    """
    rows = -(-len(values) // COLUMNS)
    figure = new_figure(PANEL_INCHES * rows)
    panels = figure.subplots(rows, min(COLUMNS, len(values)), squeeze=False).ravel()
    best = max(range(len(dice)), key=lambda index: dice[index])
    for panel, (name, given) in zip(panels, values.items(), strict=False):
        places = _places(panel, given)
        panel.scatter(places, dice, **POINT)
        panel.scatter([places[best]], [dice[best]], zorder=3, **BEST)
        if name in log:
            panel.set_xscale("log")
        panel.set_xlabel(shown_name(name, TITLE), parse_math=False)
        panel.set_ylabel("best validation Dice")
        panel.grid(alpha=0.3)
    for panel in panels[len(values) :]:
        panel.remove()
    figure.subplots_adjust(0.8 / WIDTH_INCHES, 0.2 / rows, 0.98, 1 - 0.06 / rows, wspace=0.3, hspace=0.35)
    return png_bytes(figure)


def _places(panel, given: Sequence[Any]) -> list[float]:
    """Where the values lie on a panel's axis, which names them if they are no numbers."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        return list(given)
    texts = list(dict.fromkeys(map(str, given)))
    panel.set_xticks(range(len(texts)), [shown_name(text, TITLE // 2) for text in texts], parse_math=False)
    return [texts.index(str(value)) for value in given]
