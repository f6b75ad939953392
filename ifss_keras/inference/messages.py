"""Every sentence about a result that depends on the result; console, JSON, CSV and report all read it here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ifss_keras.inference.methods import NETWORK, SHAPE
from ifss_keras.inference.summary import LabelSummary
from ifss_keras.volumes.annotation import PLAUSIBLE, Annotation
from ifss_keras.volumes.volume import Volume, voxel_spacing_mm

WIDE = 0.1  # half of a 95 % interval, as a share of the volume, above which another slice is worth annotating


def warnings_of(summary: LabelSummary) -> tuple[str, ...]:
    """What the mask of a label itself shows to be worth a look."""
    texts = (gaps_text(summary), empty_text(summary), edge_text(summary), wide_text(summary))
    return tuple(filter(None, texts))


def notes_on(volume: Volume, annotation: Annotation | None) -> tuple[str, ...]:
    """All that there is to say of a volume and the annotated slices, if any."""
    notes = [spacing_note(volume), non_finite_note(volume)]
    if annotation is not None:
        notes += [unannotated_note(annotation), nothing_to_fill_note(annotation)]
    return tuple(filter(None, notes))


# of a label


def gaps_text(summary: LabelSummary) -> str:
    """Where the mask is missing between annotated slices; empty if nowhere."""
    if not summary.gaps:
        return ""
    return (
        f"The mask of {summary.name} is empty on slices {', '.join(map(span_text, summary.gaps))} between annotated "
        "ones that hold it. Annotate a slice there."
    )


def empty_text(summary: LabelSummary) -> str:
    """That nothing was found; empty if something was."""
    return f"The mask of {summary.name} is empty: no voxel was found." if summary.first_slice is None else ""


def edge_text(summary: LabelSummary) -> str:
    """That the mask touches the volume's edge; empty if it does not."""
    if not summary.touches_edge:
        return ""
    return (
        f"The mask of {summary.name} touches the edge of the volume. The muscle may go on outside the image, and its "
        "volume may then be too small."
    )


def wide_text(summary: LabelSummary) -> str:
    """That the volume is known badly, and where another annotated slice would help most; empty if it is not so."""
    if summary.volume_ml_high is None or not summary.volume_ml:
        return ""
    half_ml = summary.volume_ml_high - summary.volume_ml
    if half_ml <= WIDE * summary.volume_ml:
        return ""
    return (
        f"The volume of {summary.name} is known to about +-{100 * half_ml / summary.volume_ml:.0f} % only: annotate "
        f"another slice, best near slice {_least_sure_slice(summary)}."
    )


def _least_sure_slice(summary: LabelSummary) -> int:
    """Where the area is known worst; if that is beyond the annotated slices, the mask's end there."""
    worst = int(np.argmax(summary.area_deviations_mm2))
    if worst < min(summary.reference_slices):
        return summary.first_slice
    return summary.last_slice if worst > max(summary.reference_slices) else worst


def interval_texts(summaries: Sequence[LabelSummary]) -> tuple[str, ...]:
    """Why volumes come without an interval, one sentence per reason; none if all have one."""
    without = {}
    for summary in summaries:
        if summary.volume_ml_high is None:
            without.setdefault(_why_no_interval(summary), []).append(summary.name)
    return tuple(f"No interval for {', '.join(names)}: {reason}." for reason, names in without.items())


def _why_no_interval(summary: LabelSummary) -> str:
    if summary.method == SHAPE:
        return "from fewer than three annotated slices shape interpolation cannot tell how the area runs between them"
    if summary.method != NETWORK:
        return f"the method {summary.method} does not say how sure it is"
    if not summary.reference_slices:
        return "without annotated slices nothing is known of how far off the volume may be"
    return "with one annotated slice nothing is known of how far off the volume may be"


def ends_text(summary: LabelSummary) -> str:
    """Where the label was seen or presumed to have ended; empty if nowhere."""
    seen, presumed = summary.ends.seen, summary.ends.presumed
    texts = (
        seen and f"taken to be gone on {_slices(seen)}, where the image changes more than at any step inside",
        presumed and f"presumed to have ended before {_slices(presumed)}, where the annotated series would go on",
    )
    return "; ".join(filter(None, texts))


def outside_text(summary: LabelSummary) -> str:
    """On which slices the mask goes on beyond the annotated ones, which deserve the reader's eye; empty if on none."""
    if summary.first_slice is None or not summary.reference_slices:
        return ""
    low, high = min(summary.reference_slices), max(summary.reference_slices)
    spans = []
    if summary.first_slice < low:
        spans.append((summary.first_slice, min(low - 1, summary.last_slice)))
    if summary.last_slice > high:
        spans.append((max(high + 1, summary.first_slice), summary.last_slice))
    return " and ".join(map(span_text, spans))


def span_text(span: Sequence[int]) -> str:
    """First and last slice of a run."""
    first, last = span
    return str(first) if first == last else f"{first} to {last}"


def _slices(indices: Sequence[int]) -> str:
    return f"slice{'s' * (len(indices) > 1)} {' and '.join(map(str, indices))}"


FURTHER_OUT = "Annotate a slice further out if it goes on."  # what to do about `ends_text`


# of the volume and the annotation


def spacing_note(volume: Volume) -> str:
    """That the mask's file has another spacing than was measured with; empty if it has the same."""
    of_file_mm = voxel_spacing_mm(volume.affine)
    if np.allclose(of_file_mm, volume.spacing_mm, rtol=1e-4):
        return ""
    ratio = np.prod(of_file_mm) / np.prod(volume.spacing_mm)
    shown = ", ".join(f"{value:.4g}" for value in of_file_mm)
    return (
        f"Millilitres are by the given spacing; the mask keeps the file's ({shown} mm), by which other programs will "
        f"count {ratio:.4g} times as much."
    )


def non_finite_note(volume: Volume) -> str:
    """How many voxels are no numbers; empty if all are."""
    if volume.array.dtype.kind != "f":
        return ""
    count = volume.array.size - sum(len(values) for values in finite_values(volume))
    if count == 0:
        return ""
    return f"{count} of {volume.array.size} voxels of the image are NaN or infinite and count as black."


def finite_values(volume: Volume) -> Iterator[np.ndarray]:
    """Of every slice that has some the values that are numbers, (n,)."""
    return (values for values in (plane[np.isfinite(plane)] for plane in volume.array) if len(values))


def unannotated_note(annotation: Annotation) -> str:
    """Which labels the annotation names and does not hold; empty if there are none."""
    if not annotation.unannotated:
        return ""
    names = ", ".join(f"{name} (label {code})" for code, name in annotation.unannotated)
    return f"The reference names {names}, but no voxel is annotated as such, so nothing of it was looked for."


def nothing_to_fill_note(annotation: Annotation) -> str:
    """That every slice between the annotated ones is annotated, as along a wrong axis; empty if it is not so."""
    held = [np.flatnonzero((annotation.masks == code).any(axis=(1, 2))) for code in annotation.codes]
    slices = [annotation.slices[indices] for indices in held]
    if not all(len(indices) >= PLAUSIBLE.many_slices and np.ptp(indices) == len(indices) - 1 for indices in slices):
        return ""
    first, last = min(indices[0] for indices in slices), max(indices[-1] for indices in slices)
    return (
        f"Every slice from {first} to {last} is annotated, so there was nothing to fill between them; if that is not "
        "what you drew, the slices lie along another axis."
    )
