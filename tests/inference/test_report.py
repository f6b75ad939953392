"""The report: its numbers, its pictures' geometry, what it warns of, and that it stands alone."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.inference.figures import PALETTE, Curve, areas_png, label_styles, montage_slices, overlay_png
from ifss_keras.inference.report import EvaluationRunInfo, RunInfo, write_evaluation_report, write_report
from ifss_keras.inference.summary import LabelSummary
from ifss_keras.metrics.evaluation import evaluate
from ifss_keras.metrics.volume import areas_mm2, volume_ml

SPACING = (2.5, 0.4, 0.8)
SHAPE = (20, 60, 40)
NAMES = {1: "GM", 7: 'SOL <b>"left"</b> & $co'}


def block(*ranges):
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*limits) for limits in ranges)] = True
    return mask


LABELS = np.zeros(SHAPE, np.uint8)
LABELS[block((3, 12), (10, 30), (5, 20))] = 1
LABELS[block((6, 18), (32, 50), (10, 35))] = 7
TRUTH = np.roll(LABELS, 1, axis=1)
IMAGE = np.random.default_rng(2).integers(0, 255, SHAPE, dtype=np.uint8)
RUN = RunInfo(
    image_path="scans/calf <1>.mha",
    reference_path="refs.seg.nrrd",
    output_path="mask.nii.gz",
    preset="a-preset",
    method="network",
    spacing_mm=SPACING,
    shape=SHAPE,
    axis=2,
    seconds=12.34,
    date="2026-11-05 14:20",
    versions={"keras": "3.15.0"},
    parameters={"complete": False, "labels": {1: "GM"}, "temperature": 0.1 + 0.2},
)


def summary(code, first, last, references, touches_edge=False, shape_ml=1.23456789, spline_ml=None):
    mask = code == LABELS
    return LabelSummary(
        code=code,
        name=NAMES[code],
        volume_ml=volume_ml(mask, SPACING),
        shape_volume_ml=shape_ml,
        spline_volume_ml=spline_ml,
        first_slice=first,
        last_slice=last,
        reference_slices=references,
        touches_edge=touches_edge,
        areas_mm2=areas_mm2(mask, SPACING),
        method="shape",
    )


SUMMARIES = (summary(1, 3, 11, (3, 7, 11)), summary(7, 6, 17, (8, 15), shape_ml=4.5, spline_ml=3.25))


class Page(HTMLParser):
    """Rows of text per section, all text, and every attribute that could load something."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.links, self.images, self.tags, self.section, self.words = {}, [], [], set(), "", []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        held = dict(attributes)
        self.section = held.get("id", self.section) if tag == "section" else self.section
        self.links += [held[name] for name in ("src", "href", "srcset", "data", "action") if name in held]
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        elif tag in ("td", "th"):
            self.rows[self.section][-1].append("")
        self.cell = tag in ("td", "th") or (tag in ("small", "span", "strong") and self.cell)

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.words.append(data)
        if getattr(self, "cell", False):
            row = self.rows[self.section][-1]
            row[-1] = f"{row[-1]} {data}".strip()

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def pixels(png):
    from matplotlib.image import imread

    return np.round(imread(io.BytesIO(png))[..., :3] * 255).astype(int)


def rgb(colour):
    return np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)])


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new"
    return folder, write_report(folder, IMAGE, LABELS, SUMMARIES, RUN)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation = evaluate(LABELS, TRUTH, SPACING, NAMES)
    return folder, evaluation, write_report(folder, IMAGE, LABELS, SUMMARIES, RUN, evaluation, TRUTH)


def test_exactly_the_named_files_are_left(predicted, evaluated):
    folder, paths = predicted
    names = ["report.html", "overlay.png", "volumes.csv"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert [path.name for path in evaluated[2]] == [*names, "evaluation.json"]
    assert sorted(path.name for path in evaluated[0].iterdir()) == sorted([*names, "evaluation.json"])


def test_csv_gives_the_same_numbers_back(predicted):
    with (predicted[0] / "volumes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row, item in zip(rows, SUMMARIES, strict=True):
        assert (int(row["code"]), row["name"]) == (item.code, item.name)
        assert float(row["volume_ml"]) == item.volume_ml
        assert float(row["shape_volume_ml"]) == item.shape_volume_ml
        assert (int(row["first_slice"]), int(row["last_slice"])) == (item.first_slice, item.last_slice)
        assert tuple(int(index) for index in row["reference_slices"].split()) == item.reference_slices
        assert int(row["references"]) == len(item.reference_slices)
    assert (rows[0]["spline_volume_ml"], float(rows[1]["spline_volume_ml"])) == ("", 3.25)
    assert [row["touches_edge"] for row in rows] == ["no", "no"]


def test_table_of_volumes(predicted):
    rows = Page(predicted[0] / "report.html").rows["volumes"][1:]
    # 9 x 20 x 15 and 12 x 18 x 25 voxels of 0.8 mm3: 2.16 and 4.32 mL.
    assert rows[0] == ["GM label 1", "2.16", "3", "11", "3", "shape", "1.23 -42.8 %", "–"]
    assert rows[1] == [f"{NAMES[7]} label 7", "4.32", "6", "17", "2", "shape", "4.50 +4.2 %", "3.25 -24.8 %"]


def test_nothing_is_loaded_from_elsewhere(evaluated):
    page = Page(evaluated[0] / "report.html")
    assert len(page.links) == 3
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not page.tags & {"script", "link", "iframe", "object", "embed"}
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page.source)
    assert not re.search(r"https?:|//\w|url\(|@import", without_pictures)


def test_names_are_shown_and_never_become_markup(predicted):
    page = Page(predicted[0] / "report.html")
    assert "b" not in page.tags
    assert "&lt;b&gt;&#34;left&#34;&lt;/b&gt; &amp; $co" in page.source
    assert "calf &lt;1&gt;.mha" in page.source


def test_edge_warning_only_for_the_muscle_that_touches(tmp_path):
    def warnings(*summaries):
        write_report(tmp_path, IMAGE, LABELS, summaries, RUN)
        text = Page(tmp_path / "report.html").text
        return re.findall(r"The mask of (.+?) touches the edge", text)

    assert warnings(*SUMMARIES) == []
    assert warnings(replace(SUMMARIES[0], touches_edge=True), SUMMARIES[1]) == ["GM"]


def test_slices_outside_the_references_are_named(predicted, tmp_path):
    text = Page(predicted[0] / "report.html").text
    assert "6 to 7 and 16 to 17" in text
    assert "GM: " not in text  # its references are its first and last slice
    write_report(tmp_path, IMAGE, LABELS, [replace(SUMMARIES[0], reference_slices=(3, 10))], RUN)
    assert "GM: 11 " in Page(tmp_path / "report.html").text
    write_report(tmp_path, IMAGE, LABELS, SUMMARIES[:1], RUN)
    assert "outside the annotated ones" not in Page(tmp_path / "report.html").text


def test_an_empty_mask_is_reported(tmp_path):
    nothing = replace(SUMMARIES[0], volume_ml=0.0, first_slice=None, last_slice=None, areas_mm2=np.zeros(SHAPE[0]))
    write_report(tmp_path, IMAGE, np.zeros_like(LABELS), [nothing], RUN)
    page = Page(tmp_path / "report.html")
    assert page.rows["volumes"][1] == ["GM label 1", "0.00", "–", "–", "3", "shape", "1.23", "–"]
    assert "The mask of GM is empty" in page.text


def test_everything_about_the_run(predicted):
    facts = dict(Page(predicted[0] / "report.html").rows["run"])
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
    evaluation = evaluate(LABELS, TRUTH, SPACING, NAMES)
    run = EvaluationRunInfo("a.nii.gz", "b.nii.gz", SPACING, SHAPE, 2, 1.0, "today")
    paths = write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation, run)
    assert [path.name for path in paths] == ["report.html", "overlay.png", "evaluation.json"]
    page = Page(tmp_path / "report.html")
    assert "a.nii.gz against b.nii.gz" in page.text
    assert dict(page.rows["run"])["Truth"] == "b.nii.gz"
    assert "volumes" not in page.rows
    write_evaluation_report(tmp_path, LABELS, TRUTH, evaluation)
    facts = dict(Page(tmp_path / "report.html").rows["run"])
    assert facts == {
        "Voxels (slice, row, column)": "20, 60, 40",
        "Spacing in mm (slice, row, column)": "2.5, 0.4, 0.8",
    }


def test_a_label_of_the_truth_alone_is_shown(tmp_path):
    truth = np.where(TRUTH == 7, 9, TRUTH)
    evaluation = evaluate(np.where(LABELS == 7, 0, LABELS), truth, SPACING, {9: "GL"})
    write_report(tmp_path, IMAGE, LABELS, SUMMARIES[:1], RUN, evaluation, truth)
    rows = Page(tmp_path / "report.html").rows["evaluation"]
    assert [rows[1][0], rows[2][:3], rows[2][-1]] == ["GM label 1", ["GL label 9", "0.000", "0.00"], "–"]


def test_overlay_in_the_page_is_the_file(predicted):
    link = Page(predicted[0] / "report.html").links[0]
    assert base64.b64decode(link.partition(",")[2]) == (predicted[0] / "overlay.png").read_bytes()


@pytest.mark.parametrize("spacing", [(1.0, 0.4, 0.8), (1.0, 0.9, 0.3)])
def test_overlay_keeps_the_shape_in_mm(spacing):
    labels = np.zeros((1, 80, 80), np.uint8)
    labels[0, 20:60, 25:55] = 1  # 40 rows by 30 columns
    styles = label_styles({1: "GM"}, {})
    picture = pixels(overlay_png(labels, styles, spacing))
    drawn = (np.abs(picture - rgb(PALETTE[0])) <= 6).all(axis=-1)
    drawn[: picture.shape[0] // 5] &= False  # the legend
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    ratio = (rows[-1] - rows[0]) / (columns[-1] - columns[0])
    assert ratio == pytest.approx(40 * spacing[1] / (30 * spacing[2]), rel=0.03)


def test_overlay_of_odd_images():
    styles = label_styles(NAMES, {1: (4,)})
    holes = np.where(LABELS == 1, np.nan, IMAGE.astype(np.float32))
    assert np.ptp(pixels(overlay_png(LABELS, styles, SPACING, image=holes))) > 200
    same = overlay_png(LABELS, styles, SPACING, image=np.zeros_like(IMAGE))
    assert same == overlay_png(LABELS, styles, SPACING, image=np.zeros_like(IMAGE))


def test_area_curve_is_at_the_right_height():
    """A flat area of 300 mm2 lies halfway between the axis and a flat area of 600 mm2."""
    low, high = label_styles({1: "a", 2: "b"}, {})
    curves = [Curve(low, np.full(30, 300.0)), Curve(high, np.full(30, 600.0))]
    picture = pixels(areas_png(curves, SPACING))[80:]  # below the legend
    heights = []
    for style in (low, high):
        hit = (np.abs(picture - rgb(style.colour)) <= 6).all(axis=-1)
        heights.append(hit.sum(axis=1).argmax())
    dark = (picture.sum(axis=-1) < 60)[:, picture.shape[1] // 10 : -40]
    axis = np.flatnonzero(dark.sum(axis=1) > 0.9 * dark.shape[1])[0]
    assert (axis - heights[0]) / (axis - heights[1]) == pytest.approx(0.5, abs=0.02)


def test_slices_of_the_montage():
    assert montage_slices(4, 9, ()) == [4, 5, 6, 7, 8, 9]
    assert montage_slices(5, 5, ()) == [5]
    evenly = montage_slices(10, 120, ())
    assert evenly == list(range(10, 121, 10))
    assert montage_slices(10, 120, (33, 75, 300)) == [10, 20, 33, 40, 50, 60, 70, 80, 90, 100, 110, 120]


def test_colours_repeat_only_after_the_palette():
    styles = label_styles({code: str(code) for code in range(1, 10)}, {2: (5,)})
    assert [style.colour for style in styles] == [*PALETTE, *PALETTE[:2]]
    assert [style.reference_slices for style in styles[:2]] == [(), (5,)]


def test_other_shapes_are_refused_and_nothing_is_written(tmp_path):
    folder = tmp_path / "none"
    with pytest.raises(GeometryError, match="image must have the mask's shape"):
        write_report(folder, IMAGE[1:], LABELS, SUMMARIES, RUN)
    with pytest.raises(GeometryError, match="truth must have the mask's shape"):
        write_report(folder, IMAGE, LABELS, SUMMARIES, RUN, truth=TRUTH[:, 1:])
    with pytest.raises(InputError, match="one label or more"):
        write_report(folder, IMAGE, LABELS, (), RUN)
    assert not folder.exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="report folder must be a folder that can be written"):
        write_report(tmp_path / "taken", IMAGE, LABELS, SUMMARIES, RUN)
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_failing_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match="No space left on device"):
        write_report(tmp_path, IMAGE, LABELS, SUMMARIES, RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"
