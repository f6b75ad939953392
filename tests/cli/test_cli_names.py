"""Names of labels on their way from files and options to the terminal and the report."""

import io

import pytest
import rich.console

from ifss_keras.cli import console
from ifss_keras.volumes.io import read_labels, write_labels


@pytest.mark.parametrize(
    "names", [("Soleus [left]", "Soleus [right]"), ("x [/b]", ":heart:"), ("M. flexor hallucis longus", "Größe")]
)
def test_names_are_shown_as_they_are(names, make_case, ifss, monkeypatch):
    case = make_case(".seg.nrrd")
    labels = [f"--label={code}={name}" for code, name in zip((3, 7), names, strict=True)]
    outcome = ifss(
        "predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape", *labels
    )
    rows = [line.split("│")[1].strip() for line in outcome.out.splitlines() if line.startswith("│")]
    assert (outcome.code, rows) == (0, list(names))
    said = ifss("evaluate", case.output, case.output).out
    assert all(name in said for name in names)


def test_progress_on_a_terminal_shows_names_as_they_are(monkeypatch):
    screen, wide = io.StringIO(), rich.console.Console
    monkeypatch.setattr(rich.console, "Console", lambda stderr: wide(file=screen, force_terminal=True, width=100))
    with console.slice_progress() as show:
        show("SOL [/x]", 1, 2)
    assert "SOL [/x]" in screen.getvalue()


def test_a_segment_without_a_voxel_is_told_of(make_case, ifss):
    case = make_case(".seg.nrrd")
    written = read_labels(case.reference)
    write_labels(case.reference, written.array, written, {3: "GM", 7: "SOL", 9: "GL"})
    report = case.folder / "r"
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "watershed")
    outcome = ifss(*arguments, "--report", report, "--ends-annotated")
    note = "The reference names GL (label 9), but no voxel is annotated as such, so nothing of it was looked for."
    assert (outcome.code, outcome.err) == (0, f"Warning: {note}\n")
    assert note in (report / "report.html").read_text()
