"""Two boxes as muscles, what a report says of them, and how to read the page and the pictures."""

import io
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np

from ifss_keras.inference.prediction import Prediction
from ifss_keras.inference.summary import LabelSummary
from ifss_keras.metrics.volume import areas_mm2, volume_ml
from ifss_keras.report.html import RunInfo
from ifss_keras.volumes.volume import Volume

SPACING_MM = (2.5, 0.4, 0.8)
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
    seconds=12.34,
    date="2026-11-05 14:20",
    versions={"keras": "3.15.0"},
    parameters={"complete": False, "labels": {1: "GM"}, "temperature": 0.1 + 0.2},
)


def summary(code, first, last, references, half_ml, curve_ml):
    """What is measured of a box; `half_ml`: half its interval, spread over the slices between references."""
    mask = code == LABELS
    known = half_ml is not None
    doubtful = mask.any(axis=(1, 2)) & ~np.isin(np.arange(SHAPE[0]), references)
    return LabelSummary(
        code=code,
        name=NAMES[code],
        volume_ml=volume_ml(mask, SPACING_MM),
        volume_ml_low=volume_ml(mask, SPACING_MM) - half_ml if known else None,
        volume_ml_high=volume_ml(mask, SPACING_MM) + half_ml if known else None,
        curve_volume_ml=curve_ml,
        curve_half_ml=half_ml,
        straight_volume_ml=curve_ml,
        slice_mm=SPACING_MM[0],
        first_slice=first,
        last_slice=last,
        reference_slices=references,
        touches_edge=False,
        areas_mm2=areas_mm2(mask, SPACING_MM),
        area_deviations_mm2=5.0 * doubtful if known else None,
        method="network",
    )


SUMMARIES = (summary(1, 3, 11, (3, 7, 11), 0.123456789, 2.23456789), summary(7, 6, 17, (8, 12, 15), None, None))


def predicted(*summaries, labels=LABELS, image=IMAGE, notes=()):
    """A `Prediction` in memory with these summaries."""
    return Prediction(labels, summaries, Volume.from_array(image, SPACING_MM), notes)


class Page(HTMLParser):
    """Rows of text per section, all text, warnings, labels' colours, and every attribute that could load something."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.links, self.tags, self.section, self.words, self.cell = {}, [], set(), "", [], False
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
        if self.cell:
            row = self.rows[self.section][-1]
            row[-1] = f"{row[-1]} {data}".strip()

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def warnings(self):
        return [
            unescape(text) for text in re.findall(r'class="warning"><strong>Check:</strong> (.*?)</p>', self.source)
        ]

    @property
    def remarks(self):
        return [unescape(text) for text in re.findall(r'<p class="note">(.*?)</p>', self.source)]

    @property
    def colours(self):
        return re.findall(r'class="swatch" style="background:(#\w{6})"', self.source)


def pixels(png):
    """(row, column, channel), 0 to 255."""
    from matplotlib.image import imread

    return np.round(imread(io.BytesIO(png))[..., :3] * 255).astype(int)


def is_colour(picture, colour):
    """(row, column) where a picture has the colour `#RRGGBB`."""
    return (np.abs(picture - list(bytes.fromhex(colour[1:]))) <= 6).all(axis=-1)
