"""Every sentence about a result that depends on the result; console, JSON, CSV and report all read it here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ifss_keras.inference.methods import NETWORK, SHAPE
from ifss_keras.inference.summary import LabelSummary
from ifss_keras.volumes.annotation import PLAUSIBLE, Annotation
from ifss_keras.volumes.volume import Volume, voxel_spacing_mm

WIDE = 0.1  # half of a 95 % interval, as a share of the volume, above which another slice is worth annotating


def warnings_of(summaries: Sequence[LabelSummary]) -> tuple[str, ...]:
    """What the masks themselves show to be worth a look, one sentence of each kind."""
    return _told(rule(summaries) for rule in (gaps_text, empty_text, edge_text, wide_text))


def remarks_on(summaries: Sequence[LabelSummary]) -> tuple[str, ...]:
    """What is good to know and no warning: why there is no interval, and what was done outside the annotated slices."""
    return (*interval_texts(summaries), *_told(rule(summaries) for rule in (outside_text, seen_text, presumed_text)))


def notes_on(volume: Volume, annotation: Annotation | None) -> tuple[str, ...]:
    """All that there is to say of a volume and the annotated slices, if any."""
    notes = [spacing_note(volume), non_finite_note(volume)]
    if annotation is not None:
        notes += [unannotated_note(annotation), nothing_to_fill_note(annotation)]
    return _told(notes)


# of the labels: each says one kind of thing of all labels that it is true of, and is empty if it is true of none


def gaps_text(summaries: Sequence[LabelSummary]) -> str:
    """Where masks are missing between annotated slices."""
    held = [summary for summary in summaries if summary.gaps]
    if not held:
        return ""
    if len(held) == 1:
        return (
            f"The mask of {held[0].title} is empty {_on_slices(held[0].gaps)} between annotated ones that hold it. "
            "Annotate a slice there."
        )
    where = _listed((summary.title, _on_slices(summary.gaps)) for summary in held)
    return f"Masks are empty between annotated slices that hold the muscle: {where}. Annotate a slice there."


def empty_text(summaries: Sequence[LabelSummary]) -> str:
    """Of which labels nothing was found."""
    empty = [summary for summary in summaries if summary.first_slice is None]
    if not empty:
        return ""
    mask, be = ("mask", "is") if len(empty) == 1 else ("masks", "are")
    return f"The {mask} of {names_text(empty)} {be} empty: no voxel was found."


def edge_text(summaries: Sequence[LabelSummary]) -> str:
    """Which masks touch the volume's edge."""
    cut = [summary for summary in summaries if summary.touches_edge]
    if len(cut) == 1:
        return (
            f"The mask of {cut[0].title} touches the edge of the volume. The muscle may go on outside the image, and "
            "its volume may then be too small."
        )
    if not cut:
        return ""
    return (
        f"The masks of {names_text(cut)} touch the edge of the volume. The muscles may go on outside the image, and "
        "their volumes may then be too small."
    )


def wide_text(summaries: Sequence[LabelSummary]) -> str:
    """Which volumes are known badly, and where another annotated slice would help most."""
    wide = [(summary, share) for summary in summaries if (share := _half_width(summary)) > WIDE]
    if not wide:
        return ""
    if len(wide) == 1:
        summary, share = wide[0]
        return (
            f"The volume of {summary.title} is known to about ±{100 * share:.0f} % only: annotate another slice, best "
            f"near slice {_least_sure_slice(summary)}."
        )
    where = _listed(
        (f"{summary.title} (±{100 * share:.0f} %)", f"near slice {_least_sure_slice(summary)}")
        for summary, share in wide
    )
    return f"These volumes are known only roughly; annotate another slice, best there: {where}."


def _half_width(summary: LabelSummary) -> float:
    """Half of the 95 % interval as a share of the volume; 0 where nothing is known of it."""
    if summary.volume_ml_high is None or not summary.volume_ml:
        return 0.0
    return (summary.volume_ml_high - summary.volume_ml) / summary.volume_ml


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
            without.setdefault(_why_no_interval(summary), []).append(summary)
    return tuple(f"No interval for {names_text(held)}: {reason}." for reason, held in without.items())


def _why_no_interval(summary: LabelSummary) -> str:
    if summary.method == SHAPE:
        return "it takes three annotated slices to tell how far off the area between them may be"
    if summary.method != NETWORK:
        return f"the method {summary.method} does not say how sure it is"
    if not summary.reference_slices:
        return "without annotated slices nothing is known of how far off the volume may be"
    return "with one annotated slice nothing is known of how far off the volume may be"


def outside_text(summaries: Sequence[LabelSummary]) -> str:
    """On which slices masks go on beyond the annotated ones, which deserve the reader's eye."""
    beyond = [(summary.title, _on_slices(spans)) for summary in summaries if (spans := _spans_outside(summary))]
    if not beyond:
        return ""
    return (
        f"Outside the annotated slices the mask was carried on from one side only: {_listed(beyond)}. Look at these "
        "slices, and annotate one of them if the mask is wrong there."
    )


def _spans_outside(summary: LabelSummary) -> list[tuple[int, int]]:
    """First and last slice of the mask's parts before and after the annotated slices."""
    if summary.first_slice is None or not summary.reference_slices:
        return []
    low, high = min(summary.reference_slices), max(summary.reference_slices)
    spans = []
    if summary.first_slice < low:
        spans.append((summary.first_slice, min(low - 1, summary.last_slice)))
    if summary.last_slice > high:
        spans.append((max(high + 1, summary.first_slice), summary.last_slice))
    return spans


def seen_text(summaries: Sequence[LabelSummary]) -> str:
    """Which masks were ended outside the annotated slices because the image changes."""
    why = "because the image changes there more than anywhere between the annotated slices"
    return _ended_text([(summary, summary.ends.seen) for summary in summaries], why)


def presumed_text(summaries: Sequence[LabelSummary]) -> str:
    """Which masks were ended outside the annotated slices because no further slice was annotated."""
    why = "because you annotated at regular distances and the next slice at that distance is not annotated"
    return _ended_text([(summary, summary.ends.presumed) for summary in summaries], why)


def _ended_text(ends: Sequence[tuple[LabelSummary, Sequence[int]]], why: str) -> str:
    held = [(summary.title, _ended(summary, slices)) for summary, slices in ends if slices]
    if not held:
        return ""
    ended = "Some masks were ended" if len(held) > 1 else "The mask was ended"
    return f"{ended} {why}: {_listed(held)}. Annotate a slice further out if a muscle goes on."


def _ended(summary: LabelSummary, slices: Sequence[int]) -> str:
    sides = (("after", "before")[index > min(summary.reference_slices)] for index in slices)
    return " and ".join(f"{side} slice {index}" for side, index in zip(sides, slices, strict=True))


# how labels and slices are listed


def names_text(summaries: Sequence[LabelSummary]) -> str:
    """The names as a sentence lists them: "A, B and C", "labels 3, 5 and 7"."""
    if len(summaries) > 1 and all(summary.title != summary.name for summary in summaries):
        return f"labels {_and([summary.name for summary in summaries])}"
    return _and([summary.title for summary in summaries])


def span_text(span: Sequence[int]) -> str:
    """First and last slice of a run."""
    first, last = span
    return str(first) if first == last else f"{first} to {last}"


def _on_slices(spans: Sequence[Sequence[int]]) -> str:
    slices = "slice" if len(spans) == 1 and spans[0][0] == spans[0][1] else "slices"
    return f"on {slices} {_and(list(map(span_text, spans)))}"


def _listed(items: Iterable[tuple[str, str]]) -> str:
    """Names with what is true of each; those of which the same is true stand together."""
    names = {}
    for name, text in items:
        names.setdefault(text, []).append(name)
    return "; ".join(f"{_and(held)} {text}" for text, held in names.items())


def _and(texts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def _told(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, texts))


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
