"""What the pictures of a report share, and the curves along the muscle: areas and Dice.

Matplotlib is imported when a picture is drawn, and its figures are made without pyplot: no window, no global state.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ifss_keras.core.colours import hex_colour

WIDTH_INCHES = 12.0
DPI = 130
LEGEND_COLUMNS = 8
TRUTH = {"color": "#222222", "linewidth": 1.1, "linestyle": "--"}


@dataclass(frozen=True)
class LabelStyle:
    """How one label is drawn.

    Attributes:
        code, name: of the label.
        colour: `#RRGGBB`.
        reference_slices: the slices that were annotated.
    """

    code: int
    name: str
    colour: str
    reference_slices: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Curve:
    """What one label has on every slice.

    Attributes:
        style: of the label.
        values: (slice,).
        truth: (slice,), drawn dashed beside them; None if there is none.
    """

    style: LabelStyle
    values: np.ndarray
    truth: np.ndarray | None = None


def label_styles(names: Mapping[int, str], reference_slices: Mapping[int, Sequence[int]]) -> tuple[LabelStyle, ...]:
    """One `LabelStyle` per label, in the order of `names`, which gives the colours.

    Args:
        names: label code to name.
        reference_slices: label code to the annotated slices; codes may be missing.
    """
    return tuple(
        LabelStyle(code, name, hex_colour(place), tuple(reference_slices.get(code, ())))
        for place, (code, name) in enumerate(names.items())
    )


# pictures


def areas_png(curves: Sequence[Curve], slice_mm: float) -> bytes:
    """PNG of the cross-section areas (values in mm², drawn in cm²) against the position in mm.

    Annotated slices are dots on the curve, the truth is dashed.
    """
    in_cm2 = [
        replace(curve, values=curve.values / 100, truth=None if curve.truth is None else curve.truth / 100)
        for curve in curves
    ]
    figure, axes = _curve_figure(in_cm2, slice_mm, "cross-section area (cm²)")
    axes.set_ylim(bottom=0)
    return png_bytes(figure)


def dice_png(curves: Sequence[Curve], slice_mm: float) -> bytes:
    """PNG of the Dice within each slice against the position in mm; nan leaves a gap."""
    figure, axes = _curve_figure(curves, slice_mm, "Dice within the slice")
    axes.set_ylim(0, 1.02)
    return png_bytes(figure)


# what all pictures share


def new_figure(height: float):
    """An empty white figure, as wide as the page; `height` in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_INCHES, height), dpi=DPI, facecolor="white")


def png_bytes(figure) -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def add_legend(figure, handles: Sequence, names: Sequence[str], **look) -> None:
    """A legend above everything else; names are shown as written: no dollar sign starts a formula."""
    columns = min(len(names), LEGEND_COLUMNS)
    legend = figure.legend(handles, names, loc="upper center", ncols=columns, **look)
    for text in legend.get_texts():
        text.set_parse_math(False)


# curves


def _curve_figure(curves: Sequence[Curve], slice_mm: float, ordinate: str):
    """A figure and its axes with all curves and a legend."""
    figure = new_figure(4.2)
    axes = figure.add_axes((0.07, 0.14, 0.91, 0.7))
    lines = [_draw_curve(axes, curve, slice_mm) for curve in curves]
    axes.set_xlim(*_shown_range(curves, slice_mm))
    axes.set(xlabel="position along the volume (mm)", ylabel=ordinate)
    axes.grid(color="#DDDDDD", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    _curve_legend(figure, curves, lines)
    return figure, axes


def _draw_curve(axes, curve: Curve, slice_mm: float):
    """The line of a curve, drawn with its truth and the dots of its annotated slices."""
    position = np.arange(len(curve.values)) * slice_mm
    (line,) = axes.plot(position, curve.values, color=curve.style.colour, linewidth=2)
    if curve.truth is not None:
        axes.plot(position, curve.truth, **TRUTH)
    dots = [index for index in curve.style.reference_slices if index < len(curve.values)]
    look = {"color": curve.style.colour, "markeredgecolor": "black", "markeredgewidth": 0.9}
    axes.plot(position[dots], curve.values[dots], linestyle="", marker="o", markersize=7, **look)
    return line


def _curve_legend(figure, curves: Sequence[Curve], lines: Sequence) -> None:
    from matplotlib.lines import Line2D

    handles, names = list(lines), [curve.style.name for curve in curves]
    if any(curve.truth is not None for curve in curves):
        handles.append(Line2D([], [], **TRUTH))
        names.append("truth")
    if any(curve.style.reference_slices for curve in curves):
        handles.append(Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor="black"))
        names.append("annotated slice")
    add_legend(figure, handles, names, frameon=False)


def _shown_range(curves: Sequence[Curve], slice_mm: float) -> tuple[float, float]:
    """Limits in mm around the slices where any curve is above zero."""
    drawn = [values for curve in curves for values in (curve.values, curve.truth) if values is not None]
    shown = np.any([np.nan_to_num(values) > 0 for values in drawn], axis=0)
    found = np.flatnonzero(shown) if shown.any() else np.arange(shown.size)
    margin = max(2, 0.03 * (found[-1] - found[0]))
    return (found[0] - margin) * slice_mm, (found[-1] + margin) * slice_mm
