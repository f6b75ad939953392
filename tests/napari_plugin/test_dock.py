"""The dock in a napari: a recorded session ends with what the command line gives; nothing is lost on the way."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("napari", reason="napari is not installed: make test-napari")
from qtpy.QtWidgets import QMessageBox

from ifss_keras.napari_plugin import network
from ifss_keras.volumes.io import read_labels
from tests.napari_plugin.hands import GM, MOST_MS, SOL

pytestmark = pytest.mark.napari


def predicted(image, references, folder):
    """Mask and JSON of `ifss predict`, in a process of its own."""
    mask = folder / "of_the_command.mha"
    command = [sys.executable, "-c", "from ifss_keras.cli.main import main; main()", "predict", str(image), "--json"]
    command += ["--reference", str(references), "-o", str(mask)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return read_labels(mask).array, json.loads(done.stdout)


def test_ten_steps_end_with_what_the_command_line_gives(hands, image, phantom, tmp_path):
    truth, dock, here = phantom.labels, hands.dock, hands.dock.on_this_slice
    held = np.flatnonzero((truth == SOL).any(axis=(1, 2)) & (truth == GM).any(axis=(1, 2)))
    first, middle, last = int(held[2]), int(held[len(held) // 2]), int(held[-3])
    # 1 and 2: an image and empty labels
    hands.open(image)
    np.testing.assert_array_equal(hands.labels.scale, dock.sources.image.layer.scale)
    # 3: two slices of a muscle
    for index in (first, last):
        hands.draw(index, SOL, truth[index] == SOL)
    assert hands.propagate().endswith("slices have changed.")
    assert hands.references() == {SOL: [first, last]}
    # 4: the next slice
    hands.click(here.next)
    assert f"Annotate label {SOL} on slice {dock.index}: " in hands.said
    assert first < dock.index < last
    hands.draw(dock.index, SOL, truth[dock.index] == SOL)
    # 5: a second muscle
    for index in (first, middle, last):
        hands.draw(index, GM, truth[index] == GM)
    hands.propagate()
    # 6: a correction, after which annotated slices are still what was drawn
    before, corrected = hands.labels.data.copy(), (middle + last) // 2
    wrong = (before[corrected] == GM) & (truth[corrected] != GM)
    wrong[tuple(np.argwhere(before[corrected] == GM)[0])] = True
    hands.erase(corrected, wrong)
    right = hands.labels.data[corrected] == GM
    hands.propagate()
    assert hands.references()[GM] == [first, middle, corrected, last]
    np.testing.assert_array_equal(hands.labels.data[corrected] == GM, right)
    np.testing.assert_array_equal(hands.labels.data[[first, middle, last]], before[[first, middle, last]])
    # 7: the muscle ends here
    hands.go_to(last, GM)
    hands.click(here.ends)
    assert last + 1 in hands.references()[GM]
    assert not (hands.labels.data[last + 1 :] == GM).any()
    # 8: that was wrong
    hands.go_to(last + 1, GM)
    hands.click(here.withdraw)
    assert last + 1 not in hands.references()[GM]
    # 9: names, and a slice that is right
    dock.table.item(1, 2).setText("GM")
    hands.go_to(first + 3, GM)
    hands.click(here.right)
    assert first + 3 in hands.references()[GM]
    assert first + 3 not in hands.references()[SOL]
    # 10: saved
    dock.save(tmp_path / "leg.nii.gz")
    hands.qtbot.waitUntil(lambda: not dock.work.running and "Wrote" in hands.said, timeout=MOST_MS)
    mask, told = predicted(image, tmp_path / "leg_references.seg.nrrd", tmp_path)
    np.testing.assert_array_equal(hands.labels.data, mask)
    np.testing.assert_array_equal(read_labels(tmp_path / "leg.nii.gz").array, mask)
    assert [label["name"] for label in told["labels"]] == ["100", "GM"]
    shown = [row[2:4] for row in dock.table.texts()]
    assert shown == [
        [f"{label['volume_ml']:.1f}", f"{label['volume_ml_low']:.1f} to {label['volume_ml_high']:.1f}"]
        for label in told["labels"]
    ]
    assert (tmp_path / "leg_report" / "report.html").is_file()


def test_what_is_cancelled_changes_nothing_and_can_be_done_again(hands, image, phantom):
    hands.open(image)
    hands.draw(20, SOL, phantom.labels[20] == SOL)
    drawn = hands.labels.data.copy()
    at_once = hands.dock.work.busy.connect(lambda busy: busy and hands.dock.carrying.cancel.click())
    hands.propagate()
    assert hands.said == "Cancelled: nothing has changed."
    np.testing.assert_array_equal(hands.labels.data, drawn)
    assert hands.references() == {}
    hands.dock.work.busy.disconnect(at_once)
    hands.propagate()
    assert hands.references() == {SOL: [20]}
    assert np.count_nonzero(hands.labels.data) > np.count_nonzero(drawn)


def test_where_the_networks_process_dies_another_goes_on_with_all_that_was_annotated(hands, image, phantom):
    hands.open(image)
    for index in (10, 20):
        hands.draw(index, SOL, phantom.labels[index] == SOL)
    hands.propagate()
    before = hands.labels.data.copy()
    network._running[hands.dock.sources.preset]._process.kill()
    network._running[hands.dock.sources.preset]._process.wait()
    hands.draw(15, SOL, phantom.labels[15] == SOL)
    hands.propagate()
    hands.wait()
    assert hands.references() == {SOL: [10, 15, 20]}
    np.testing.assert_array_equal(hands.labels.data[[10, 20]], before[[10, 20]])


def test_after_every_stroke_if_that_is_wanted_and_strokes_meanwhile_are_not_lost(hands, image, phantom):
    hands.open(image)
    hands.dock.carrying.live.setChecked(True)
    hands.draw(10, SOL, phantom.labels[10] == SOL)
    hands.qtbot.waitUntil(lambda: hands.dock.work.running)
    hands.draw(30, SOL, phantom.labels[30] == SOL)
    hands.qtbot.waitUntil(
        lambda: hands.references() == {SOL: [10, 30]} and not hands.dock.work.running, timeout=MOST_MS
    )
    np.testing.assert_array_equal(hands.labels.data[30] == SOL, phantom.labels[30] == SOL)


def test_the_millilitres_are_those_of_the_layers_scale(hands, image, phantom):
    hands.open(image)
    for index in (10, 20, 30):
        hands.draw(index, SOL, phantom.labels[index] == SOL)
    hands.propagate()
    ((_, _, volume_ml, _, _),) = hands.dock.table.texts()
    for layer in hands.viewer.layers:
        layer.scale = layer.scale * np.array([2, 1, 1])
    hands.propagate()
    ((_, _, twice_ml, _, references),) = hands.dock.table.texts()
    assert references == "3"
    voxels_ml = np.count_nonzero(hands.labels.data) * np.prod(phantom.spacing_mm) / 1000
    assert float(twice_ml) == pytest.approx(2 * voxels_ml, abs=0.06)
    assert float(volume_ml) < float(twice_ml)


def test_a_file_that_is_not_ours_is_overwritten_only_if_that_is_said(hands, image, phantom, tmp_path, monkeypatch):
    hands.open(image)
    hands.draw(12, SOL, phantom.labels[12] == SOL)
    (tmp_path / "leg.nii.gz").write_bytes(b"not ours")
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    hands.dock.save(tmp_path / "leg.nii.gz")
    hands.qtbot.waitUntil(lambda: hands.references() != {} and not hands.dock.work.running, timeout=MOST_MS)
    assert (tmp_path / "leg.nii.gz").read_bytes() == b"not ours"
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    hands.dock.save(tmp_path / "leg.nii.gz")
    hands.qtbot.waitUntil(lambda: "Wrote" in hands.said, timeout=MOST_MS)
    np.testing.assert_array_equal(read_labels(tmp_path / "leg.nii.gz").array, hands.labels.data)
