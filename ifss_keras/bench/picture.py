"""The tables as one picture: the Dice of every row beside the paper's, and the surface distances of Ablation 5."""

from __future__ import annotations

import io
from collections.abc import Iterable

from ifss_keras.bench.cohort import Cohort
from ifss_keras.bench.paper import FIGURES
from ifss_keras.bench.plan import TABLES, Table
from ifss_keras.bench.references import FIRST, NONE, SPACED
from ifss_keras.bench.tables import Results, given_in_words, table_rows

OURS = {NONE: "#0072B2", FIRST: "#0072B2", SPACED: "#56B4E9"}
PAPER = "#D55E00"
ROW_INCHES = 0.26
SUPERVISION = "ablation5"


def dice_lines(tables: Iterable[Table], results: Results, cohort: Cohort) -> list[tuple[str, dict[str, float]]]:
    """A line per row of a table with Dice: its name, and of references, or "paper", the Dice."""
    lines = []
    for table in tables:
        if "dice" not in table.measures:
            continue
        held: dict[str, dict[str, float]] = {}
        for label, given, _, means in table_rows(table, results, cohort):
            if means["dice"] is not None:
                held.setdefault(label, {})[given] = means["dice"]
        for label, values in held.items():
            published = FIGURES[table.name].get(label, {}).get("dice")
            lines.append((f"{table.name}: {label}", values | ({"paper": published} if published else {})))
    return lines


def asd_bars(results: Results, cohort: Cohort) -> list[tuple[str, dict[str, float]]]:
    """A group of bars per row of Ablation 5: its name, and of references, or "paper", the ASD in mm."""
    held: dict[str, dict[str, float]] = {}
    for label, given, _, means in table_rows(TABLES[SUPERVISION], results, cohort):
        if means["asd_mm"] is not None:
            held.setdefault(label, {})[given] = means["asd_mm"]
    for label, values in held.items():
        published = FIGURES[SUPERVISION].get(label, {}).get("asd_mm")
        if published:
            values["paper"] = published
    return list(held.items())


def picture_png(tables: Iterable[Table], results: Results, cohort: Cohort) -> bytes:
    """PNG of both; without the second where Ablation 5 was not run."""
    from matplotlib.figure import Figure

    lines, bars = dice_lines(tables, results, cohort), asd_bars(results, cohort)
    heights = [max(len(lines), 1) * ROW_INCHES + 1.0, *([4.0] if bars else [])]
    figure = Figure(figsize=(11, sum(heights)), facecolor="white", layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_dice(axes[0], lines, cohort)
    if bars:
        _draw_asd(axes[1], bars, cohort)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()


def _name(source: str, cohort: Cohort) -> str:
    return "the paper" if source == "paper" else f"references: {given_in_words(source, cohort)}"


def _draw_dice(axes, lines, cohort: Cohort) -> None:
    for source, marker in ((NONE, "o"), (FIRST, "s"), (SPACED, "o"), ("paper", "x")):
        points = [(values[source], place) for place, (_, values) in enumerate(lines) if source in values]
        if points:
            colour = OURS.get(source, PAPER)
            axes.scatter(*zip(*points, strict=True), marker=marker, color=colour, label=_name(source, cohort))
    axes.set_yticks(range(len(lines)), [name for name, _ in lines], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="Dice", xlim=(0, 1.02))
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    if lines:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=8, frameon=False)


def _draw_asd(axes, bars, cohort: Cohort) -> None:
    for shift, source in enumerate((FIRST, SPACED, "paper")):
        places = [place for place, (_, values) in enumerate(bars) if source in values]
        heights = [bars[place][1][source] for place in places]
        colour = PAPER if source == "paper" else OURS[source]
        positions = [place + 0.27 * (shift - 1) for place in places]
        axes.bar(positions, heights, width=0.25, color=colour, label=_name(source, cohort))
    axes.set_xticks(range(len(bars)), [name.replace(", ", ",\n") for name, _ in bars], fontsize=8)
    axes.set(ylabel="ASD (mm)", title="Ablation 5: supervision", yscale="log")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False)
