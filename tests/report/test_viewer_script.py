"""The viewer's script in an engine of its own, for machines without a browser: it shows the viewer and moves it."""

import json
import re

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from ifss_keras.report.html import write_report
from tests.report.cases import RUN, SHAPE, SUMMARIES, predicted

# elements that keep what they are given, and whom to tell of what happens
PAGE = """
const elements = {};
const element = () => {
  const heard = {};
  return {
    heard, style: {setProperty() {}}, dataset: {}, classList: {toggle() {}}, hidden: true, textContent: "",
    setAttribute(name, value) { this[name] = value; },
    append() {}, querySelector: () => element(), contains: () => false,
    appendChild(child) { child.parentElement = this; return child; },
    addEventListener(name, told) { heard[name] = told; },
    getBoundingClientRect: () => ({left: 0, width: 100}),
  };
};
const document = {
  ...element(),
  getElementById: (name) => (elements[name] = elements[name] || element()),
  createElement: element, createElementNS: element,
};
document.getElementById("viewer-data").textContent = DATA;
const addEventListener = () => {};
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A function that runs JavaScript where the script of a report has been run."""
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, predicted(*SUMMARIES, image=np.full(SHAPE, 40, np.uint8)), RUN)
    page = (folder / "report.html").read_text(encoding="utf-8")
    data = re.search(r'<script[^>]*id="viewer-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    engine = MiniRacer()
    engine.eval(PAGE.replace("DATA", json.dumps(data)) + script)
    return lambda expression: json.loads(engine.eval(f"JSON.stringify({expression})"))


def test_the_script_shows_the_viewer(told):
    assert told("elements.viewer.hidden") is False
    slice_ = told("elements.viewer.dataset.slice")
    assert told("elements['viewer-slice'].textContent").startswith(f"Slice {slice_} · ")
    assert told("elements['viewer-from'].textContent").endswith(" mm")


def test_keys_move_it(told):
    before = told("elements.viewer.dataset.slice")
    press = "document.heard.keydown({key: 'ArrowRight', preventDefault() {}})"
    assert told(f"({press}, elements.viewer.dataset.slice)") == before + 1
