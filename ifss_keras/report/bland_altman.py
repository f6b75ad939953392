"""The differences of two raters or sessions against their means, with bias and limits of agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.metrics.agreement import Estimate, LimitsOfAgreement
from ifss_keras.metrics.raters import Comparison
from ifss_keras.report.canvas import WIDTH_INCHES, new_figure, png_bytes, shown_name
from ifss_keras.report.figures import encodable

PANELS_IN_ROW = 3
PANEL_INCHES = 3.6  # height of a row of panels
MOST_PANELS = 60
TITLE_NAME, COLUMN_NAME = 44, 14  # signs
DOTS, BIAS, LIMIT = "#1F5FA8", "#222222", "#B3261E"


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of columns of a comparison.

    Attributes:
        title: what is compared.
        first, second: names of the columns.
        first_ml, second_ml: (subject,).
    """

    title: str
    first: str
    second: str
    first_ml: np.ndarray
    second_ml: np.ndarray


def panels_of(comparisons: Sequence[Comparison]) -> list[Panel]:
    """A panel for every two columns of each comparison."""
    return [Panel(f"{held.muscle}, {held.title}", *pair) for held in comparisons for pair in held.pairs()]


def bland_altman_png(panels: Sequence[Panel]) -> bytes:
    """PNG of the first `MOST_PANELS` panels: dots, the bias and both limits, each with its 95 % interval as a band."""
    shown = panels[:MOST_PANELS]
    rows = -(-len(shown) // PANELS_IN_ROW)
    figure = new_figure(PANEL_INCHES * rows)
    wide, high = 1 / PANELS_IN_ROW, 1 / rows
    size = wide - 1.0 / WIDTH_INCHES, high - 1.1 / figure.get_figheight()
    for place, panel in enumerate(shown):
        row, column = divmod(place, PANELS_IN_ROW)
        corner = column * wide + 0.85 / WIDTH_INCHES, 1 - (row + 1) * high + 0.6 / figure.get_figheight()
        _draw(figure.add_axes((*corner, *size)), panel)
    return png_bytes(figure)


def _draw(axes, panel: Panel) -> None:
    limits = LimitsOfAgreement.between(panel.first_ml, panel.second_ml)
    for estimate, colour, style in (
        (limits.bias, BIAS, "-"),
        (limits.lower, LIMIT, "--"),
        (limits.upper, LIMIT, "--"),
    ):
        _draw_line(axes, estimate, colour, style)
    axes.plot(
        (panel.first_ml + panel.second_ml) / 2,
        panel.first_ml - panel.second_ml,
        linestyle="",
        marker="o",
        markersize=5,
        color=DOTS,
        markeredgecolor="white",
        markeredgewidth=0.6,
    )
    first, second = (shown_name(encodable(name), COLUMN_NAME) for name in (panel.first, panel.second))
    axes.set_title(shown_name(encodable(panel.title), TITLE_NAME), fontsize=9, parse_math=False)
    axes.set_xlabel("mean of both (mL)", fontsize=8)
    axes.set_ylabel(f"{first} − {second} (mL)", fontsize=8, parse_math=False)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_line(axes, estimate: Estimate, colour: str, style: str) -> None:
    axes.axhspan(estimate.low, estimate.high, color=colour, alpha=0.1, linewidth=0)
    axes.axhline(estimate.value, color=colour, linestyle=style, linewidth=1.2)
    axes.annotate(
        f"{estimate.value:.2f}",
        (1, estimate.value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color=colour,
    )
