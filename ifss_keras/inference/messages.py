"""Every sentence about a result that depends on the result; console, JSON, CSV and report all read it here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ifss_keras.inference.listed import at_slices, joined, listed, names_text, on_slices
from ifss_keras.inference.methods import NETWORK, SHAPE
from ifss_keras.inference.suggest import suggest_of
from ifss_keras.inference.summary import LabelSummary

ALIKE = 0.01  # share by which a mask and the curve through its own areas differ for want of pixels
WIDE = 0.1  # half of a 95 % interval, as a share of the volume, above which another slice is worth annotating

NEXT = 3  # slices that are suggested


def warnings_of(summaries: Sequence[LabelSummary]) -> tuple[str, ...]:
    """What the masks themselves show to be worth a look, one sentence of each kind."""
    return _told(
        rule(summaries) for rule in (gaps_text, empty_text, edge_text, few_text, cut_off_text, wide_text, apart_text)
    )


def remarks_on(summaries: Sequence[LabelSummary]) -> tuple[str, ...]:
    """What is good to know and no warning: what was copied, why there is no interval, and what was done further out."""
    rules = (outside_text, seen_text, presumed_text, next_text)
    return (
        *_told([copied_text(summaries)]),
        *interval_texts(summaries),
        *_told(rule(summaries) for rule in rules),
    )


# of the labels: each says one kind of thing of all labels that it is true of, and is empty if it is true of none


def gaps_text(summaries: Sequence[LabelSummary]) -> str:
    """Where masks are missing between annotated slices."""
    held = [summary for summary in summaries if summary.gaps]
    if not held:
        return ""
    if len(held) == 1:
        return (
            f"The mask of {held[0].title} is empty {on_slices(held[0].gaps)} between annotated ones that hold it. "
            "Annotate a slice there."
        )
    where = listed((summary.title, on_slices(summary.gaps)) for summary in held)
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


def few_text(summaries: Sequence[LabelSummary]) -> str:
    """Which labels have one or two annotated slices alone, though there is more of them."""
    few = [summary for summary in summaries if 0 < len(summary.reference_slices) < 3 and _is_longer(summary)]
    if not few:
        return ""
    return (
        f"One or two annotated slices do not tell how thick a muscle becomes, as here with {names_text(few)}. Annotate "
        "another where it is thickest."
    )


def _is_longer(summary: LabelSummary) -> bool:
    """Whether the mask, or what lies between its annotated slices, has slices that are not annotated."""
    ends = [index for index in (summary.first_slice, summary.last_slice) if index is not None]
    ends += summary.reference_slices
    return max(ends) - min(ends) >= len(summary.reference_slices)


def cut_off_text(summaries: Sequence[LabelSummary]) -> str:
    """Which masks end at an annotated slice where the muscle is still thick."""
    cut = [(summary.title, at_slices(summary.cut_off)) for summary in summaries if summary.cut_off]
    if not cut:
        return ""
    return (
        "Where the annotation stops at a thick part of a muscle, the mask stops there or soon after, and neither the "
        f"volume nor its interval counts what lies further out: {listed(cut)}. Annotate the slices where the muscle "
        "ends, or say that these are its ends."
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
    where = listed(
        (f"{summary.title} (±{100 * share:.0f} %)", f"near slice {_least_sure_slice(summary)}")
        for summary, share in wide
    )
    return f"These volumes are known only roughly; annotate another slice, best there: {where}."


def _half_width(summary: LabelSummary) -> float:
    """Half of the 95 % interval as a share of the volume; 0 where nothing is known of it."""
    if summary.volume_ml_high is None or not summary.volume_ml:
        return 0.0
    return (summary.volume_ml_high - summary.volume_ml) / summary.volume_ml


def apart_text(summaries: Sequence[LabelSummary]) -> str:
    """Whose mask lies outside the interval of the area curve."""
    apart = [summary for summary in summaries if _is_apart(summary)]
    if not apart:
        return ""
    volumes = listed(
        (summary.title, f"has {_between_ml(summary):.3g} mL, and {summary.curve_volume_ml:.3g} mL by the curve")
        for summary in apart
    )
    return (
        "Between annotated slices the mask is further from the area curve than that curve should be off. Look at the "
        f"slices between them: {volumes}."
    )


def _is_apart(summary: LabelSummary) -> bool:
    """Whether it is; not where there are gaps, which are told of on their own."""
    if summary.curve_half_ml is None or summary.gaps or not summary.volume_ml:
        return False
    between_ml = _between_ml(summary)
    return abs(between_ml - summary.curve_volume_ml) > summary.curve_half_ml + ALIKE * between_ml


def _between_ml(summary: LabelSummary) -> float:
    """The volume of the mask from the first to the last slice that is annotated with it."""
    held = [index for index in summary.reference_slices if summary.areas_mm2[index]]
    within = summary.areas_mm2[min(held) : max(held) + 1].sum() if held else 0.0
    return float(summary.volume_ml * within / summary.areas_mm2.sum())


def _least_sure_slice(summary: LabelSummary) -> int:
    """The next slice to annotate, or where the area is known worst; beyond the annotated slices the mask's end."""
    if summary.wrong_areas_mm2 is not None and (found := suggest_of([summary], 1)):
        return found[0].slice
    worst = int(np.argmax(summary.area_deviations_mm2))
    if worst < min(summary.reference_slices):
        return summary.first_slice
    return summary.last_slice if worst > max(summary.reference_slices) else worst


def copied_text(summaries: Sequence[LabelSummary]) -> str:
    """Which slices are those of an earlier mask, and which were carried anew."""
    held = [summary for summary in summaries if summary.copied or summary.anew]
    if not held:
        return ""
    if len({(summary.copied, summary.anew) for summary in held}) == 1:
        copied, anew = on_slices(held[0].copied), on_slices(held[0].anew)
        if not held[0].anew:
            return (
                f"The earlier mask is copied {copied}, and nothing was carried anew, as all annotated slices are in it "
                "already: to take one back, leave the earlier mask out."
            )
        return f"The earlier mask is copied {copied}; the mask was carried anew {anew}."
    where = listed((each.title, f"copied {on_slices(each.copied)}, anew {on_slices(each.anew)}") for each in held)
    return f"The earlier mask is copied, and the mask was carried anew elsewhere: {where}."


def interval_texts(summaries: Sequence[LabelSummary]) -> tuple[str, ...]:
    """Why volumes come without an interval, one sentence per reason; none if all have one."""
    without = {}
    for summary in summaries:
        if summary.volume_ml_high is None:
            without.setdefault(_why_no_interval(summary), []).append(summary)
    return tuple(f"No interval for {names_text(held)}: {reason}." for reason, held in without.items())


def _why_no_interval(summary: LabelSummary) -> str:
    if summary.method not in (NETWORK, SHAPE):
        return f"the method {summary.method} does not say how sure it is"
    if summary.gaps:
        return "where the mask is empty between annotated slices nothing is known of how far off the volume may be"
    if len(summary.reference_slices) > 2:
        return "it goes on where frames were not tracked"
    if summary.method == SHAPE:
        return "it takes three annotated slices to tell how far off the area between them may be"
    if not summary.reference_slices:
        return "without annotated slices nothing is known of how far off the volume may be"
    return "it takes three annotated slices to tell how far off the volume may be"


def outside_text(summaries: Sequence[LabelSummary]) -> str:
    """On which slices masks go on beyond the annotated ones, which deserve the reader's eye."""
    beyond = [(summary.title, on_slices(spans)) for summary in summaries if (spans := _spans_outside(summary))]
    if not beyond:
        return ""
    return (
        f"Outside the annotated slices the mask was carried on from one side only: {listed(beyond)}. Look at these "
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
    held = [(summary.title, _ended(summary.ends.seen)) for summary in summaries if summary.ends.seen]
    if not held:
        return ""
    ended = "Some masks were ended" if len(held) > 1 else "The mask was ended"
    return (
        f"{ended} because the image changes there more than anywhere between the annotated slices: {listed(held)}. "
        "Annotate a slice further out if a muscle goes on."
    )


def presumed_text(summaries: Sequence[LabelSummary]) -> str:
    """How far outside the annotated slices masks were looked for, see `propagation.ends.presumed_ends`."""
    held = []
    for summary in summaries:
        inside = [index for index in summary.ends.presumed if 0 < index < len(summary.areas_mm2) - 1]
        if inside:  # nobody can annotate further out than the volume's edge
            held.append((summary.title, _ended(inside)))
    if not held:
        return ""
    return (
        "Outside the annotated slices the mask was looked for only as far as a muscle annotated like this should "
        f"reach: {listed(held)}. Annotate a slice further out if a muscle goes on."
    )


def next_text(summaries: Sequence[LabelSummary]) -> str:
    """Which slices to annotate next, where a network tells how much of each is expected to be wrong."""
    told = {summary.code: summary.title for summary in summaries if summary.wrong_areas_mm2 is not None}
    found = suggest_of([summary for summary in summaries if summary.code in told], NEXT)
    if not found:
        return ""
    where = joined([f"slice {held.slice} of {told[held.code]} ({gain_text(held.gain)})" for held in found])
    return f"Another annotated slice puts most right there, by how much less is then expected to be wrong: {where}."


def gain_text(gain_ml: float) -> str:
    """What an annotated slice is expected to put right."""
    return f"{gain_ml:.2g} mL" if gain_ml < 10 else f"{gain_ml:.0f} mL"


def _ended(slices: Sequence[int]) -> str:
    return f"short of {joined([f'slice {index}' for index in slices])}"


def _told(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, texts))
