"""The requests of the Slicer extension, call by call as its source sends them through nninteractive-client.

SlicerNNInteractive sends k, j, i arrays with their spacing; before each prompt it sends the image if it is another, and
resets and seeds the session if the segment is another or was edited. "Next segment" and "Reset segment" send the same.
"""

import numpy as np
import pytest

from ifss_keras.volumes.annotation import Annotation
from tests.server.running import SHAPE, block, image, nearest, running


class Slicer:
    """The extension's own order of calls; `segments` is what its user sees."""

    def __init__(self, session, voxels, spacing_kji_mm):
        self.session, self.voxels, self.spacing = session, voxels, spacing_kji_mm
        self.buffer, self.segments, self.selected, self.synced = None, {"Segment_1": None}, "Segment_1", None
        for name in self.segments:
            self.segments[name] = np.zeros(voxels.shape, np.uint8)

    def lasso(self, index, mask, positive=True):
        if self.buffer is None:  # sync_image_to_session
            self.buffer = np.zeros(self.voxels.shape, np.uint8)
            self.session.set_image(np.ascontiguousarray(self.voxels[None]), {"spacing": list(self.spacing)})
            self.session.set_target_buffer(self.buffer)
            self.synced = None
        held = self.segments[self.selected]
        if self.synced != (self.selected, held.tobytes()):  # sync_segment_to_session
            self.session.reset_interactions()
            if held.sum() > 0:
                self.session.add_initial_seg_interaction(held.astype(np.uint8), run_prediction=False)
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        box = [[index, index + 1], [int(rows[0]), int(rows[-1]) + 1], [int(columns[0]), int(columns[-1]) + 1]]
        crop = mask[slice(*box[1]), slice(*box[2])].astype(np.uint8)[None]
        changed = self.session.add_lasso_interaction(
            crop, include_interaction=positive, run_prediction=True, interaction_bbox=box
        )
        self.apply_result(changed)

    def apply_result(self, box=None):
        """Copies the changed box of the buffer, or all of it."""
        sides = tuple(slice(*side) for side in box) if box else ...
        self.segments[self.selected][sides] = self.buffer[sides]
        self.synced = (self.selected, self.segments[self.selected].tobytes())

    def next_segment(self):
        self.session.reset_interactions()
        self.selected = f"Segment_{len(self.segments) + 1}"
        self.segments[self.selected] = np.zeros(self.voxels.shape, np.uint8)
        self.synced = None

    def clear_segment(self):
        self.segments[self.selected][:] = 0
        self.session.reset_interactions()
        self.synced = (self.selected, self.segments[self.selected].tobytes())

    def undo(self):
        if self.session.undo():
            self.apply_result()

    def lose(self, session):
        """The session ended: another is connected, and the next prompt sends everything again."""
        self.session, self.buffer, self.synced = session, None, None


UPPER, LOWER = block((2, 9), (3, 10)), block((12, 18), (8, 20))


def masks(references):
    labels = nearest(SHAPE, Annotation.of_references(references, {}))
    return {code: labels == code for code in references}


@pytest.fixture
def slicer(connect):
    return Slicer(connect(), image()[0], (2.0, 0.5, 0.4))


def test_segments_one_after_the_other_and_back_to_the_first(slicer):
    slicer.lasso(2, UPPER)
    slicer.lasso(10, UPPER)
    slicer.next_segment()
    slicer.lasso(4, LOWER)
    found = masks({1: {2: UPPER, 10: UPPER}, 2: {4: LOWER}})
    np.testing.assert_array_equal(slicer.segments["Segment_1"], found[1])
    np.testing.assert_array_equal(slicer.segments["Segment_2"], found[2])

    slicer.selected = "Segment_1"
    more = block((8, 11), (3, 6))
    slicer.lasso(2, more)
    slicer.undo()
    slicer.lasso(2, more)
    found = masks({1: {2: UPPER | more, 10: UPPER}, 2: {4: LOWER}})
    np.testing.assert_array_equal(slicer.segments["Segment_1"], found[1])


def test_a_segment_that_overlaps_is_seen_when_it_is_worked_on_again(slicer):
    slicer.lasso(2, UPPER)
    slicer.next_segment()
    over = block((6, 16), (5, 20))
    slicer.lasso(2, over)
    slicer.selected = "Segment_1"
    more = block((0, 2), (3, 10))
    slicer.lasso(2, more)
    found = masks({1: {2: (UPPER & ~over) | more}, 2: {2: over}})
    np.testing.assert_array_equal(slicer.segments["Segment_1"], found[1])
    np.testing.assert_array_equal(slicer.segments["Segment_2"], found[2])


def test_a_segment_edited_by_other_effects(slicer):
    slicer.lasso(2, UPPER)
    erased = slicer.segments["Segment_1"]
    erased[4, 2:5] = 0
    kept = erased[4].astype(bool)
    more = block((12, 15), (3, 6))
    slicer.lasso(2, more)
    found = masks({1: {2: UPPER | more, 4: kept}})
    np.testing.assert_array_equal(slicer.segments["Segment_1"], found[1])


def test_a_segment_that_is_cleared_and_drawn_again(slicer):
    slicer.lasso(2, UPPER)
    slicer.lasso(8, LOWER)
    slicer.clear_segment()
    again = block((2, 10), (3, 11))
    slicer.lasso(2, again)
    np.testing.assert_array_equal(slicer.segments["Segment_1"], masks({1: {2: again}})[1])


def test_a_server_that_ended_is_connected_again(remote, tmp_path):
    def connected(server):
        return remote.nnInteractiveRemoteInferenceSession(server.url)

    with running(tmp_path / "w") as server:
        slicer = Slicer(connected(server), image()[0], (2.0, 0.5, 0.4))
        slicer.lasso(2, UPPER)
        slicer.next_segment()
        slicer.lasso(4, LOWER)
    with running(tmp_path / "w") as server:
        slicer.lose(connected(server))
        slicer.lasso(11, LOWER)
        slicer.selected = "Segment_1"
        slicer.lasso(9, UPPER)
        found = masks({1: {2: UPPER, 9: UPPER}, 2: {4: LOWER, 11: LOWER}})
        np.testing.assert_array_equal(slicer.segments["Segment_1"], found[1])
        np.testing.assert_array_equal(slicer.segments["Segment_2"], found[2])
        slicer.session.close()
