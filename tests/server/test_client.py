"""The real nninteractive-client: image, lassos, correction, undo, second muscle, reset; voxels as predicted at once."""

import numpy as np
import pytest

from ifss_keras.volumes.annotation import Annotation
from tests.server.running import LOWER, MODEL, SHAPE, UPPER, block, image, lasso, nearest

httpx = pytest.importorskip("httpx", reason="nninteractive-client is not installed")


def expected(references, code=1):
    """What the predictor makes of references at once."""
    return nearest(SHAPE, Annotation.of_references(references, {})) == code


def refusal(call, *arguments, **more):
    """Status and sentence of what is refused."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        call(*arguments, **more)
    return caught.value.response.status_code, caught.value.response.json()["detail"]


def test_what_is_supported_is_declared_with_the_licence(connect):
    client = connect()
    assert {name for name, held in client.supported_interactions.items() if held} == {"lasso"}
    assert (client.supports_initial_label, client.supports_undo, client.license) == (True, True, MODEL["licence"])
    assert client.preferred_scribble_thickness[2] == 1
    assert client.ping()
    assert 3590 < client.heartbeat() <= 3600
    assert client.lease_status()["idle_timeout_seconds"] == 3600


def test_two_lassos_a_correction_and_undo(opened):
    client, buffer = opened()
    first = {1: {2: UPPER}}
    assert lasso(client, 2, UPPER) == [[0, 6], [2, 9], [3, 10]]
    np.testing.assert_array_equal(buffer, expected(first))

    second = {1: {2: UPPER, 10: LOWER}}
    assert lasso(client, 10, LOWER) == [[7, 13], [12, 18], [8, 20]]
    np.testing.assert_array_equal(buffer, expected(second))

    more = block((8, 11), (3, 6))
    corrected = {1: {2: UPPER, 5: UPPER | more, 10: LOWER}}
    lasso(client, 5, more)
    np.testing.assert_array_equal(buffer, expected(corrected))
    assert client.undo()
    np.testing.assert_array_equal(buffer, expected(second))
    assert client.undo()
    np.testing.assert_array_equal(buffer, expected(first))
    assert client.undo()
    assert not buffer.any()
    assert not client.undo()


def test_two_lassos_on_one_slice_add_up_and_a_third_takes_away(opened):
    client, buffer = opened()
    beside, hole = block((2, 9), (12, 15)), block((4, 6), (5, 7))
    lasso(client, 2, UPPER)
    lasso(client, 2, beside)
    lasso(client, 2, hole, adds=False)
    np.testing.assert_array_equal(buffer, expected({1: {2: (UPPER | beside) & ~hole}}))


def test_what_is_taken_from_a_predicted_slice_makes_it_a_reference(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    corner = block((2, 4), (3, 5))
    lasso(client, 4, corner, adds=False)
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER, 4: UPPER & ~corner}}))


def test_a_lasso_around_most_of_a_predicted_mask_is_its_new_outline(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    outline = block((3, 14), (3, 12))  # 42 of the 49 voxels
    lasso(client, 4, outline)
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER, 4: outline}}))


def test_muscles_are_kept_beside_each_other_and_the_later_drawing_counts(opened, server):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    client.reset_interactions()
    assert not buffer.any()
    over = block((6, 16), (5, 20))  # takes a corner of the first muscle
    lasso(client, 2, over)
    references = {1: {2: UPPER & ~over}, 2: {2: over}}
    np.testing.assert_array_equal(buffer, expected(references, 2))
    report = server.service.leases.find(client._lease_token, active=False).case
    np.testing.assert_array_equal(report.session().labels == 1, expected(references, 1))
    assert report.codes == (1, 2)


def test_undo_does_not_reach_back_into_the_muscle_before(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    client.reset_interactions()
    assert not client.undo()
    lasso(client, 9, LOWER)
    assert client.undo()
    assert not buffer.any()
    assert not client.undo()


def test_a_muscle_drawn_again_after_a_reset_begins_anew(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    lasso(client, 9, LOWER)
    client.reset_interactions()
    again = block((2, 10), (3, 10))
    lasso(client, 2, again)
    np.testing.assert_array_equal(buffer, expected({1: {2: again}}))
    assert client.undo()  # and the old one is there again, though not shown
    assert not buffer.any()


def test_a_mask_that_the_client_begins_with_goes_on_with_its_muscle(opened, server):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    mask = buffer.copy()
    client.reset_interactions()
    lasso(client, 9, LOWER)
    client.reset_interactions()  # as 3D Slicer does when the first segment is selected again
    client.add_initial_seg_interaction(mask)
    np.testing.assert_array_equal(buffer, mask)
    more = block((8, 11), (3, 6))
    lasso(client, 2, more)
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER | more}, 2: {9: LOWER}}))


def test_slices_that_the_client_edited_become_references(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    edited = buffer.copy()
    edited[4, 2:4] = 0
    edited[5] = 0
    client.reset_interactions()
    client.add_initial_seg_interaction(edited, run_prediction=True)
    references = {1: {2: UPPER, 4: edited[4] > 0, 5: np.zeros(SHAPE[1:], bool)}}
    np.testing.assert_array_equal(buffer, expected(references))


def test_every_slice_of_an_unknown_mask_becomes_a_reference(opened):
    client, buffer = opened()
    mask = np.zeros(SHAPE, np.uint8)
    mask[3], mask[9] = UPPER, LOWER
    client.add_initial_seg_interaction(mask)
    np.testing.assert_array_equal(buffer, mask)
    assert client._predict() is not None
    np.testing.assert_array_equal(buffer, expected({1: {3: UPPER, 9: LOWER}}))
    assert client.undo()
    assert not buffer.any()


def test_an_undone_mask_leads_back_to_the_muscle_before(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    mask = np.zeros(SHAPE, np.uint8)
    mask[12] = LOWER
    client.add_initial_seg_interaction(mask)
    assert client.undo()
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER}}))


def test_a_lasso_on_a_muscle_after_a_new_connection_goes_on_with_it(opened):
    client, buffer = opened()
    lasso(client, 2, UPPER)
    client.close()
    client, buffer = opened()
    assert client._predict() is None
    assert not buffer.any()
    more = block((2, 10), (3, 10))
    lasso(client, 4, more)
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER, 4: more}}))


def test_the_first_lasso_says_across_which_axis_slices_are_annotated(opened):
    client, buffer = opened()
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[2:9, 4:12, 5] = 1
    client.add_lasso_interaction(drawn, True)  # the whole image, as its interface allows
    found = np.zeros((24, 13, 20), bool)
    found[2:9] = drawn[:, :, 5] > 0
    np.testing.assert_array_equal(buffer, np.moveaxis(found, 0, 2))
    status, sentence = refusal(lasso, client, 3, UPPER)
    assert status == 400
    assert "third axis" in sentence
    assert client.undo()
    lasso(client, 3, UPPER)
    np.testing.assert_array_equal(buffer, expected({1: {3: UPPER}}))


def test_prompts_are_shown_when_they_are_asked_for(opened):
    client, buffer = opened()
    crop = UPPER.astype(np.uint8)[None]
    box = [[2, 3], [0, 20], [0, 24]]
    assert client.add_lasso_interaction(crop, True, run_prediction=False, interaction_bbox=box) is None
    assert not buffer.any()
    assert client._predict() == [[0, 6], [2, 9], [3, 10]]
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER}}))


def test_what_cannot_be_used_is_refused_and_changes_nothing(opened, connect):
    client, buffer = opened()
    status, sentence = refusal(lasso, client, 3, UPPER, adds=False)
    assert (status, "nothing yet to take away" in sentence) == (400, True)
    lasso(client, 2, UPPER)
    held = buffer.copy()
    empty, thick = np.zeros((1, 4, 4), np.uint8), np.ones((4, 4, 4), np.uint8)
    box = [[3, 4], [0, 4], [0, 4]]
    refused = [
        (client.add_lasso_interaction, (empty, True), {"interaction_bbox": box}, 400),
        (client.add_lasso_interaction, (thick, True), {"interaction_bbox": [[0, 4]] * 3}, 400),
        (client.add_lasso_interaction, (thick, True), {"interaction_bbox": box}, 400),
        (client.add_lasso_interaction, (thick[:1], True), {"interaction_bbox": [[13, 14], [0, 4], [0, 4]]}, 400),
        (client.add_lasso_interaction, (thick[:1], True), {"interaction_bbox": [[-1, 0], [0, 4], [0, 4]]}, 400),
        (client.add_lasso_interaction, (thick[0], True), {}, 400),
        (client.add_initial_seg_interaction, (thick[..., None],), {}, 400),
        (client.add_point_interaction, ([1, 2, 3], True), {}, 400),
        (client.add_bbox_interaction, (box, True), {}, 400),
        (client.add_scribble_interaction, (thick, True), {}, 400),
        (client.set_image, (np.zeros((3, 4, 4, 4)),), {}, 400),
        (client.set_image, (np.zeros((1, 1, 4, 4)),), {}, 400),
        (client.set_image, (image(),), {"image_properties": {"spacing": [0, 1, 1]}}, 400),
        (client.set_image, (image(),), {"image_properties": {"spacing": "wide"}}, 400),
        (client._post_json, ("/set_target_buffer", {"shape": [4, 4, 4], "dtype": "uint8"}), {}, 400),
        (client._post_json, ("/set_target_buffer", {"shape": list(SHAPE), "dtype": "object"}), {}, 400),
        (client._post_json, ("/set_target_buffer", {"shape": "x"}), {}, 422),
    ]
    client.target_buffer = None  # which the client would change itself
    for call, arguments, more, status in refused:
        found, sentence = refusal(call, *arguments, **more)
        assert found == status, sentence
        assert sentence.rstrip("\n").endswith(".")
    client.target_buffer = buffer
    lasso(client, 10, LOWER)
    np.testing.assert_array_equal(buffer, expected({1: {2: UPPER, 10: LOWER}}))
    assert (held != buffer).any()


def test_a_spacing_is_refused_in_the_order_of_the_client(connect):
    client = connect()
    status, sentence = refusal(client.set_image, image(), image_properties={"spacing": [2, 0, 1]})
    assert (status, sentence) == (
        400,
        "spacing (2.0, 0.0, 1.0) mm cannot be used: expected three numbers from 0.001 to 50, along the first, second "
        "and third axis.",
    )
    status, sentence = refusal(client.set_image, image(), image_properties={"spacing": [0.001, 0.002, 0.003]})
    assert (status, sentence.partition(": expected")[0]) == (
        400,
        "The image is said to be 0.013 x 0.04 x 0.072 mm large, its voxels 0.001 x 0.002 x 0.003 mm (along the first, "
        "second and third axis)",
    )


def test_an_image_is_needed_first(connect):
    client = connect()
    assert refusal(lasso, client, 2, UPPER)[0] == 400
    client.reset_interactions()
