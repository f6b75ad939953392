"""The curves along the muscle: areas, how sure they are, and Dice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ifss_keras.core.colours import RGB, hex_colour, label_colours
from ifss_keras.inference.summary import label_title
from ifss_keras.propagation.cut import WITHIN_95
from ifss_keras.report.canvas import add_legend, legend_inches, new_figure, png_bytes, shown_name

CURVES_INCHES = 4.2  # height of curves with their legend
LEFT = 0.13  # where axes begin, as a share of the width
FONT_SIZE = 10
CROWD = 6  # curves, above which their bands would hide each other
BAND = {"alpha": 0.2, "linewidth": 0}
LEAST_SURE = 0.2  # 1.96 standard deviations of an area, as a share of the label's largest, that have the darkest colour
STRIPE_NAME = 20  # signs of the name beside it
STRIPE_INCHES = 0.2  # height of a label's row
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

    @property
    def title(self) -> str:
        """The name as a reader understands it."""
        return label_title(self.code, self.name)


@dataclass(frozen=True, eq=False)
class Curve:
    """What one label has on every slice.

    Attributes:
        style: of the label.
        values: (slice,).
        truth: (slice,), drawn dashed beside them; None if there is none.
        deviations: (slice,), standard deviations of the values; None where nothing is known of them.
    """

    style: LabelStyle
    values: np.ndarray
    truth: np.ndarray | None = None
    deviations: np.ndarray | None = None

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """Between which values, each (slice,), the true ones are expected 19 times of 20; none below 0."""
        half = WITHIN_95 * self.deviations
        return np.maximum(self.values - half, 0), self.values + half

    @property
    def doubt(self) -> np.ndarray:
        """Half the band over the largest value, (slice,); nan where the label is sure not to be."""
        largest = self.values.max() or 1.0
        return np.where((self.values > 0) | (self.deviations > 0), WITHIN_95 * self.deviations / largest, np.nan)


def encodable(text: str) -> str:
    """The text with a question mark for what was no text: bytes of a file name or an argument that are not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def label_styles(
    names: Mapping[int, str], reference_slices: Mapping[int, Sequence[int]], colours: Mapping[int, RGB] | None = None
) -> tuple[LabelStyle, ...]:
    """One `LabelStyle` per label, in the order of `names`, which gives the colours.

    Args:
        names: label code to name.
        reference_slices: label code to the annotated slices; codes may be missing.
        colours: label code to its own colour, where it has one.
    """
    shown = label_colours(names, colours or {})
    return tuple(
        LabelStyle(code, encodable(name), hex_colour(shown[code]), tuple(reference_slices.get(code, ())))
        for code, name in names.items()
    )


# pictures


def areas_png(curves: Sequence[Curve], slice_mm: float | None) -> bytes:
    """PNG of the cross-section areas (values in mm², drawn in cm²) against the position in mm, or the frame.

    Annotated slices are dots on the curve, the truth is dashed. What is known of how sure they are is a band about each
    curve, and a row of a strip below.
    """
    in_cm2 = [_in_cm2(curve) for curve in curves]
    unsure = [curve for curve in in_cm2 if curve.deviations is not None]
    strip_inches = STRIPE_INCHES * len(unsure) + 0.8 if unsure else 0.0
    figure, axes = _curve_figure(in_cm2, slice_mm, "cross-section area (cm²)", strip_inches)
    axes.set_ylim(bottom=0)
    if unsure:
        _draw_strip(figure, axes, unsure, slice_mm or 1.0)
    return png_bytes(figure)


def dice_png(curves: Sequence[Curve], slice_mm: float | None) -> bytes:
    """PNG of the Dice within each slice against the position in mm; nan leaves a gap."""
    figure, axes = _curve_figure(curves, slice_mm, "Dice within the slice")
    axes.set_ylim(0, 1.02)
    return png_bytes(figure)


# curves


def _curve_figure(curves: Sequence[Curve], slice_mm: float | None, ordinate: str, below_inches: float = 0.0):
    """A figure and its axes with all curves and a legend; `below_inches` are left free under them."""
    handles, names = _legend_entries(curves)
    figure = new_figure(CURVES_INCHES + legend_inches(names, FONT_SIZE) + below_inches)
    axes = figure.add_axes(_box(figure, below_inches + 0.6, CURVES_INCHES - 0.6))
    for curve in curves:
        _draw_curve(axes, curve, slice_mm or 1.0, with_band=len(curves) <= CROWD)
    axes.set_xlim(*_shown_range(curves, slice_mm or 1.0))
    axes.set(xlabel="position along the volume (mm)" if slice_mm else "frame", ylabel=ordinate)
    axes.grid(color="#DDDDDD", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    add_legend(figure, handles, names, FONT_SIZE, frameon=False)
    return figure, axes


def _draw_curve(axes, curve: Curve, slice_mm: float, with_band: bool) -> None:
    """The line of a curve, with its band, its truth and the dots of its annotated slices."""
    position = np.arange(len(curve.values)) * slice_mm
    if curve.deviations is not None and with_band:
        axes.fill_between(position, *curve.band, color=curve.style.colour, **BAND)
    axes.plot(position, curve.values, color=curve.style.colour, linewidth=2 if with_band else 1.5)
    if curve.truth is not None:
        axes.plot(position, curve.truth, **TRUTH)
    dots = [index for index in curve.style.reference_slices if index < len(curve.values)]
    look = {"color": curve.style.colour, "markeredgecolor": "black", "markeredgewidth": 0.9}
    size = 7 if with_band else 4
    axes.plot(position[dots], curve.values[dots], linestyle="", marker="o", markersize=size, **look)


def _legend_entries(curves: Sequence[Curve]) -> tuple[list, list[str]]:
    """Handles and their names."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Line2D([], [], color=curve.style.colour, linewidth=2) for curve in curves]
    names = [curve.style.title for curve in curves]
    if any(curve.truth is not None for curve in curves):
        handles.append(Line2D([], [], **TRUTH))
        names.append("truth")
    if any(curve.style.reference_slices for curve in curves):
        handles.append(Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor="black"))
        names.append("annotated slice")
    if any(curve.deviations is not None for curve in curves) and len(curves) <= CROWD:
        handles.append(Patch(color="black", **BAND))
        names.append("95 % interval of the area")
    return handles, names


def _in_cm2(curve: Curve) -> Curve:
    """A curve of mm² in cm²."""
    parts = {"values": curve.values, "truth": curve.truth, "deviations": curve.deviations}
    return replace(curve, **{name: None if part is None else part / 100 for name, part in parts.items()})


def _box(figure, bottom_inches: float, height_inches: float) -> tuple[float, float, float, float]:
    """Where axes as wide as the figure lie, as shares of it: left, bottom, width, height."""
    height = figure.get_figheight()
    return LEFT, bottom_inches / height, 0.98 - LEFT, height_inches / height


# how sure the areas are


def _draw_strip(figure, curves_axes, curves: Sequence[Curve], slice_mm: float) -> None:
    """A row per curve under the others, each slice in the colour of its doubt, with its legend."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    axes = figure.add_axes(_box(figure, 0.7, STRIPE_INCHES * len(curves)), sharex=curves_axes)
    look = {"cmap": colormaps["OrRd"], "norm": Normalize(0, LEAST_SURE)}
    for row, curve in enumerate(curves):
        edges = (np.arange(len(curve.values) + 1) - 0.5) * slice_mm
        axes.pcolormesh(edges, (row + 0.08, row + 0.92), curve.doubt[None], **look)
        annotated = [index * slice_mm for index in curve.style.reference_slices if index < len(curve.values)]
        axes.vlines(annotated, row + 0.08, row + 0.92, color="black", linewidth=1.5)
    axes.set(ylim=(len(curves), 0), yticks=np.arange(len(curves)) + 0.5)
    axes.set_yticklabels([shown_name(curve.style.title, STRIPE_NAME) for curve in curves], fontsize=8)
    for row, (label, curve) in enumerate(zip(axes.get_yticklabels(), curves, strict=True)):
        label.set_parse_math(False)
        mark = {"color": curve.style.colour, "transform": axes.get_yaxis_transform(), "clip_on": False}
        axes.plot(-0.008, row + 0.5, marker="s", markersize=8, **mark)
    axes.tick_params(length=0, pad=16, labelbottom=False)
    axes.spines[:].set_visible(False)
    _, bottom, _, height = _box(figure, 0.32, 0.12)
    scale = figure.add_axes((0.35, bottom, 0.2, height), xticks=(), yticks=())
    scale.imshow(np.linspace(0, LEAST_SURE, 100)[None], aspect="auto", **look)
    text = {"transform": scale.transAxes, "va": "center"}
    scale.text(-0.03, 0.5, "sure", ha="right", **text)
    scale.text(1.03, 0.5, f"±{100 * LEAST_SURE:.0f} % of the muscle's largest area, or more", **text)


def _shown_range(curves: Sequence[Curve], slice_mm: float) -> tuple[float, float]:
    """Limits in mm around the slices where any curve is above zero."""
    drawn = [values for curve in curves for values in (curve.values, curve.truth) if values is not None]
    shown = np.any([np.nan_to_num(values) > 0 for values in drawn], axis=0)
    found = np.flatnonzero(shown) if shown.any() else np.arange(shown.size)
    margin = max(2, 0.03 * (found[-1] - found[0]))
    return (found[0] - margin) * slice_mm, (found[-1] + margin) * slice_mm
