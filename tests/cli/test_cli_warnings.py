"""What `ifss predict` warns of: on the console, in JSON and in the report, word for word."""

import html
import json
import re

import nibabel
import numpy as np
import pytest

from ifss_keras.propagation.shape import interpolate_shapes
from ifss_keras.volumes.io import read_labels, write_labels


@pytest.mark.parametrize(
    ("annotated", "warned"), [(range(2, 11), True), (range(4, 10), False), ((*range(2, 10), 11), False)]
)
def test_nothing_to_fill_is_told_of(annotated, warned, make_case, predict):
    case = make_case(annotated=tuple(annotated))
    warnings = predict(case, "--method", "shape", "--ends-annotated")["warnings"]
    told = "Every label is annotated on every slice from its first to its last (2 to 10), so there was nothing to fill "
    told += "between them; if that is not what you drew, the slices lie along another axis."
    assert warnings == [told] * warned


def test_a_mask_at_the_edge_is_warned_of(make_case, ifss):
    case = make_case(annotated=(2, 6, 10))
    labels = case.labels.copy()
    labels[2, 0, 5] = 7
    image = nibabel.load(case.reference)
    references = np.where(np.isin(np.arange(13), [2, 6, 10])[:, None, None], labels, 0)
    nibabel.Nifti1Image(references.transpose(2, 1, 0), image.affine).to_filename(case.reference)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "watershed")
    arguments += ("--ends-annotated",)
    outcome = ifss(*arguments, "--label", "7=SOL")
    assert outcome.code == 0
    said = (
        "The mask of {} touches the edge of the volume. The muscle may go on outside the image, and its volume may "
        "then be too small."
    )
    assert outcome.err == f"Warning: {said.format('SOL')}\n"
    found = json.loads(ifss(*arguments, "--json").out)
    assert {label["name"]: label["touches_edge"] for label in found["labels"]} == {"3": False, "7": True}
    assert found["warnings"] == [said.format("label 7")]


def test_a_mask_that_is_missing_between_annotated_slices_is_warned_of(case, ifss, monkeypatch):
    def with_a_gap(masks, *arguments):
        for index, mask in interpolate_shapes(masks, *arguments):
            yield index, mask & (index not in (3, 4, 8))

    monkeypatch.setattr("ifss_keras.inference.interpolation.interpolate_shapes", with_a_gap)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "shape")
    muscles = ("--label", "7=SOL", "--label", "3=GM")
    outcome = ifss(*arguments, *muscles, "--report", case.folder / "r")
    said = (
        "Masks are empty between annotated slices that hold the muscle: GM and SOL on slices 3 to 4 and 8. Annotate a "
        "slice there."
    )
    assert f"Warning: {said}\n" in outcome.err
    assert said in (case.folder / "r" / "report.html").read_text()
    found = json.loads(ifss(*arguments, "--json").out)
    assert [label["gaps"] for label in found["labels"]] == [[[3, 4], [8, 8]]] * 2


def test_voxels_that_are_no_numbers_are_counted(case, ifss):
    image = nibabel.load(case.image)
    values = np.asanyarray(image.dataobj).astype(np.float32)
    values[1, 2, 3], values[4, 5, 6] = np.nan, np.inf
    nibabel.Nifti1Image(values, image.affine).to_filename(case.image)
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "watershed")
    arguments += ("--ends-annotated",)
    note = "2 of 6240 voxels of the image are NaN or infinite and count as black."
    assert ifss(*arguments, "--report", case.folder / "r").err == f"Warning: {note}\n"
    assert note in (case.folder / "r" / "report.html").read_text()
    assert json.loads(ifss(*arguments, "--json").out)["warnings"] == [note]


def test_console_json_and_report_have_each_warning_word_for_word(make_case, ifss):
    case = make_case(".seg.nrrd")
    written = read_labels(case.reference)
    references = written.array.copy()
    references[2, 0, 5] = 7
    write_labels(case.reference, references, written, {3: "GM <medial> & 'deep'", 7: "SOL", 9: "GL"})
    report = case.folder / "r"
    arguments = ("predict", case.image, "--reference", case.reference, "-o", case.output, "--method", "watershed")
    arguments += ("--spacing-mm", "5,2.4,1.5")
    outcome = ifss(*arguments, "--report", report)
    said = [line.removeprefix("Warning: ") for line in outcome.err.splitlines()]
    assert (outcome.code, len(said)) == (0, 4)  # spacing, a segment without a voxel, edge, blunt ends
    assert json.loads(ifss(*arguments, "--json").out)["warnings"] == said
    page = html.unescape((report / "report.html").read_text())
    shown = re.findall(r'<p class="warning"><strong>Check:</strong> (.*?)</p>', page)
    assert shown == said
