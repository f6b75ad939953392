"""A lab's data set: what is wrong with it, and its working copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ifss_keras.core.errors import InputError
from ifss_keras.core.files import check_folder
from ifss_keras.core.progress import Counter, Progress, silent
from ifss_keras.core.records import Outputs
from ifss_keras.datasets.comparison import compare_cases
from ifss_keras.datasets.copies import make_copies
from ifss_keras.datasets.inspection import CaseFacts, Finding, inspect_case
from ifss_keras.datasets.listing import Case, Dataset, read_dataset
from ifss_keras.datasets.working_copy import WorkingCopy
from ifss_keras.jobs.call import Call
from ifss_keras.jobs.provenance import Provenance
from ifss_keras.training.needs import make_folder

REPORT, REPORT_RECORD = "index.html", "data.ifss.json"


@dataclass(frozen=True)
class DataCheck:
    """What is known of a data set.

    Attributes:
        dataset: which one.
        known: each case with what is known of it, None if it cannot be read.
        findings: what is wrong, errors first.
    """

    dataset: Dataset
    known: Sequence[tuple[Case, CaseFacts | None]]
    findings: Sequence[Finding]

    @property
    def stops_a_training(self) -> bool:
        """Whether there is an error among the findings."""
        return any(finding.severity == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; lengths in mm, volumes in mL."""
        return {
            "path": str(self.dataset.path),
            "stops_a_training": self.stops_a_training,
            "findings": [vars(finding) for finding in self.findings],
            "volumes": [_volume(*both) for both in self.known],
        }


def check_data(
    path: Path,
    *,
    report: Path | None = None,
    force: bool = False,
    call: Call | None = None,
    progress: Progress = silent,
) -> DataCheck:
    """What is wrong with a data set; with `report`, also a page with a picture of each annotated volume there.

    Args:
        path: a folder or a CSV, see `read_dataset`.
        report: folder for the report, if any.
        force: whether files may be replaced there that are no earlier report, untouched since.
        call: how it was asked for; None: now, from Python.
        progress: told of "volumes", how many were looked at.

    Raises:
        InputError: there is no such data set, or the report cannot be written.
    """
    dataset = read_dataset(path)
    if report is not None:
        check_folder(report)
        _outputs(report, len(dataset.cases), force).check_replaceable()
    pictures: dict[Case, bytes] = {}
    known, findings = [], []
    done = Counter(progress, "volumes", len(dataset.cases))
    for case in dataset.cases:
        facts, found = inspect_case(case, None if report is None else _painter(pictures))
        known.append((case, facts))
        findings += found
        done()
    findings += compare_cases(dataset, [facts for _, facts in known if facts])
    findings.sort(key=lambda finding: finding.severity != "error")
    checked = DataCheck(dataset, known, findings)
    if report is not None:
        _write_report(report, checked, pictures, force, call or Call())
    return checked


def prepare_data(path: Path, folder: Path, *, progress: Progress = silent) -> list[WorkingCopy]:
    """The working copies of all volumes of a data set that can be trained on or validated on, in a folder.

    Args:
        path: a folder or a CSV, see `read_dataset`.
        folder: made if absent; copies that are there and whole stay.
        progress: told of "volumes", how many copies are there.

    Raises:
        InputError: nothing is annotated, or a file that cannot be used.
        GeometryError: an image and its labels lie on different grids.
    """
    make_folder(folder.parent)
    check_folder(folder)
    cases = [case for case in read_dataset(path).cases if case.labels is not None and case.split != "test"]
    if not cases:
        raise InputError(f"The data set {path} has no annotated volume outside of test: expected one or more; add one.")
    return make_copies(cases, folder, Counter(progress, "volumes", len(cases)))


def _volume(case: Case, facts: CaseFacts | None) -> dict[str, Any]:
    labels = {label.name: {"code": label.code, "slices": label.slices, "volume_ml": label.volume_ml}
              for label in (facts.labels if facts else ())}  # fmt: skip
    return {
        "image": str(case.image),
        "label_file": None if case.labels is None else str(case.labels),
        "subject": case.subject,
        "split": case.split,
        "shape": facts and list(facts.shape),
        "spacing_mm": facts and list(facts.spacing_mm),
        "sha256": facts and facts.sha256,
        "labels": labels,
    }


def _painter(pictures: dict[Case, bytes]):
    """A function for `inspect_case` that adds the contact sheet of a volume to the pictures."""
    from ifss_keras.report.data_page import contact_sheet

    def paint(facts, volume, labels):
        if facts.labels:
            pictures[facts.case] = contact_sheet(facts, volume, labels)

    return paint


def _outputs(report: Path, count: int, force: bool) -> Outputs:
    names = (REPORT, *(f"volume_{number:03d}.png" for number in range(1, count + 1)))
    return Outputs(report / REPORT_RECORD, names, {}, force)


def _write_report(report: Path, checked: DataCheck, pictures: dict[Case, bytes], force: bool, call: Call) -> None:
    from ifss_keras.report.data_page import data_page

    outputs = _outputs(report, len(checked.known), force)
    report.mkdir(exist_ok=True)
    provenance = Provenance.now(call, None, {})
    names = {case: outputs.names[number] for number, (case, _) in enumerate(checked.known, 1) if case in pictures}
    with outputs.publishing(provenance.inputs, provenance.facts()) as hidden:
        for case, name in names.items():
            (hidden / name).write_bytes(pictures[case])
        page = data_page(checked.dataset.path, checked.known, checked.findings, names)
        (hidden / REPORT).write_text(page, encoding="utf-8", errors="replace")
