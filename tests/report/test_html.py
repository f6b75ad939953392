"""The report: its page, its files, what it warns of, and that it stands alone."""

import base64
import csv
import hashlib
import io
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from PIL import Image

from ifss_keras.inference import messages, notes
from ifss_keras.propagation.ends import Ends
from ifss_keras.report.html import write_report
from ifss_keras.report.tables import csv_text, slices_table, volumes_table
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Source, Volume
from tests.inference.predictions import in_memory
from tests.report.cases import LABELS, NAMES, RUN, SHAPE, SPACING_MM, SUMMARIES, Page, pixels, predicted


def test_exactly_the_named_files_are_left(reported, evaluated):
    folder, paths = reported
    names = ["report.html", "overlay.png", "volumes.csv", "slices.csv", "volumes.xlsx"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert [path.name for path in evaluated[2]] == [*names, "evaluation.json"]
    assert sorted(path.name for path in evaluated[0].iterdir()) == sorted([*names, "evaluation.json"])


def test_the_csv_file_is_the_table(reported):
    content = (reported[0] / "volumes.csv").read_bytes()
    assert content == csv_text(volumes_table(SUMMARIES)).encode("utf-8")


def test_the_file_of_slices_is_the_table(reported):
    assert (reported[0] / "slices.csv").read_bytes() == csv_text(slices_table(SUMMARIES)).encode("utf-8")


def test_table_of_volumes(reported):
    rows = Page(reported[0] / "report.html").rows["volumes"][1:]
    # 9 x 20 x 15 and 12 x 18 x 25 voxels of 0.8 mm3: 2.16 and 4.32 mL.
    known = ["2.16 2.04 to 2.28", "22", "0.96", "3", "3 to 11", "2.23 +3.5 %", "2.23 +3.5 %"]
    assert rows[0] == ["GM label 1", *known]
    assert rows[1] == [f"{NAMES[7]} label 7", "4.32", "30", "1.44", "3", "6 to 17", "–", "–"]


def test_every_cell_names_its_column_for_narrow_screens(evaluated):
    source = (evaluated[0] / "report.html").read_text(encoding="utf-8")
    cells = re.findall(r"<td(.*?)>", source.partition('<section id="viewer"')[0])
    rows = re.findall(r"<tr><td", source.partition('<section id="viewer"')[0])
    assert len(rows) == 6
    assert sum("data-head" in cell for cell in cells) == len(cells) - len(rows)


def test_nothing_is_loaded_from_elsewhere(evaluated):
    page = Page(evaluated[0] / "report.html")
    assert len(page.links) == 3
    assert all(re.match(r"data:image/(png|jpeg);base64,", link) for link in page.links)
    assert not page.tags & {"link", "iframe", "object", "embed"}
    without_pictures = re.sub(r"data:image/\w+;base64,[A-Za-z0-9+/=]+|\"images\":\[.*?\]", "", page.source)
    without_names = without_pictures.replace('"http://www.w3.org/2000/svg"', "")  # of a namespace, not of a place
    assert not re.search(r"https?:|//\w|url\(|@import", without_names)


def test_only_the_viewers_own_script_may_run(reported):
    source = (reported[0] / "report.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', source)
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    expected = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert unescape(policy) == expected
    assert len(re.findall("<script", source)) == 2


def test_the_subject_is_on_the_page_and_in_every_table_and_nowhere_if_not_said(tmp_path, reported):
    write_report(tmp_path, predicted(*SUMMARIES), replace(RUN, subject="P-07 <Ana>"))
    page = Page(tmp_path / "report.html")
    assert "Muscle volumes P-07 <Ana> calf <1>.mha" in page.text
    assert "<title>Muscle volumes: P-07 &lt;Ana&gt;</title>" in page.source
    assert 'class="whom"' not in (reported[0] / "report.html").read_text(encoding="utf-8")
    for name in ("volumes.csv", "slices.csv"):
        for folder, subject in ((tmp_path, "P-07 <Ana>"), (reported[0], "")):
            with (folder / name).open(encoding="utf-8", newline="") as file:
                assert {row["subject"] for row in csv.DictReader(file)} == {subject}


def test_checksums_command_and_machine_are_in_the_folded_details(tmp_path):
    told = {"command": "ifss predict a.mha", "checksums": {"image": "ab" * 32}, "machine": "a laptop"}
    write_report(tmp_path, predicted(*SUMMARIES), replace(RUN, **told))
    page = Page(tmp_path / "report.html")
    facts = dict(page.rows["run"])
    assert facts["Command"] == "ifss predict a.mha"
    assert facts["SHA-256 of the image"] == "ab" * 32
    assert facts["Machine"] == "a laptop"
    assert page.source.index("<details>") < page.source.index("ab" * 32) < page.source.index("</details>")


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
    volume_notes = (notes.spacing_note(volume), notes.non_finite_note(volume))
    of_labels = (messages.gaps_text([sol]), messages.empty_text([gm]), messages.edge_text([gl]))
    of_labels += (messages.few_text([gm, gl]), messages.cut_off_text([sol, gm, gl]))
    whole = Annotation.from_array(np.where(labels == 5, labels, 0))
    second = in_memory(labels, whole)
    return [
        (first, (*volume_notes, notes.unannotated_note(annotation), *of_labels)),
        (second, (notes.nothing_to_fill_note(whole), messages.cut_off_text(second.summaries))),
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


def test_remarks_are_told_as_everywhere(page_of):
    alone = replace(SUMMARIES[1], reference_slices=(8,), ends=Ends((18,), (1,)))
    prediction = predicted(SUMMARIES[0], alone)
    page = page_of(prediction)
    assert len(prediction.remarks) == 4
    assert prediction.to_dict()["remarks"] == list(prediction.remarks)
    assert page.remarks == list(prediction.remarks)
    assert page.warnings == list(prediction.warnings)  # one annotated slice
    assert page_of(predicted(SUMMARIES[0])).remarks == []


def test_how_sure_the_areas_are_is_explained_where_it_is_known(reported, page_of):
    explained = "Shaded: where the true area is expected 19 times of 20."
    assert explained in Page(reported[0] / "report.html").text
    assert explained not in page_of(predicted(SUMMARIES[1])).text


def test_an_empty_mask_is_reported(page_of):
    unknown = {"volume_ml_low": None, "volume_ml_high": None, "area_deviations_mm2": None}
    unheld = {"volume_ml": 0.0, "first_slice": None, "last_slice": None, "areas_mm2": np.zeros(SHAPE[0])}
    nothing = replace(SUMMARIES[0], **unheld, **unknown)
    page = page_of(predicted(nothing, labels=np.zeros_like(LABELS)))
    assert page.rows["volumes"][1] == ["GM label 1", "0.00", "0.0", "0.00", "3", "–", "2.23", "2.23"]
    assert "The mask of GM is empty" in page.text


def test_without_annotated_slices_none_are_explained(reported, page_of):
    explained = ("framed: some annotated slices.", "Dots: annotated slices.")
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


def test_overlay_in_the_page_is_the_file(reported):
    link = Page(reported[0] / "report.html").links[0]
    with Image.open(io.BytesIO(base64.b64decode(link.partition(",")[2]))) as shown:
        in_page = np.asarray(shown.convert("RGB"), int)
    written = pixels((reported[0] / "overlay.png").read_bytes())
    assert in_page.shape == written.shape
    assert np.abs(in_page - written).mean() < 3


def test_names_that_are_no_text_are_told_with_question_marks(tmp_path):
    """As Python gives file names and arguments whose bytes are not UTF-8."""
    named = replace(SUMMARIES[0], name="S\udcf6leus")
    write_report(tmp_path, predicted(named), replace(RUN, image_path="M\udcfcller.mha", subject="J\udcf6rg"))
    page = Page(tmp_path / "report.html")
    assert "J?rg M?ller.mha" in page.text
    assert page.rows["volumes"][1][0] == "S?leus label 1"
    assert (tmp_path / "volumes.csv").read_text(encoding="utf-8").splitlines()[1].startswith("J?rg,S?leus,1,")


def test_the_page_keeps_within_its_bytes_and_says_which_slices_are_shown(tmp_path, monkeypatch):
    labels = np.zeros((120, 64, 64), np.uint8)
    labels[:, 8:56, 8:56] = 1
    image = np.random.default_rng(0).integers(0, 255, labels.shape, dtype=np.uint8)
    areas = {"areas_mm2": np.full(120, 737.28), "area_deviations_mm2": None, "last_slice": 119, "first_slice": 0}
    prediction = predicted(replace(SUMMARIES[0], **areas), labels=labels, image=image)
    write_report(tmp_path, prediction, RUN)
    whole = Page(tmp_path / "report.html")
    assert "So that the page stays small" not in whole.text
    most = len(whole.source.encode()) - 200_000
    monkeypatch.setattr("ifss_keras.report.page.MOST_BYTES", most)
    write_report(tmp_path, prediction, RUN)
    small = Page(tmp_path / "report.html")
    assert len(small.source.encode()) <= most
    assert "So that the page stays small, one slice of 2 is shown here" in small.text
