"""What is shown of muscles and slices beside the image."""

from __future__ import annotations

from dataclasses import dataclass

from ifss_keras.core.colours import RGB
from ifss_keras.inference.messages import gain_text
from ifss_keras.inference.suggest import Suggestion

DRAWN, ABSENT = "annotated", "absent"
EMPTY, UNKNOWN = (58, 58, 58), (140, 140, 140)
SURE_TO_UNSURE: tuple[RGB, ...] = ((0, 158, 115), (240, 228, 66), (213, 94, 0))  # told apart by all eyes, as labels are
WORST_DOUBT = 0.2  # of the largest area, from where on a slice is as red as can be


@dataclass(frozen=True)
class SliceMark:
    """What a bar of slices shows of one slice and one label.

    Attributes:
        held: the mask holds voxels there.
        doubt: half the 95 % interval of its area over the largest area; None where nothing is known of it.
        reference: `DRAWN`, `ABSENT`, or None where the label is not annotated.
    """

    held: bool
    doubt: float | None
    reference: str | None


@dataclass(frozen=True)
class MuscleRow:
    """What a table shows of one label.

    Attributes:
        code, name: of the label.
        volume_ml: of its voxels as they are drawn now; None on frames of a sweep that were drawn on since.
        low_ml, high_ml: its 95 % interval; None where nothing is known, or voxels have been drawn since.
        references: how many slices are annotated.
    """

    code: int
    name: str
    volume_ml: float | None
    low_ml: float | None
    high_ml: float | None
    references: int


def bar_colour(mark: SliceMark) -> RGB:
    """The colour of a slice in a bar: from sure (green) by doubtful (yellow) to unsure (red); greys where unknown."""
    if not mark.held and not mark.doubt:
        return EMPTY
    if mark.doubt is None:
        return UNKNOWN
    share = min(mark.doubt / WORST_DOUBT, 1.0) * (len(SURE_TO_UNSURE) - 1)
    before = min(int(share), len(SURE_TO_UNSURE) - 2)
    pairs = zip(SURE_TO_UNSURE[before], SURE_TO_UNSURE[before + 1], strict=True)
    red, green, blue = (round(first + (share - before) * (second - first)) for first, second in pairs)
    return red, green, blue


def slice_text(index: int, mark: SliceMark) -> str:
    """What there is to say of a slice in a line."""
    told = {DRAWN: "annotated", ABSENT: "annotated as absent"}.get(mark.reference)
    if told is None:
        told = "in the mask" if mark.held else "not in the mask"
        if mark.doubt is not None:
            told += f", ± {mark.doubt:.0%} of the largest area"
    return f"Slice {index}: {told}"


def interval_text(row: MuscleRow) -> str:
    """The 95 % interval of a volume in mL; empty where nothing is known of it."""
    return "" if row.low_ml is None else f"{row.low_ml:.1f} to {row.high_ml:.1f}"


def suggestion_text(suggestion: Suggestion, title: str) -> str:
    """Why a slice is worth annotating."""
    gain = gain_text(suggestion.gain)
    return f"Annotate {title} on slice {suggestion.slice}: {gain} less is then expected to be wrong."
