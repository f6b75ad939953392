"""Pictures of a report as PNG bytes: overlays, areas along the muscle, Dice along the slices.

Matplotlib is imported when a picture is drawn, its figures are made without pyplot (no window, no global
state), and every length is drawn in mm, so that anisotropic pixels keep the muscle's shape.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.metrics.masks import bounding_box, union_box

# Okabe and Ito's colour-blind-safe colours, without black and grey; blue last, as it is dark on ultrasound.
PALETTE = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73", "#F0E442", "#D55E00", "#0072B2")
DARK = "#30343A"
REFERENCE_FRAME = "#1F4E79"
TILES = 12
WIDTH_INCHES = 12.0
DPI = 130


@dataclass(frozen=True)
class LabelStyle:
    """How one label is drawn: its code, its name, a colour, and the slices that were annotated."""

    code: int
    name: str
    colour: str
    reference_slices: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Curve:
    """Values of one label along the slices, (n_slices,); `truth` is drawn dashed beside them if given."""

    style: LabelStyle
    values: np.ndarray
    truth: np.ndarray | None = None


def label_styles(names, reference_slices):
    """One `LabelStyle` per label code, in the order of `names` (code to name).

    Args:
        names: label code to name.
        reference_slices: label code to the annotated slices; codes may be missing.
    """
    return tuple(
        LabelStyle(code, name, PALETTE[index % len(PALETTE)], tuple(reference_slices.get(code, ())))
        for index, (code, name) in enumerate(names.items())
    )


def montage_slices(first, last, reference_slices, count=TILES):
    """At most `count` slice numbers, evenly from `first` to `last`, moved to an annotated slice that is near.

    Near means within a third of the distance between two pictures, so the pictures stay spread out.
    """
    if last - first < count:
        return list(range(first, last + 1))
    step = (last - first) / (count - 1)
    references = np.array([index for index in sorted(reference_slices) if first <= index <= last])
    chosen = []
    for position in np.linspace(first, last, count):
        index = round(float(position))
        if references.size:
            nearest = int(references[np.abs(references - position).argmin()])
            index = nearest if abs(nearest - position) <= step / 3 else index
        chosen.append(index)
    return sorted(set(chosen))


def crop_box(volumes, codes):
    """The part to show: three slices (slice, row, column) around all labels, with a margin in the plane.

    The whole volume if no label is found.
    """
    box = None
    for labels in volumes:
        for code in codes:
            box = union_box(box, bounding_box(labels, code))
    shape = volumes[0].shape
    if box is None:
        return tuple(slice(0, size) for size in shape)
    margin = max(6, round(0.12 * max(part.stop - part.start for part in box[1:])))
    in_plane = (
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size in zip(box[1:], shape[1:], strict=True)
    )
    return (box[0], *in_plane)


def overlay_png(labels, styles: Sequence[LabelStyle], spacing_mm, image=None, truth=None):
    """PNG bytes of about twelve slices with the labels' contours, cropped around the labels.

    Args:
        labels: integer label volume (slice, row, column).
        styles: what to draw and how; annotated slices get a frame.
        spacing_mm: (slice, row, column).
        image: grey volume of the same shape; a plain dark ground if there is none.
        truth: label volume of the same shape whose contours are drawn dashed in white.
    """
    volumes = [labels] if truth is None else [labels, truth]
    along, rows, columns = crop_box(volumes, [style.code for style in styles])
    references = {index for style in styles for index in style.reference_slices}
    chosen = montage_slices(along.start, along.stop - 1, references)
    height_mm = (rows.stop - rows.start) * spacing_mm[1]
    width_mm = (columns.stop - columns.start) * spacing_mm[2]
    figure, tiles = _tile_figure(len(chosen), height_mm / width_mm)
    planes = None if image is None else np.stack([np.asarray(image[i, rows, columns]) for i in chosen])
    limits = None if planes is None else _grey_limits(planes)
    for position, (axes, index) in enumerate(zip(tiles, chosen, strict=True)):
        _draw_plane(axes, None if planes is None else planes[position], limits, rows, columns, spacing_mm)
        for style in styles:
            _draw_contour(axes, labels[index, rows, columns] == style.code, rows, columns, spacing_mm, style)
            if truth is not None:
                hidden = truth[index, rows, columns] == style.code
                _draw_contour(axes, hidden, rows, columns, spacing_mm, None)
        _caption(axes, index, spacing_mm[0], styles)
    _scale_bar(tiles[0], rows, columns, spacing_mm)
    _overlay_legend(figure, styles, truth is not None)
    return _png(figure)


def areas_png(curves: Sequence[Curve], spacing_mm):
    """PNG bytes of the cross-section area (values in mm2, drawn in cm2) against the position in mm.

    Annotated slices are dots on the curve; the truth is dashed.
    """
    in_cm2 = [
        Curve(curve.style, curve.values / 100, None if curve.truth is None else curve.truth / 100) for curve in curves
    ]
    figure, axes = _curve_figure(in_cm2, spacing_mm, "cross-section area (cm²)")
    axes.set_ylim(bottom=0)
    return _png(figure)


def dice_png(curves: Sequence[Curve], spacing_mm):
    """PNG bytes of the Dice within each slice against the position in mm; nan leaves a gap."""
    figure, axes = _curve_figure(curves, spacing_mm, "Dice within the slice")
    axes.set_ylim(0, 1.02)
    return _png(figure)


def _figure(width, height):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, facecolor="white")


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _tile_figure(count, aspect):
    """A figure with `count` axes of height / width `aspect`, in reading order."""
    columns = min(count, 6 if aspect > 1.5 else 3 if aspect < 0.5 else 4)
    rows = -(-count // columns)
    gap, caption, legend = 0.12, 0.28, 0.38
    width = (WIDTH_INCHES - gap * (columns + 1)) / columns
    # A volume of a few slices would get giant tiles: no picture is taller than 4.5 inches.
    width = min(width, 4.5 / aspect)
    height = width * aspect
    total_height = legend + rows * (height + caption) + gap
    figure = _figure(WIDTH_INCHES, total_height)
    left = (WIDTH_INCHES - columns * width - (columns - 1) * gap) / 2
    tiles = []
    for index in range(count):
        row, column = divmod(index, columns)
        bottom = total_height - legend - (row + 1) * (height + caption)
        left_edge = left + column * (width + gap)
        place = (left_edge / WIDTH_INCHES, bottom / total_height, width / WIDTH_INCHES, height / total_height)
        tiles.append(figure.add_axes(place))
    return figure, tiles


def _grey_limits(planes):
    finite = planes[np.isfinite(planes)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


def _draw_plane(axes, plane, limits, rows, columns, spacing_mm):
    left, right = ((edge - 0.5) * spacing_mm[2] for edge in (columns.start, columns.stop))
    top, bottom = ((edge - 0.5) * spacing_mm[1] for edge in (rows.start, rows.stop))
    axes.set_facecolor(DARK)
    if plane is not None:
        extent = (left, right, bottom, top)
        axes.imshow(plane, cmap="gray", vmin=limits[0], vmax=limits[1], extent=extent, aspect="equal")
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])


def _draw_contour(axes, mask, rows, columns, spacing_mm, style):
    """The outline of a mask in the label's colour, or dashed in white if `style` is None (the truth)."""
    if not mask.any():
        return
    # A ring of zeros closes the outlines of masks that touch the crop.
    x = np.arange(columns.start - 1, columns.stop + 1) * spacing_mm[2]
    y = np.arange(rows.start - 1, rows.stop + 1) * spacing_mm[1]
    ring = np.pad(mask, 1).astype(float)
    if style is None:
        from matplotlib.patheffects import withStroke

        # A dark rim keeps the dashes visible on bright aponeuroses, wide gaps the colour that lies under them.
        look = {"colors": "white", "linewidths": 0.8, "linestyles": [(0, (4, 4))]}
        rim = [withStroke(linewidth=1.4, foreground="black")]
        axes.contour(x, y, ring, [0.5], **look).set_path_effects(rim)
    else:
        axes.contour(x, y, ring, [0.5], colors=style.colour, linewidths=2)


def _caption(axes, index, slice_mm, styles):
    annotated = [style.name for style in styles if index in style.reference_slices]
    weight = "bold" if annotated else "normal"
    axes.set_title(f"slice {index} · {index * slice_mm:.0f} mm", loc="left", fontsize=9, fontweight=weight, pad=3)
    for spine in axes.spines.values():
        spine.set(color=REFERENCE_FRAME if annotated else "#B5BAC1", linewidth=3 if annotated else 0.6)
    if annotated:
        names = "annotated" if len(annotated) == len(styles) else "annotated: " + ", ".join(annotated)
        text = names if len(names) <= 24 else names[:23] + "…"
        title = axes.set_title(text, loc="right", fontsize=8, color=REFERENCE_FRAME, pad=3)
        title.set_parse_math(False)


def _scale_bar(axes, rows, columns, spacing_mm):
    width_mm = (columns.stop - columns.start) * spacing_mm[2]
    length = max((size for size in (1, 2, 5, 10, 20, 50, 100) if size <= width_mm / 3), default=None)
    if length is None:
        return
    start = (columns.start - 0.5) * spacing_mm[2] + 0.05 * width_mm
    bottom = (rows.stop - 0.5 - 0.06 * (rows.stop - rows.start)) * spacing_mm[1]
    axes.plot([start, start + length], [bottom, bottom], color="white", linewidth=3, solid_capstyle="butt")
    axes.annotate(f"{length} mm", (start, bottom), xytext=(0, 4), textcoords="offset points", color="white", fontsize=8)


def _overlay_legend(figure, styles, with_truth):
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=style.colour, linewidth=2.5) for style in styles]
    names = [style.name for style in styles]
    if with_truth:
        handles.append(Line2D([], [], color="white", linewidth=1.2, linestyle="--"))
        names.append("truth")
    if any(style.reference_slices for style in styles):
        frame = {"markerfacecolor": "none", "markeredgewidth": 2.5, "markeredgecolor": "#7FB2E5"}
        handles.append(Line2D([], [], linestyle="", marker="s", markersize=10, **frame))
        names.append("annotated slice")
    box = {"facecolor": DARK, "labelcolor": "white", "framealpha": 1, "borderaxespad": 0.3}
    legend = figure.legend(handles, names, loc="upper center", ncols=min(len(names), 8), fontsize=10, **box)
    _plain_text(legend)


def _plain_text(legend):
    """Names are shown as written: no dollar sign starts a formula."""
    for text in legend.get_texts():
        text.set_parse_math(False)


def _curve_figure(curves, spacing_mm, ordinate):
    from matplotlib.lines import Line2D

    figure = _figure(WIDTH_INCHES, 4.2)
    axes = figure.add_axes([0.07, 0.14, 0.91, 0.7])
    step = spacing_mm[0]
    handles, names = [], []
    for curve in curves:
        position = np.arange(len(curve.values)) * step
        handles += axes.plot(position, curve.values, color=curve.style.colour, linewidth=2)
        names.append(curve.style.name)
        if curve.truth is not None:
            axes.plot(position, curve.truth, color="#222222", linewidth=1.1, linestyle="--")
        dots = [index for index in curve.style.reference_slices if index < len(curve.values)]
        look = {"color": curve.style.colour, "markeredgecolor": "black", "markeredgewidth": 0.9}
        values = np.asarray(curve.values)[dots]
        axes.plot(np.array(dots, int) * step, values, linestyle="", marker="o", markersize=7, **look)
    if any(curve.truth is not None for curve in curves):
        handles.append(Line2D([], [], color="#222222", linewidth=1.1, linestyle="--"))
        names.append("truth")
    if any(curve.style.reference_slices for curve in curves):
        handles.append(Line2D([], [], linestyle="", marker="o", color="white", markeredgecolor="black"))
        names.append("annotated slice")
    axes.set_xlim(*_shown_range(curves, step))
    axes.set(xlabel="position along the volume (mm)", ylabel=ordinate)
    axes.grid(color="#DDDDDD", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    legend = figure.legend(handles, names, loc="upper center", ncols=min(len(names), 8), frameon=False)
    _plain_text(legend)
    return figure, axes


def _shown_range(curves, step):
    """Limits in mm around the slices where any curve is above zero."""
    shown = np.zeros(len(curves[0].values), bool)
    for curve in curves:
        for values in (curve.values, curve.truth):
            shown |= False if values is None else np.nan_to_num(values) > 0
    found = np.flatnonzero(shown) if shown.any() else np.arange(shown.size)
    margin = max(2, 0.03 * (found[-1] - found[0]))
    return (found[0] - margin) * step, (found[-1] + margin) * step
