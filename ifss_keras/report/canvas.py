"""What the pictures of a report share.

Matplotlib is imported when a picture is drawn, and its figures are made without pyplot: no window, no global state.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence

WIDTH_INCHES = 12.0
DPI = 130
POINTS_PER_INCH = 72
LEGEND_COLUMNS = 8
LEGEND_NAME = 34  # signs of a name in a legend


@contextlib.contextmanager
def quiet_matplotlib() -> Iterator[None]:
    """No words of Matplotlib's on its cache of fonts, nor on signs of names that its font lacks."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            warnings.filterwarnings("ignore", "Matplotlib currently does not support")
            yield
    finally:
        logger.setLevel(level)


def new_figure(height: float):
    """An empty white figure, as wide as the page; `height` in inches."""
    with quiet_matplotlib():
        from matplotlib.figure import Figure

        return Figure(figsize=(WIDTH_INCHES, height), dpi=DPI, facecolor="white")


def png_bytes(figure) -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    with quiet_matplotlib():
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def add_legend(figure, handles: Sequence, names: Sequence[str], fontsize: float, **look) -> None:
    """A legend above everything else; names are shown as written: no dollar sign starts a formula."""
    columns = _legend_columns(names, fontsize)
    texts = [shown_name(name, LEGEND_NAME) for name in names]
    legend = figure.legend(handles, texts, loc="upper center", ncols=columns, fontsize=fontsize, **look)
    for text in legend.get_texts():
        text.set_parse_math(False)


def legend_inches(names: Sequence[str], fontsize: float) -> float:
    """How high the legend of these names is, with the free space about it."""
    return 0.2 + 1.55 * fontsize / POINTS_PER_INCH * -(-len(names) // _legend_columns(names, fontsize))


def shown_name(name: str, most: int) -> str:
    """A text of at most so many signs, shortened in its middle: what tells names apart is often at their end."""
    end = most // 3
    return name if len(name) <= most else f"{name[: most - end - 1].rstrip()}…{name[len(name) - end :].lstrip()}"


def _legend_columns(names: Sequence[str], fontsize: float) -> int:
    """As many as fit beside each other."""
    longest = max(len(shown_name(name, LEGEND_NAME)) for name in names)
    one = (0.65 * longest + 5) * fontsize / POINTS_PER_INCH
    return min(len(names), LEGEND_COLUMNS, int((WIDTH_INCHES - 0.5) / one))
