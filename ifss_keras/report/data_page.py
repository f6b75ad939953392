"""The report of a data set: a table of its volumes, what is wrong with them, and a contact sheet of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ifss_keras.datasets.inspection import CaseFacts, Finding
from ifss_keras.datasets.listing import Case
from ifss_keras.report.figures import label_styles
from ifss_keras.report.orientation import View
from ifss_keras.report.overlay import overlay_png
from ifss_keras.volumes.volume import Volume

COLUMNS = ("volume", "subject", "split", "grid", "spacing mm", "labels: slices, mL")


def contact_sheet(facts: CaseFacts, volume: Volume, labels: Volume) -> bytes:
    """PNG of 12 slices, evenly spread over those that hold labels, with the labels' outlines."""
    styles = label_styles({label.code: label.name for label in facts.labels}, {}, labels.source.colours)
    return overlay_png(labels.array, styles, volume.spacing_mm, volume.array, view=View.of(volume))


def table_rows(path: Path, known: Sequence[tuple[Case, CaseFacts | None]]) -> list[list[str]]:
    """A row of texts for each volume of the data set at `path`, below `COLUMNS`; "-" for what is not known."""
    return [[_shown(case, path), case.subject, case.split or "-", *_texts(facts)] for case, facts in known]


def data_page(
    path: Path,
    known: Sequence[tuple[Case, CaseFacts | None]],
    findings: Sequence[Finding],
    pictures: Mapping[Case, str],
) -> str:
    """The page in HTML, which shows the pictures that lie beside it.

    Args:
        path: of the data set.
        known: each case with what is known of it.
        findings: what is wrong.
        pictures: case to the name of its contact sheet.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ifss_keras.report", "templates"), autoescape=True, undefined=StrictUndefined
    )
    shown = [(_shown(case, path), case.subject, name) for case, name in pictures.items()]
    return environment.get_template("data.html").render(
        path=str(path), columns=COLUMNS, rows=table_rows(path, known), findings=findings, pictures=shown
    )


def _shown(case: Case, path: Path) -> str:
    """The image's name below the data set, with its folders."""
    root = path if path.is_dir() else path.parent
    return str(case.image.relative_to(root) if case.image.is_relative_to(root) else case.image)


def _texts(facts: CaseFacts | None) -> list[str]:
    if facts is None:
        return ["-", "-", "-"]
    labels = "; ".join(f"{label.name}: {label.slices}, {label.volume_ml:.2f}" for label in facts.labels)
    spacing = " x ".join(f"{size:.4g}" for size in facts.spacing_mm)
    return [" x ".join(map(str, facts.shape)), spacing, labels or "-"]
