"""The picture of the slices with the outlines of the labels; lengths are drawn in mm, so muscles keep their shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.metrics.masks import bounding_box, union_box
from ifss_keras.report.figures import WIDTH_INCHES, LabelStyle, add_legend, new_figure, png_bytes

TILES = 12
DARK = "#30343A"
THIN_FRAME = "#B5BAC1"
REFERENCE_FRAME = "#1F4E79"
REFERENCE_MARK = "#7FB2E5"  # the frame's hue, bright enough for the dark legend
NAMES_LENGTH = 24  # signs beside a slice's number
SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class _Crop:
    """The part of a slice that is shown.

    Attributes:
        rows, columns: what is shown.
        row_mm, column_mm: distance of neighbouring rows and columns.
    """

    rows: slice
    columns: slice
    row_mm: float
    column_mm: float

    @property
    def height_mm(self) -> float:
        return (self.rows.stop - self.rows.start) * self.row_mm

    @property
    def width_mm(self) -> float:
        return (self.columns.stop - self.columns.start) * self.column_mm

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge; voxel centres lie at their index times the spacing."""
        left, right = ((edge - 0.5) * self.column_mm for edge in (self.columns.start, self.columns.stop))
        top, bottom = ((edge - 0.5) * self.row_mm for edge in (self.rows.start, self.rows.stop))
        return left, right, bottom, top

    def of(self, plane: np.ndarray) -> np.ndarray:
        """The shown part of a slice (row, column)."""
        return np.asarray(plane[self.rows, self.columns])


def overlay_png(
    labels: np.ndarray,
    styles: Sequence[LabelStyle],
    spacing_mm: tuple[float, float, float],
    image: np.ndarray | None = None,
    truth: np.ndarray | None = None,
) -> bytes:
    """PNG of at most `TILES` slices with the outlines of the labels, cropped around these.

    Args:
        labels: (slice, row, column) codes.
        styles: what to draw and how; annotated slices get a frame.
        spacing_mm: (slice, row, column).
        image: (slice, row, column) grey values; a plain dark ground if there are none.
        truth: (slice, row, column) codes whose outlines are drawn dashed in white.
    """
    volumes = [labels] if truth is None else [labels, truth]
    along, rows, columns = crop_box(volumes, [style.code for style in styles])
    crop = _Crop(rows, columns, *spacing_mm[1:])
    references = {index for style in styles for index in style.reference_slices}
    chosen = montage_slices(along.start, along.stop - 1, references)
    figure, tiles = _tile_figure(len(chosen), crop.height_mm / crop.width_mm)
    planes = None if image is None else np.stack([crop.of(image[index]) for index in chosen])
    _draw_ground(tiles, planes, crop)
    for axes, index in zip(tiles, chosen, strict=True):
        for style in styles:
            _draw_outline(axes, crop.of(labels[index]) == style.code, crop, style)
            if truth is not None:
                _draw_outline(axes, crop.of(truth[index]) == style.code, crop, None)
        _caption(axes, index, spacing_mm[0], styles)
    _scale_bar(tiles[0], crop)
    _legend(figure, styles, truth is not None)
    return png_bytes(figure)


def montage_slices(first: int, last: int, reference_slices: Iterable[int], count: int = TILES) -> list[int]:
    """At most `count` slices, evenly from `first` to `last`, moved to an annotated slice that is near.

    Near means within a third of the distance between two pictures, so the pictures stay spread out.
    """
    if last - first < count:
        return list(range(first, last + 1))
    step = (last - first) / (count - 1)
    references = np.array([index for index in sorted(reference_slices) if first <= index <= last])
    chosen = set()
    for position in np.linspace(first, last, count):
        index = round(float(position))
        if references.size:
            nearest = int(references[np.abs(references - position).argmin()])
            index = nearest if abs(nearest - position) <= step / 3 else index
        chosen.add(index)
    return sorted(chosen)


def crop_box(volumes: Sequence[np.ndarray], codes: Iterable[int]) -> tuple[slice, slice, slice]:
    """What to show of volumes (slice, row, column) on one grid: the box around all labels, in the plane with a margin.

    All of it if no label is found.
    """
    box = None
    for code in codes:
        for labels in volumes:
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


# tiles


def _tile_figure(count: int, aspect: float):
    """A figure with `count` axes of height / width `aspect`, in reading order."""
    columns = min(count, 6 if aspect > 1.5 else 3 if aspect < 0.5 else 4)
    rows = -(-count // columns)
    gap, caption, legend = 0.12, 0.28, 0.38
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


def _draw_ground(tiles: Sequence, planes: np.ndarray | None, crop: _Crop) -> None:
    """The grey values (tile, row, column), black and white alike in all tiles; dark without them."""
    low, high = (0.0, 1.0) if planes is None else _grey_limits(planes)
    left, right, bottom, top = crop.extent_mm
    for place, axes in enumerate(tiles):
        axes.set_facecolor(DARK)
        if planes is not None:
            axes.imshow(planes[place], cmap="gray", vmin=low, vmax=high, extent=crop.extent_mm, aspect="equal")
        axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])


def _grey_limits(planes: np.ndarray) -> tuple[float, float]:
    finite = planes[np.isfinite(planes)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


def _draw_outline(axes, mask: np.ndarray, crop: _Crop, style: LabelStyle | None) -> None:
    """The outline of a mask (row, column) in the label's colour; without a style, the truth's: white and dashed."""
    if not mask.any():
        return
    # A ring of zeros closes the outlines of masks that touch the crop.
    x = np.arange(crop.columns.start - 1, crop.columns.stop + 1) * crop.column_mm
    y = np.arange(crop.rows.start - 1, crop.rows.stop + 1) * crop.row_mm
    ring = np.pad(mask, 1).astype(float)
    if style is not None:
        axes.contour(x, y, ring, [0.5], colors=style.colour, linewidths=2)
        return
    from matplotlib.patheffects import withStroke

    # A dark rim keeps the dashes visible on bright aponeuroses, wide gaps the colour that lies under them.
    rim = [withStroke(linewidth=1.4, foreground="black")]
    dashes = axes.contour(x, y, ring, [0.5], colors="white", linewidths=0.8, linestyles=[(0, (4, 4))])
    dashes.set_path_effects(rim)


def _caption(axes, index: int, slice_mm: float, styles: Sequence[LabelStyle]) -> None:
    """The slice's number and place above its picture, and for whom it is annotated, with a frame."""
    annotated = [style.name for style in styles if index in style.reference_slices]
    weight = "bold" if annotated else "normal"
    axes.set_title(f"slice {index} · {index * slice_mm:.0f} mm", loc="left", fontsize=9, fontweight=weight, pad=3)
    for spine in axes.spines.values():
        spine.set(color=REFERENCE_FRAME if annotated else THIN_FRAME, linewidth=3 if annotated else 0.6)
    if annotated:
        text = "annotated" if len(annotated) == len(styles) else "annotated: " + ", ".join(annotated)
        text = text if len(text) <= NAMES_LENGTH else text[: NAMES_LENGTH - 1] + "…"
        title = axes.set_title(text, loc="right", fontsize=8, color=REFERENCE_FRAME, pad=3)
        title.set_parse_math(False)


def _scale_bar(axes, crop: _Crop) -> None:
    """The longest of `SCALE_BARS_MM` that takes a third of the width, in the lower left; none if all are longer."""
    length = max((size for size in SCALE_BARS_MM if size <= crop.width_mm / 3), default=None)
    if length is None:
        return
    left, _, bottom, _ = crop.extent_mm
    start, height = left + 0.05 * crop.width_mm, bottom - 0.06 * crop.height_mm
    axes.plot([start, start + length], [height, height], color="white", linewidth=3, solid_capstyle="butt")
    axes.annotate(f"{length} mm", (start, height), xytext=(0, 4), textcoords="offset points", color="white", fontsize=8)


def _legend(figure, styles: Sequence[LabelStyle], with_truth: bool) -> None:
    handles, names = zip(*_legend_entries(styles, with_truth), strict=True)
    box = {"facecolor": DARK, "labelcolor": "white", "framealpha": 1, "borderaxespad": 0.3}
    add_legend(figure, handles, names, fontsize=10, **box)


def _legend_entries(styles: Sequence[LabelStyle], with_truth: bool) -> Iterator[tuple]:
    """Handles and their names."""
    from matplotlib.lines import Line2D

    for style in styles:
        yield Line2D([], [], color=style.colour, linewidth=2.5), style.name
    if with_truth:
        yield Line2D([], [], color="white", linewidth=1.2, linestyle="--"), "truth"
    if any(style.reference_slices for style in styles):
        frame = {"markerfacecolor": "none", "markeredgewidth": 2.5, "markeredgecolor": REFERENCE_MARK}
        yield Line2D([], [], linestyle="", marker="s", markersize=10, **frame), "annotated slice"
