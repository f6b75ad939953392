"""How sentences list labels and slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ifss_keras.inference.summary import LabelSummary


def names_text(summaries: Sequence[LabelSummary]) -> str:
    """The names as a sentence lists them: "A, B and C", "labels 3, 5 and 7"."""
    if len(summaries) > 1 and all(summary.title != summary.name for summary in summaries):
        return f"labels {joined([summary.name for summary in summaries])}"
    return joined([summary.title for summary in summaries])


def span_text(span: Sequence[int]) -> str:
    """First and last slice of a run."""
    first, last = span
    return str(first) if first == last else f"{first} to {last}"


def on_slices(spans: Sequence[Sequence[int]]) -> str:
    """First and last slice of some runs, which may be none."""
    if not spans:
        return "on no slice"
    slices = "slice" if len(spans) == 1 and spans[0][0] == spans[0][1] else "slices"
    return f"on {slices} {joined(list(map(span_text, spans)))}"


def at_slices(slices: Sequence[int]) -> str:
    """Some slices, one by one."""
    return f"at slice{'s' * (len(slices) > 1)} {joined(list(map(str, slices)))}"


def listed(items: Iterable[tuple[str, str]]) -> str:
    """Names with what is true of each; those of which the same is true stand together."""
    names = {}
    for name, text in items:
        names.setdefault(text, []).append(name)
    return "; ".join(f"{joined(held)} {text}" for text, held in names.items())


def joined(texts: Sequence[str]) -> str:
    """As a sentence lists them: "A, B and C"."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
