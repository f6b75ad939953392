"""The page in a browser: the viewer moves, its outlines are where the masks are, and nothing is cut."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.report.html import write_report
from tests.report.browser import chromium, driven, needs_chromium
from tests.report.cases import LABELS, RUN, SHAPE, SUMMARIES, is_colour, pixels, predicted, summary

pytestmark = needs_chromium

SEEN = """
const viewer = document.getElementById("viewer");
const part = (name) => document.getElementById("viewer-" + name);
const slice = () => Number(viewer.dataset.slice);
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    dim = np.full(SHAPE, 40, np.uint8)
    dim[:, ::2] = 90
    write_report(folder, predicted(*SUMMARIES, image=dim), RUN)
    return folder / "report.html"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Fourteen muscles with long names and every warning."""
    folder = tmp_path_factory.mktemp("crowded")
    known = {"touches_edge": True, "gaps": ((5, 6),), "volume_ml_high": 3.0}
    one = summary(1, 3, 11, (3, 7), 0.1, 1.23)
    many = [replace(one, code=code, name=f"Gastrocnemius medialis {code}", **known) for code in range(1, 15)]
    checksums = dict.fromkeys(("image", "reference", "weights"), "0123456789abcdef" * 4)
    write_report(folder, predicted(*many), replace(RUN, checksums=checksums, command="ifss predict " + "a" * 150))
    return folder / "report.html"


MOVES = """
const told = {first: slice(), shown: !viewer.hidden};
const how = {bubbles: true, cancelable: true};
const key = (name, target) => target.dispatchEvent(new KeyboardEvent("keydown", {key: name, ...how}));
const wheel = (turn) => part("plain").dispatchEvent(new WheelEvent("wheel", {deltaY: turn, cancelable: true}));
key("ArrowRight", document.body); told.right = slice();
key("ArrowLeft", document.body); key("ArrowLeft", viewer); told.left = slice();
key("ArrowUp", document.body); told.upElsewhere = slice();
key("ArrowUp", viewer); told.up = slice();
key("Home", viewer); told.home = slice(); key("ArrowLeft", viewer); told.beforeFirst = slice();
key("End", viewer); told.end = slice();
key("PageDown", viewer); told.pageDown = slice();
wheel(100); told.wheel = slice(); wheel(-100); wheel(-100); told.wheelBack = slice();
wheel(10); told.touchALittle = slice(); wheel(15); wheel(15); told.touchPad = slice();
part("slider").value = 4; part("slider").dispatchEvent(new Event("input")); told.slider = slice();
part("worst").click(); told.worst = slice(); told.why = part("slice").textContent;
const box = part("curves").getBoundingClientRect();
part("curves").dispatchEvent(new PointerEvent("pointerdown", {clientX: box.left + box.width / 2, bubbles: true}));
told.middle = slice();
told.areas = [...document.querySelectorAll("#viewer-labels output")].map((output) => output.textContent);
told.names = [...document.querySelectorAll("#viewer-labels .name")].map((name) => name.textContent);
const drawn = () => getComputedStyle(part("outlines")).display;
told.on = drawn(); part("on").click(); told.off = drawn(); part("on").click(); told.again = drawn();
told.images = [...document.querySelectorAll(".pane img")].map((image) => image.naturalWidth);
return told;
"""


def test_everything_that_moves_the_slice(page):
    told = driven(page, SEEN + MOVES)
    assert told == {
        "shown": True,
        "first": 10,  # of 1 to 19
        "right": 11,
        "left": 9,
        "upElsewhere": 9,
        "up": 10,
        "home": 1,
        "beforeFirst": 1,
        "end": 19,
        "pageDown": 9,
        "wheel": 10,
        "wheelBack": 8,
        "touchALittle": 8,
        "touchPad": 9,
        "slider": 5,
        "worst": 4,
        "why": "Slice 4 · 10.0 mm · least sure for GM: ±10 % of its largest area",
        "middle": 10,
        "areas": ["0.96 ± 0.10 cm²", "1.44 cm²"],
        "names": [summary.name for summary in SUMMARIES],
        "on": "block",
        "off": "none",
        "again": "block",
        "images": [40, 40],
    }


def test_no_other_script_runs(page):
    assert driven(page, "return 1;") == 1
    assert driven(page, "return 1;", allowed=False) is None


def test_the_outline_is_drawn_where_the_mask_is_and_only_beside_the_plain_picture(page, tmp_path):
    """The masks of slice 8 are boxes: their colours reach from edge to edge, to within two pixels of the screen."""
    place = """
    part("slider").value = 7; part("slider").dispatchEvent(new Event("input"));
    return ["plain", "marked"].map((name) => { const box = part(name).getBoundingClientRect();
      return [box.left, box.top, box.width, box.height]; });
    """
    tall = (1200, 2000)
    boxes = driven(page, SEEN + place, tall)
    copy = page.with_name("driven.html")
    chromium(copy, "--window-size={},{}".format(*tall), f"--screenshot={tmp_path / 'shot.png'}")
    picture = pixels((tmp_path / "shot.png").read_bytes())
    styles = ("#E69F00", "#56B4E9")
    for box, holds in zip(boxes, (False, True), strict=True):
        left, top, width, height = map(round, box)
        pane = picture[top : top + height, left : left + width]
        for code, colour in zip((1, 7), styles, strict=True):
            rows, columns = np.nonzero(is_colour(pane, colour))
            assert (len(rows) > 100) is holds
            if not holds:
                continue
            # the crop is rows 4 to 56 and columns 0 to 39 of the slice
            mask_rows, mask_columns = np.nonzero(LABELS[8] == code)
            edges = [mask_rows.min() - 4, mask_rows.max() - 3, mask_columns.min(), mask_columns.max() + 1]
            scale = np.array([height, height, width, width]) / [52, 52, 40, 40]
            found = [rows.min(), rows.max(), columns.min(), columns.max()]
            np.testing.assert_allclose(found, edges * scale, atol=2.5)


CUT = """
const wide = document.scrollingElement.clientWidth;
const beyond = [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width && !element.closest("svg") && (box.right > wide + 0.5 || box.left < -0.5); });
const cells = [...document.querySelectorAll("#volumes td")];
const scrolls = document.scrollingElement.scrollWidth > wide;
return {beyond: beyond.map((element) => element.outerHTML.slice(0, 80)), scrolls, wide,
  shown: cells.filter((cell) => cell.getBoundingClientRect().height > 0).length};
"""


@pytest.mark.parametrize("width", [500, 800, 1200])
def test_nothing_is_cut_on_any_screen(crowded, width):
    assert driven(crowded, CUT, (width, 900)) == {"beyond": [], "scrolls": False, "wide": width, "shown": 14 * 8}


def test_fourteen_muscles_take_four_pages_of_a4_at_most_with_the_details_open(crowded, tmp_path):
    chromium(crowded, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'report.pdf'}")
    content = (tmp_path / "report.pdf").read_bytes()
    assert 1 <= content.count(b"/Type /Page\n") <= 4
    assert b"/MediaBox [0 0 594.95996 841.91998]" in content or b"/MediaBox [0 0 595" in content
