"""The workspace: what is written comes back, and a kill at any moment leaves the state before or after a step."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ifss_keras.core.errors import InputError
from ifss_keras.server.case import Case
from ifss_keras.server.step import Step, fingerprint, fingerprints, with_masks
from ifss_keras.server.workspace import MOST_STEPS, STATE, STEPS, ImageFolder, Workspace, image_fingerprint
from tests.server.running import SHAPE, SPACING_MM, NearestReference, block, image

PLANE = (5, 7)
MASKS = st.dictionaries(st.integers(0, 300), arrays.arrays(bool, PLANE), min_size=1, max_size=3)


def same(first, second):
    assert {code: list(masks) for code, masks in first.items()} == {code: list(masks) for code, masks in second.items()}
    for code, masks in first.items():
        for index, mask in masks.items():
            np.testing.assert_array_equal(mask, second[code][index])


@given(
    references=st.dictionaries(st.integers(1, 255), MASKS, max_size=3),
    axis=st.sampled_from([None, 0, 1, 2]),
    current=st.sampled_from([None, 1, 255]),
)
@settings(max_examples=40, deadline=None)
def test_steps_come_back(tmp_path_factory, references, axis, current):
    shown = {code: np.arange(9, dtype=np.uint64) * 2**59 + code for code in references}
    path = tmp_path_factory.mktemp("step") / "1.npz"
    path.write_bytes(Step(axis, current, references, shown).packed())
    found = Step.read(path)
    assert (found.axis, found.current, found.shown.keys()) == (axis, current, shown.keys())
    same(found.references, references)
    for code, marks in shown.items():
        np.testing.assert_array_equal(found.shown[code], marks)


def test_fingerprints_tell_masks_apart():
    masks = np.zeros((3, 5, 7), bool)
    masks[1, 2, 3] = masks[2, 2, 4] = True
    found = fingerprints(masks)
    assert found.dtype == np.uint64
    assert len(set(found.tolist())) == 3
    assert [fingerprint(mask) for mask in masks] == found.tolist()


def test_masks_are_one_muscles_at_a_time():
    first, second = block((0, 4), (0, 4), PLANE), block((2, 5), (2, 7), PLANE)
    before = {1: {3: first, 4: first}, 2: {3: ~first}}
    after = with_masks(before, 2, {3: second})
    same(after, {1: {3: first & ~second, 4: first}, 2: {3: second}})
    same(before, {1: {3: first, 4: first}, 2: {3: ~first}})


def test_images_are_told_apart_by_all_that_matters():
    held = image()[0]
    other = held.copy()
    other[-1, -1, -1] ^= 1
    names = {
        image_fingerprint(held, SPACING_MM),
        image_fingerprint(other, SPACING_MM),
        image_fingerprint(held.reshape(20, 13, 24), SPACING_MM),
        image_fingerprint(held.view(np.int8), SPACING_MM),
        image_fingerprint(held, (2.0, 0.5, 0.41)),
    }
    assert len(names) == 5
    assert image_fingerprint(np.asfortranarray(held), SPACING_MM) in names


@pytest.fixture
def folder(tmp_path):
    return Workspace(tmp_path).folder_of(image()[0], SPACING_MM)


def step(number):
    return Step(0, 1, {1: {number: np.ones(PLANE, bool)}})


def slices(folder):
    """The one annotated slice of the step that a folder is at; None if nothing is drawn."""
    return next(iter(folder.last().references.get(1, {None: None})))


def test_steps_are_undone_one_by_one(folder):
    for number in (4, 5, 6):
        folder.add(step(number), undoable=True)
    for expected in (5, 4, None):
        assert folder.undoable
        folder.drop_last(folder.before_last())
        assert slices(ImageFolder(folder.path)) == expected
    assert not folder.undoable


def test_a_step_that_is_no_undoable_one_is_the_only_one(folder):
    folder.add(step(4), undoable=True)
    folder.add(step(5), undoable=False)
    assert not folder.undoable
    assert slices(folder) == 5
    assert len(list((folder.path / STEPS).iterdir())) == 1


def test_old_steps_are_let_go(folder):
    for number in range(MOST_STEPS + 9):
        folder.add(step(number), undoable=True)
    assert len(list((folder.path / STEPS).iterdir())) == MOST_STEPS
    assert slices(folder) == MOST_STEPS + 8


@pytest.mark.parametrize("held", ["", "[]", "{}", '{"format": 2, "steps": []}', '{"format": 1, "steps": ["../x"]}'])
def test_a_state_of_another_format_is_refused(folder, held):
    (folder.path / STATE).write_text(held)
    with pytest.raises(InputError, match=STATE):
        ImageFolder(folder.path)


@pytest.mark.parametrize("held", [b"", b"PK", b"\x80\x04K\x01."])
def test_a_step_that_is_none_is_refused(folder, held):
    folder.add(step(4), undoable=True)
    path = max((folder.path / STEPS).iterdir())
    path.write_bytes(held)
    with pytest.raises(InputError, match="no step"):
        ImageFolder(folder.path).last()


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("moment", range(12))
def test_a_kill_at_any_moment_leaves_the_state_before_or_after(tmp_path, monkeypatch, moment):
    workspace, predictor = Workspace(tmp_path), NearestReference()

    def case():
        return Case(image()[0], SPACING_MM, predictor, workspace.folder_of(image()[0], SPACING_MM))

    held = case()
    held.draw(block((2, 9), (3, 10)).astype(np.uint8)[None], [(2, 3), (0, 20), (0, 24)], adds=True)
    before = held.folder.last()
    count, moved, removed = 0, os.replace, os.unlink

    def killing(work):
        def killed(*arguments, **more):
            nonlocal count
            count += 1
            if count > moment:
                raise Killed
            return work(*arguments, **more)

        return killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killing(moved))
        patch.setattr(os, "unlink", killing(removed))
        try:
            held.draw(block((12, 18), (8, 20)).astype(np.uint8)[None], [(10, 11), (0, 20), (0, 24)], adds=True)
            held.begin_anew()
            held.write_labels()
        except Killed:
            pass
    found = case()
    if list(found._step.references[1]) == [2]:
        same(found._step.references, before.references)
    else:
        assert list(found._step.references[1]) == [2, 10]
    np.testing.assert_array_equal(found.session().labels, found.session().prediction().labels)
    if (found.folder.path / "labels.npz").exists():
        with np.load(found.folder.path / "labels.npz", allow_pickle=False) as written:
            assert written["labels"].shape == SHAPE
    json.loads((found.folder.path / STATE).read_text())


def test_a_step_that_cannot_be_written_changes_nothing(tmp_path, monkeypatch):
    held = Case(image()[0], SPACING_MM, NearestReference(), Workspace(tmp_path).folder_of(image()[0], SPACING_MM))
    drawn = block((2, 9), (3, 10)).astype(np.uint8)[None]
    held.draw(drawn, [(2, 3), (0, 20), (0, 24)], adds=True)
    held.changes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        for work in (held.undo, lambda: held.draw(drawn, [(9, 10), (0, 20), (0, 24)], adds=True), held.begin_anew):
            with pytest.raises(OSError, match="No space"):
                work()
    assert held.current == 1
    assert held.changes() is None
    assert list(held.session().references[1]) == [2]
    held.draw(drawn, [(9, 10), (0, 20), (0, 24)], adds=True)
    assert held.changes().box == ((6, 13), (2, 9), (3, 10))
