"""The report: its page, its files, what it warns of, and that it stands alone."""

import base64
import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from ifss_keras.inference import messages
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.propagation.ends import Ends
from ifss_keras.report.html import EvaluationRunInfo, write_evaluation_report, write_report
from ifss_keras.report.tables import volumes_csv
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Source, Volume
from tests.inference.predictions import in_memory
from tests.report.cases import LABELS, NAMES, RUN, SHAPE, SPACING_MM, SUMMARIES, TRUTH, Page, predicted


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new"
    return folder, write_report(folder, predicted(*SUMMARIES), RUN)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation = evaluate(LABELS, TRUTH, SPACING_MM, NAMES)
    return folder, evaluation, write_report(folder, predicted(*SUMMARIES), RUN, evaluation, TRUTH)


@pytest.fixture
def page_of(tmp_path):
    """A function from a prediction to its `Page`."""

    def write(prediction, *evaluation_and_truth):
        write_report(tmp_path, prediction, RUN, *evaluation_and_truth)
        return Page(tmp_path / "report.html")

    return write


def test_exactly_the_named_files_are_left(reported, evaluated):
    folder, paths = reported
    names = ["report.html", "overlay.png", "volumes.csv"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert [path.name for path in evaluated[2]] == [*names, "evaluation.json"]
    assert sorted(path.name for path in evaluated[0].iterdir()) == sorted([*names, "evaluation.json"])


def test_the_csv_file_is_the_table(reported):
    content = (reported[0] / "volumes.csv").read_bytes()
    assert content == volumes_csv(SUMMARIES).encode("utf-8")
    with (reported[0] / "volumes.csv").open(encoding="utf-8", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == list(NAMES.values())


def test_table_of_volumes(reported):
    rows = Page(reported[0] / "report.html").rows["volumes"][1:]
    # 9 x 20 x 15 and 12 x 18 x 25 voxels of 0.8 mm3: 2.16 and 4.32 mL.
    assert rows[0] == ["GM label 1", "2.16 2.04 to 2.28", "3", "11", "3", "1.23 -42.8 %"]
    assert rows[1] == [f"{NAMES[7]} label 7", "4.32", "6", "17", "2", "–"]


def test_nothing_is_loaded_from_elsewhere(evaluated):
    page = Page(evaluated[0] / "report.html")
    assert len(page.links) == 3
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not page.tags & {"script", "link", "iframe", "object", "embed"}
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page.source)
    assert not re.search(r"https?:|//\w|url\(|@import", without_pictures)


def test_names_are_shown_and_never_become_markup(reported):
    page = Page(reported[0] / "report.html")
    assert "b" not in page.tags
    assert "&lt;b&gt;&#34;left&#34;&lt;/b&gt; &amp; $co" in page.source
    assert "calf &lt;1&gt;.mha" in page.source


def test_edge_warning_only_for_the_muscle_that_touches(page_of):
    def warned(*summaries):
        return re.findall(r"The mask of (.+?) touches the edge", page_of(predicted(*summaries)).text)

    assert warned(*SUMMARIES) == []
    assert warned(replace(SUMMARIES[0], touches_edge=True), SUMMARIES[1]) == ["GM"]


def with_every_warning():
    """Two predictions, and all that a user is to be warned of in them, as each rule words it."""
    labels = np.zeros((14, 10, 11), np.uint8)
    labels[2:11, 3:7, 2:8], labels[4:7, 8, 8], labels[3:9, 0, 0] = 5, 6, 9
    image = np.zeros(labels.shape)
    image[0, 0, 0] = np.inf
    volume = replace(Volume.from_array(image, SPACING_MM), spacing_mm=(5.0, 0.4, 0.8))
    annotation = Annotation.from_array(labels, {2: "TP", 5: "SOL", 6: "GM", 9: "GL"}, keep_slices=np.array([2, 5, 10]))
    mask = np.where(labels == 6, 0, labels)
    mask[7:9][mask[7:9] == 5] = 0
    first = in_memory(mask, annotation, image=volume)
    sol, gm, gl = first.summaries
    volume_notes = (messages.spacing_note(volume), messages.non_finite_note(volume))
    of_labels = (messages.gaps_text(sol), messages.empty_text(gm), messages.edge_text(gl))
    whole = Annotation.from_array(np.where(labels == 5, labels, 0))
    second = in_memory(labels, whole)
    return [
        (first, (*volume_notes, messages.unannotated_note(annotation), *of_labels)),
        (second, (messages.nothing_to_fill_note(whole),)),
    ]


@pytest.mark.parametrize("case", [0, 1])
def test_every_warning_is_in_the_page_and_in_the_json(case, page_of):
    prediction, expected = with_every_warning()[case]
    assert all(expected)
    assert prediction.warnings == expected
    assert prediction.to_dict()["warnings"] == list(expected)
    assert page_of(prediction).warnings == list(expected)


def test_a_page_without_a_warning_has_none(reported):
    page = Page(reported[0] / "report.html")
    assert page.warnings == []
    assert "Check:" not in page.text


def test_slices_outside_the_references_are_named(reported, page_of):
    text = Page(reported[0] / "report.html").text
    assert "6 to 7 and 16 to 17" in text
    assert "GM: " not in text  # its references are its first and last slice
    assert "GM: 11 " in page_of(predicted(replace(SUMMARIES[0], reference_slices=(3, 10)))).text
    assert "outside the annotated ones" not in page_of(predicted(SUMMARIES[0])).text


def test_why_there_is_no_interval_is_told_as_everywhere(reported, page_of):
    alone = replace(SUMMARIES[1], reference_slices=(8,))
    page = page_of(predicted(SUMMARIES[0], alone))
    (said,) = messages.interval_texts([alone])
    assert said in page.text
    assert page.warnings == []
    assert "No interval" not in page_of(predicted(SUMMARIES[0])).text


def test_how_sure_the_areas_are_is_explained_where_it_is_known(reported, page_of):
    explained = "Shaded: where the true area is expected 19 times of 20."
    assert explained in Page(reported[0] / "report.html").text
    assert explained not in page_of(predicted(SUMMARIES[1])).text


def test_ends_are_told_as_everywhere(page_of):
    ended = replace(SUMMARIES[0], ends=Ends((12,), (1,)))
    page = page_of(predicted(ended, SUMMARIES[1]))
    assert f"GM: {messages.ends_text(ended)} " in page.text
    assert page.text.count("taken to be gone") == 1


def test_an_empty_mask_is_reported(page_of):
    unknown = {"volume_ml_low": None, "volume_ml_high": None, "area_deviations_mm2": None}
    unheld = {"volume_ml": 0.0, "first_slice": None, "last_slice": None, "areas_mm2": np.zeros(SHAPE[0])}
    nothing = replace(SUMMARIES[0], **unheld, **unknown)
    page = page_of(predicted(nothing, labels=np.zeros_like(LABELS)))
    assert page.rows["volumes"][1] == ["GM label 1", "0.00", "–", "–", "3", "1.23"]
    assert "The mask of GM is empty" in page.text


def test_without_annotated_slices_none_are_explained(reported, page_of):
    explained = ("Framed: annotated slices.", "Dots: annotated slices.")
    found = page_of(predicted(*(replace(summary, reference_slices=()) for summary in SUMMARIES)))
    assert not any(text in found.text for text in explained)
    assert all(text in Page(reported[0] / "report.html").text for text in explained)


def test_everything_about_the_run(reported):
    facts = dict(Page(reported[0] / "report.html").rows["run"])
    assert facts == {
        "Image": "scans/calf <1>.mha",
        "Annotated slices": "refs.seg.nrrd",
        "Mask written to": "mask.nii.gz",
        "Preset": "a-preset",
        "Method": "network",
        "Voxels (slice, row, column)": "20, 60, 40",
        "Spacing in mm (slice, row, column)": "2.5, 0.4, 0.8",
        "Slices along stored axis": "2",
        "Time taken (s)": "12.3",
        "Date": "2026-11-05 14:20",
        "Parameter complete": "no",
        "Parameter labels": "1 = GM",
        "Parameter temperature": "0.3",
        "Version of keras": "3.15.0",
    }


def test_facts_are_in_order_and_without_what_there_is_not(tmp_path):
    turned = predicted(*SUMMARIES)
    turned = replace(turned, volume=replace(turned.volume, spacing_mm=(5.0, 0.25, 1.0), source=Source(axis=1)))
    write_report(tmp_path, turned, replace(RUN, preset=None, output_path=None))
    rows = Page(tmp_path / "report.html").rows["run"]
    assert dict(rows)["Spacing in mm (slice, row, column)"] == "5, 0.25, 1"
    assert dict(rows)["Slices along stored axis"] == "1"
    assert [name for name, _ in rows] == [
        "Image",
        "Annotated slices",
        "Method",
        "Voxels (slice, row, column)",
        "Spacing in mm (slice, row, column)",
        "Slices along stored axis",
        "Time taken (s)",
        "Date",
        "Parameter complete",
        "Parameter labels",
        "Parameter temperature",
        "Version of keras",
    ]


def test_evaluation_table_and_file_hold_the_evaluation(evaluated):
    folder, evaluation, _ = evaluated
    assert json.loads((folder / "evaluation.json").read_text()) == evaluation.to_dict()
    rows = Page(folder / "report.html").rows["evaluation"]
    # Moved by one row of 20: Dice 19/20; IoU 19/21; ends 0.4 mm off, sides none.
    assert rows[1][:5] == ["GM label 1", "0.950", "2.16", "2.16", "+0.00"]
    assert rows[1][-1] == "0.40"
    assert rows[4][1] == f"{19 / 21:.3f}"
    assert rows[4][3:6] == ["0.950", "0.950", "0.00"]
    assert rows[4][6:] == ["3 to 11", "3 to 11"]


def test_evaluation_report_needs_neither_image_nor_references(tmp_path):
    evaluation = evaluate(LABELS, TRUTH, SPACING_MM, NAMES)
    run = EvaluationRunInfo("a.nii.gz", "b.nii.gz", 2, 1.0, "today")
    paths = write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation, run)
    assert [path.name for path in paths] == ["report.html", "overlay.png", "evaluation.json"]
    page = Page(tmp_path / "report.html")
    grid = {"Voxels (slice, row, column)": "20, 60, 40", "Spacing in mm (slice, row, column)": "2.5, 0.4, 0.8"}
    assert "a.nii.gz against b.nii.gz · today" in page.text
    assert dict(page.rows["run"]) == grid | {
        "Mask": "a.nii.gz",
        "Truth": "b.nii.gz",
        "Slices along stored axis": "2",
        "Time taken (s)": "1.0",
        "Date": "today",
    }
    assert "volumes" not in page.rows
    write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation)
    assert dict(Page(tmp_path / "report.html").rows["run"]) == grid


def test_a_label_of_the_truth_alone_is_shown(page_of):
    truth = np.where(TRUTH == 7, 9, TRUTH)
    evaluation = evaluate(np.where(LABELS == 7, 0, LABELS), truth, SPACING_MM, {9: "GL"})
    rows = page_of(predicted(SUMMARIES[0]), evaluation, truth).rows["evaluation"]
    assert [rows[1][0], rows[2][:3], rows[2][-1]] == ["GM label 1", ["GL label 9", "0.000", "0.00"], "–"]


def test_a_muscle_has_the_colour_of_its_segment(tmp_path, page_of):
    labels = np.where(LABELS == 1, 4, LABELS)
    truth = np.where(TRUTH == 1, 2, TRUTH)  # a label more, which comes before the others
    prediction = predicted(replace(SUMMARIES[0], code=4), SUMMARIES[1], labels=labels)
    page = page_of(prediction, evaluate(labels, truth, SPACING_MM), truth)
    prediction.save(tmp_path / "mask.seg.nrrd")
    saved = sitk.ReadImage(str(tmp_path / "mask.seg.nrrd"))
    stored = {int(saved.GetMetaData(f"Segment{i}_LabelValue")): saved.GetMetaData(f"Segment{i}_Color") for i in (0, 1)}
    hex_colours = {
        code: "#" + "".join(f"{round(255 * float(channel)):02X}" for channel in text.split())
        for code, text in stored.items()
    }
    assert hex_colours == {4: "#E69F00", 7: "#56B4E9"}
    of_volumes, of_evaluation = page.colours[:2], page.colours[2:5]
    assert of_volumes == [hex_colours[4], hex_colours[7]]
    assert of_evaluation == [*of_volumes, "#CC79A7"]


def test_overlay_in_the_page_is_the_file(reported):
    link = Page(reported[0] / "report.html").links[0]
    assert base64.b64decode(link.partition(",")[2]) == (reported[0] / "overlay.png").read_bytes()
