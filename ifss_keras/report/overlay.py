"""The picture of the slices with the outlines of the labels; lengths are drawn in mm, so muscles keep their shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ifss_keras.report.canvas import WIDTH_INCHES, add_legend, legend_inches, new_figure, png_bytes, shown_name
from ifss_keras.report.choice import chosen_slices
from ifss_keras.report.figures import LabelStyle
from ifss_keras.report.frame import Frame, Greys, crop_box
from ifss_keras.report.orientation import AS_STORED, View

DARK = "#30343A"
THIN_FRAME = "#B5BAC1"
REFERENCE_FRAME = "#1F4E79"
REFERENCE_MARK = "#7FB2E5"  # the frame's hue, bright enough for the dark legend
LEAST_SURE = "#B4460A"
FONT_SIZE = 10  # of the legend
NAMES_LENGTH = 28  # signs beside a slice's number
SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100)


def overlay_png(
    labels: np.ndarray,
    styles: Sequence[LabelStyle],
    spacing_mm: tuple[float, float, float],
    image: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    *,
    view: View = AS_STORED,
    doubts: Mapping[int, np.ndarray | None] | None = None,
) -> bytes:
    """PNG of some slices (see `chosen_slices`) with the outlines of the labels, cropped around these.

    Args:
        labels: (slice, row, column) codes.
        styles: what to draw and how; annotated slices get a frame.
        spacing_mm: (slice, row, column); None for slices where these are frames that lie at uneven places.
        image: (slice, row, column) grey values; a plain dark ground if there are none.
        truth: (slice, row, column) codes whose outlines are drawn dashed in white.
        view: how slices are turned, with letters at their edges.
        doubts: label code to (slice,), how little is known of its area, where that is known.
    """
    volumes = [labels] if truth is None else [labels, truth]
    along, rows, columns = crop_box(volumes, [style.code for style in styles])
    frame = Frame(rows, columns, *spacing_mm[1:], view)
    references = {index for style in styles for index in style.reference_slices}
    worst = least_sure(styles, doubts or {})
    chosen = chosen_slices(along.start, along.stop - 1, references, list(worst))
    legend = _legend_entries(styles, truth is not None)
    names = [name for _, name in legend]
    figure, tiles = _tile_figure(len(chosen), frame.height_mm / frame.width_mm, legend_inches(names, FONT_SIZE))
    greys = None if image is None else Greys.of(image, along, frame)
    for place, (axes, index) in enumerate(zip(tiles, chosen, strict=True)):
        _draw_ground(axes, None if greys is None else greys.to_bytes(frame.of(image[index])), frame)
        for style in styles:
            _draw_outline(axes, frame.of(labels[index]) == style.code, frame, style)
            if truth is not None:
                _draw_outline(axes, frame.of(truth[index]) == style.code, frame, None)
        _caption(axes, index, spacing_mm[0], styles, worst.get(index, ()))
        if view.known or place == 0:
            _letters(axes, view)
    _scale_bar(tiles[0], frame)
    box = {"facecolor": DARK, "labelcolor": "white", "framealpha": 1, "borderaxespad": 0.3}
    add_legend(figure, [handle for handle, _ in legend], names, fontsize=FONT_SIZE, **box)
    return png_bytes(figure)


def least_sure(styles: Sequence[LabelStyle], doubts: Mapping[int, np.ndarray | None]) -> dict[int, list[str]]:
    """Slice to the names of the labels of whose areas least is known there, the worst first."""
    worst = []
    for style in styles:
        of_label = doubts.get(style.code)
        if of_label is not None and of_label.max() > 0:
            worst.append((-float(of_label.max()), int(of_label.argmax()), style.title))
    found: dict[int, list[str]] = {}
    for _, index, name in sorted(worst):
        found.setdefault(index, []).append(name)
    return found


# tiles


def _tile_figure(count: int, aspect: float, legend: float):
    """A figure with `count` axes of height / width `aspect`, in reading order, below a legend of so many inches."""
    columns = min(count, 6 if aspect > 1.5 else 3 if aspect < 0.5 else 4)
    rows = -(-count // columns)
    gap, caption = 0.12, 0.28
    # A volume of a few slices would get giant tiles: no picture is taller than 4.5 inches.
    width = min((WIDTH_INCHES - gap * (columns + 1)) / columns, 4.5 / aspect)
    height = width * aspect
    total = legend + rows * (height + caption) + gap
    figure = new_figure(total)
    left = (WIDTH_INCHES - columns * width - (columns - 1) * gap) / 2
    tiles = []
    for index in range(count):
        row, column = divmod(index, columns)
        x, y = left + column * (width + gap), total - legend - (row + 1) * (height + caption)
        tiles.append(figure.add_axes((x / WIDTH_INCHES, y / total, width / WIDTH_INCHES, height / total)))
    return figure, tiles


def _draw_ground(axes, picture: np.ndarray | None, frame: Frame) -> None:
    """The grey values (row, column), 0 to 255; dark without them."""
    left, right, bottom, top = frame.extent_mm
    axes.set_facecolor(DARK)
    if picture is not None:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=frame.extent_mm, aspect="equal")
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])


def _draw_outline(axes, mask: np.ndarray, frame: Frame, style: LabelStyle | None) -> None:
    """The outline of a mask (row, column) in the label's colour; without a style, the truth's: white and dashed."""
    if not mask.any():
        return
    # A ring of zeros closes the outlines of masks that touch the edge.
    y, x = (np.arange(-1, size + 1) * mm for size, mm in zip(frame.shape, frame.shown_mm, strict=True))
    ring = np.pad(mask, 1).astype(float)
    if style is not None:
        axes.contour(x, y, ring, [0.5], colors=style.colour, linewidths=2)
        return
    from matplotlib.patheffects import withStroke

    # A dark rim keeps the dashes visible on bright aponeuroses, wide gaps the colour that lies under them.
    rim = [withStroke(linewidth=1.4, foreground="black")]
    dashes = axes.contour(x, y, ring, [0.5], colors="white", linewidths=0.8, linestyles=[(0, (4, 4))])
    dashes.set_path_effects(rim)


def _caption(axes, index: int, slice_mm: float | None, styles: Sequence[LabelStyle], worst: Sequence[str]) -> None:
    """The slice's number and place above its picture, and why it is shown; annotated ones have a frame."""
    annotated = [style.title for style in styles if index in style.reference_slices]
    weight = "bold" if annotated else "normal"
    place = f"frame {index}" if slice_mm is None else f"slice {index} · {index * slice_mm:.0f} mm"
    axes.set_title(place, loc="left", fontsize=9, fontweight=weight, pad=3)
    for spine in axes.spines.values():
        spine.set(color=REFERENCE_FRAME if annotated else THIN_FRAME, linewidth=3 if annotated else 0.6)
    if annotated:
        text = "annotated" if len(annotated) == len(styles) else f"annotated: {_name_or_count(annotated)}"
    else:
        text = f"least sure: {_name_or_count(worst)}" if worst else ""
    colour = REFERENCE_FRAME if annotated else LEAST_SURE
    title = axes.set_title(shown_name(text, NAMES_LENGTH), loc="right", fontsize=8, color=colour, pad=3)
    title.set_parse_math(False)


def _name_or_count(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} muscles"


def _letters(axes, view: View) -> None:
    """Where the body's sides are: at the left and the upper edge."""
    for letters, place, align in (
        (view.left, (0.02, 0.5), ("left", "center")),
        (view.top, (0.5, 0.98), ("center", "top")),
    ):
        text = axes.text(*place, letters, transform=axes.transAxes, ha=align[0], va=align[1], color="white", fontsize=9)
        text.set_bbox({"facecolor": DARK, "edgecolor": "none", "alpha": 0.55, "pad": 1.2})


def _scale_bar(axes, frame: Frame) -> None:
    """The longest of `SCALE_BARS_MM` that takes a third of the width, in the lower left; none if all are longer."""
    length = max((size for size in SCALE_BARS_MM if size <= frame.width_mm / 3), default=None)
    if length is None:
        return
    left, _, bottom, _ = frame.extent_mm
    start, height = left + 0.05 * frame.width_mm, bottom - 0.06 * frame.height_mm
    axes.plot([start, start + length], [height, height], color="white", linewidth=3, solid_capstyle="butt")
    axes.annotate(f"{length} mm", (start, height), xytext=(0, 4), textcoords="offset points", color="white", fontsize=8)


def _legend_entries(styles: Sequence[LabelStyle], with_truth: bool) -> list[tuple]:
    """Handles and their names."""
    from matplotlib.lines import Line2D

    entries = [(Line2D([], [], color=style.colour, linewidth=2.5), style.title) for style in styles]
    if with_truth:
        entries.append((Line2D([], [], color="white", linewidth=1.2, linestyle="--"), "truth"))
    if any(style.reference_slices for style in styles):
        frame = {"markerfacecolor": "none", "markeredgewidth": 2.5, "markeredgecolor": REFERENCE_MARK}
        entries.append((Line2D([], [], linestyle="", marker="s", markersize=10, **frame), "annotated slice"))
    return entries
