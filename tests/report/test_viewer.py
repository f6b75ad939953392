"""What the viewer is given: outlines where the masks are, pictures within their bytes, and no markup."""

import base64
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.ndimage import binary_dilation
from skimage.draw import polygon2mask

from ifss_keras.report import viewer
from ifss_keras.report.figures import Curve, label_styles
from ifss_keras.report.orientation import View
from ifss_keras.report.viewer import Shown, outline, viewer_json
from tests.report.cases import IMAGE, LABELS, NAMES, SPACING_MM, TRUTH

BIG = 8_000_000
STYLES = label_styles(NAMES, {1: (3, 7, 11)})
AREAS = {code: (code == LABELS).sum(axis=(1, 2)) * 0.32 for code in NAMES}
DEVIATIONS = {1: np.where((LABELS == 1).any(axis=(1, 2)), np.arange(20.0), 0), 7: None}
CURVES = [Curve(style, AREAS[style.code], deviations=DEVIATIONS[style.code]) for style in STYLES]


def shown(**more):
    return Shown(LABELS, CURVES, SPACING_MM, **{"image": IMAGE, **more})


def given_to_page(what, budget=BIG):
    return json.loads(viewer_json(what, budget)[0])


def points_of(path):
    """(point, x y) of each closed line of a path, in pixels."""
    lines = []
    for line in re.findall(r"M(.*?)z", path):
        start, _, steps = line.partition("l")
        moves = np.array([start.split(), *np.reshape(steps.split(), (-1, 2))], int)
        lines.append(np.cumsum(moves, axis=0) / 10)
    return lines


def filled(path, shape):
    """The pixels whose centres are inside an odd number of the path's lines."""
    inside = np.zeros(shape, bool)
    for line in points_of(path):
        inside ^= polygon2mask(shape, line[:, ::-1] - 0.5)
    return inside


def test_the_outline_of_a_box_runs_along_its_edges():
    mask = np.zeros((20, 30), bool)
    mask[5:9, 12:20] = True
    (line,) = points_of(outline(mask))
    assert [line[:, 0].min(), line[:, 0].max(), line[:, 1].min(), line[:, 1].max()] == [12, 20, 5, 9]
    assert outline(np.zeros((3, 4), bool)) == ""


def test_a_mask_that_fills_its_picture_has_an_outline():
    (line,) = points_of(outline(np.ones((3, 4), bool)))
    assert [line[:, 0].min(), line[:, 0].max(), line[:, 1].min(), line[:, 1].max()] == [0, 4, 0, 3]


@given(arrays(bool, (4, 5)))
@settings(max_examples=50, deadline=None)
def test_the_outline_of_any_mask_holds_it_but_for_its_border(blocks):
    mask = np.kron(blocks, np.ones((6, 5), bool))
    wrong = filled(outline(mask), mask.shape) != mask
    border = binary_dilation(mask) & binary_dilation(~mask)
    assert not (wrong & ~border).any()


def test_holes_and_parts_are_lines_of_their_own():
    mask = np.zeros((40, 40), bool)
    mask[5:25, 5:25], mask[10:18, 10:18], mask[30:35, 30:35] = True, False, True
    assert len(points_of(outline(mask))) == 3


def test_slices_areas_and_names():
    data = given_to_page(shown())
    assert data["slices"] == list(range(1, 20))  # two around the masks on 3 to 17
    assert (data["count"], data["sliceMm"]) == (20, 2.5)
    assert [label["name"] for label in data["labels"]] == list(NAMES.values())
    assert [label["annotated"] for label in data["labels"]] == [[3, 7, 11], []]
    np.testing.assert_allclose(data["labels"][0]["areas"], AREAS[1] / 100)
    np.testing.assert_allclose(data["labels"][0]["half"], 1.96 * DEVIATIONS[1] / 100, rtol=1e-3)
    assert (data["labels"][0]["worst"], data["labels"][1]["worst"]) == (11, None)
    assert data["labels"][0]["doubt"] == pytest.approx(100 * 1.96 * 11 / 96, rel=1e-3)
    assert data["labels"][1]["half"] is None


def test_outlines_lie_where_the_masks_are_in_the_picture():
    data = given_to_page(shown(truth=TRUTH))
    # rows 10 to 30 and 5 to 35 as columns, with a margin of 6: the crop begins at row 4 and column 0
    width, height = (size // 10 for size in data["box"])
    for place, index in enumerate(data["slices"]):
        for label, code in enumerate(NAMES):
            expected = (LABELS[index] == code)[4 : 4 + height, :width]
            found = filled(data["outlines"][place][label], expected.shape)
            assert np.count_nonzero(found != expected) <= 4  # the corners
        truth = TRUTH[index][4 : 4 + height, :width] > 0
        assert np.count_nonzero(filled(data["truth"][place], truth.shape) != truth) <= 8


def test_pictures_and_outlines_are_turned_alike():
    image = np.where(LABELS == 1, 200, 20).astype(np.uint8)
    view = View(transposed=True, flipped_right=True, top="A", right="L", bottom="P", left="R", first="I", last="S")
    data = given_to_page(shown(image=image, view=view))
    assert (data["letters"], data["ends"]) == (["A", "L", "P", "R"], ["I", "S"])
    picture = decoded(data["images"][3])
    assert picture.shape == (data["box"][1] // 10, data["box"][0] // 10)
    inside = filled(data["outlines"][3][0], picture.shape)
    assert picture[inside].min() > 150
    assert picture[~inside].max() < 80


def decoded(text):
    with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
        assert (picture.format, picture.mode) == ("JPEG", "L")
        return np.asarray(picture)


def test_without_an_image_there_are_outlines_alone():
    data = given_to_page(shown(image=None))
    assert data["images"] is None
    assert any(map(any, data["outlines"]))
    assert data["truth"] is False


def test_a_name_cannot_end_the_element_that_holds_it():
    names = {1: "</script><script>alert(1)</script>", 7: "<!-- & \u2028 比目鱼肌"}
    curves = [Curve(style, AREAS[style.code]) for style in label_styles(names, {})]
    text, _ = viewer_json(Shown(LABELS, curves, SPACING_MM, IMAGE), BIG)
    assert not set(text) & set("<>&\u2028")
    assert [label["name"] for label in json.loads(text)["labels"]] == list(names.values())


def test_everything_fits_into_its_bytes_and_what_matters_stays():
    labels = np.zeros((150, 64, 64), np.uint8)
    labels[:, 10:50, 10:50] = 1
    image = np.random.default_rng(0).integers(0, 255, labels.shape, dtype=np.uint8)
    (style,) = label_styles({1: "GM"}, {1: (0, 41, 149)})
    deviations = np.where(np.arange(150) == 77, 2.0, 1.0)
    what = Shown(labels, [Curve(style, np.full(150, 1600.0), deviations=deviations)], (1, 1, 1), image)
    whole, stride = viewer_json(what, BIG)
    assert stride == 1
    assert json.loads(whole)["slices"] == list(range(150))
    text, stride = viewer_json(what, len(whole) // 3)
    data = json.loads(text)
    assert len(text) <= len(whole) // 3
    assert 2 <= stride <= 5
    assert data["slices"] == sorted({*range(0, 150, stride), 0, 41, 77, 149})
    assert len(data["images"]) == len(data["outlines"]) == len(data["slices"])


def test_large_slices_get_smaller_before_any_is_left_out():
    image = np.random.default_rng(0).integers(0, 255, (4, 900, 600), dtype=np.uint8)
    labels = np.ones_like(image)
    (style,) = label_styles({1: "GM"}, {})
    what = Shown(labels, [Curve(style, np.ones(4))], (1, 1, 1), image)
    sizes = []
    budget = BIG
    for _ in range(2):
        text, stride = viewer_json(what, budget)
        budget = round(0.85 * len(text))
        assert stride == 1
        sizes.append(max(decoded(json.loads(text)["images"][0]).shape))
    assert sizes == [viewer.FINEST_FIRST[0].pixels, viewer.FINEST_FIRST[1].pixels]


def test_annotated_slices_are_left_out_where_they_are_the_most():
    labels = np.zeros((150, 64, 64), np.uint8)
    labels[:, 10:50, 10:50] = 1
    image = np.random.default_rng(0).integers(0, 255, labels.shape, dtype=np.uint8)
    (style,) = label_styles({1: "GM"}, {1: range(150)})
    what = Shown(labels, [Curve(style, np.full(150, 1600.0))], (1, 1, 1), image)
    whole, _ = viewer_json(what, BIG)
    text, stride = viewer_json(what, len(whole) // 5)
    assert len(text) <= len(whole) // 5
    assert json.loads(text)["slices"] == list(range(0, 150, stride))
