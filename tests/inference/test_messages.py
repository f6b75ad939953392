"""What users are told, word by word."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.inference.listed import names_text, span_text
from ifss_keras.inference.messages import (
    copied_text,
    edge_text,
    empty_text,
    gaps_text,
    interval_texts,
    next_text,
    outside_text,
    presumed_text,
    remarks_on,
    seen_text,
    warnings_of,
    wide_text,
)
from ifss_keras.propagation.ends import Ends, presumed_ends
from tests.inference.predictions import label_summary

RULES = (gaps_text, empty_text, edge_text, wide_text)
REMARKS = (outside_text, seen_text, presumed_text, next_text)


def three(**known):
    """Summaries of SOL, GM and GL, alike but for their names."""
    return [label_summary(code=code, name=name, **known) for code, name in ((5, "SOL"), (6, "GM"), (7, "GL"))]


def test_nothing_is_said_of_masks_that_are_as_they_should_be():
    for text in (*RULES, *REMARKS):
        assert text(three()) == ""
        assert text([]) == ""
    assert interval_texts(three()) == warnings_of(three()) == remarks_on(three()) == ()


def test_names_are_listed_as_a_sentence_does():
    assert names_text(three()[:1]) == "SOL"
    assert names_text(three()[:2]) == "SOL and GM"
    assert names_text(three()) == "SOL, GM and GL"


def test_a_label_without_a_name_is_called_label():
    bare = [label_summary(code=code, name=str(code)) for code in (3, 14, 15)]
    assert names_text(bare[:1]) == "label 3"
    assert names_text(bare) == "labels 3, 14 and 15"
    assert names_text([bare[1], *three()[:1]]) == "label 14 and SOL"
    assert "The mask of label 3 touches" in edge_text([replace(bare[0], touches_edge=True)])


def test_gaps():
    said = "The mask of SOL is empty on {} between annotated ones that hold it. Annotate a slice there."
    assert gaps_text([label_summary(gaps=((3, 5),))]) == said.format("slices 3 to 5")
    assert gaps_text([label_summary(gaps=((3, 3),))]) == said.format("slice 3")
    assert gaps_text([label_summary(gaps=((3, 3), (5, 5)))]) == said.format("slices 3 and 5")
    sol, gm, gl = three(gaps=((3, 5),))
    assert gaps_text([sol, gm, replace(gl, gaps=((4, 4),))]) == (
        "Masks are empty between annotated slices that hold the muscle: SOL and GM on slices 3 to 5; GL on slice 4. "
        "Annotate a slice there."
    )


def test_an_empty_mask():
    empty = three(first_slice=None, last_slice=None)
    assert empty_text([empty[0], *three()[1:]]) == "The mask of SOL is empty: no voxel was found."
    assert empty_text(empty) == "The masks of SOL, GM and GL are empty: no voxel was found."


def test_the_edge():
    assert edge_text([label_summary(touches_edge=True)]) == (
        "The mask of SOL touches the edge of the volume. The muscle may go on outside the image, and its volume may "
        "then be too small."
    )
    assert edge_text([*three(touches_edge=True), label_summary(name="TA")]) == (
        "The masks of SOL, GM and GL touch the edge of the volume. The muscles may go on outside the image, and their "
        "volumes may then be too small."
    )


def test_what_was_copied_from_an_earlier_mask():
    assert copied_text(three()) == copied_text([]) == ""
    known = {"copied": ((0, 1), (5, 8)), "anew": ((3, 3),)}
    said = "The earlier mask is copied on slices 0 to 1 and 5 to 8; the mask was carried anew on slice 3."
    assert copied_text(three(**known)) == said
    assert remarks_on(three(**known)) == (said,)
    assert copied_text(three(anew=((0, 8),))) == (
        "The earlier mask is copied on no slice; the mask was carried anew on slices 0 to 8."
    )
    assert copied_text(three(copied=((0, 8),))) == (
        "The earlier mask is copied on slices 0 to 8, and nothing was carried anew, as all annotated slices are in it "
        "already: to take one back, leave the earlier mask out."
    )
    sol, gm, gl = three(**known)
    assert copied_text([sol, gm, replace(gl, copied=((0, 8),), anew=())]) == (
        "The earlier mask is copied, and the mask was carried anew elsewhere: SOL and GM copied on slices 0 to 1 and 5 "
        "to 8, anew on slice 3; GL copied on slices 0 to 8, anew on no slice."
    )


def test_fourteen_muscles_have_one_sentence_of_each_kind():
    known = {"first_slice": None, "last_slice": None, "touches_edge": True, "gaps": ((3, 5),), "volume_ml_high": 0.2}
    many = [label_summary(code=code, name=f"muscle {code}", **known) for code in range(14)]
    assert warnings_of(many) == tuple(rule(many) for rule in RULES)
    assert all(text.count("muscle 13") == 1 for text in warnings_of(many))


WIDE = "The volume of SOL is known to about ±{} % only: annotate another slice, best near slice {}."


@pytest.mark.parametrize(("half_ml", "percent"), [(9.9, None), (10.0, None), (10.3, 10), (17.6, 18), (250.0, 250)])
def test_a_volume_that_is_known_to_a_tenth_only_asks_for_another_slice(half_ml, percent):
    summary = label_summary(volume_ml=100.0, volume_ml_low=max(100 - half_ml, 0), volume_ml_high=100 + half_ml)
    assert wide_text([summary]) == ("" if percent is None else WIDE.format(percent, 5))


@pytest.mark.parametrize(
    ("doubtful", "references", "near"), [(5, (2, 4, 6), 5), (3, (2, 4, 6), 3), (5, (2, 4), 6), (3, (4, 6), 2)]
)
def test_another_slice_is_best_where_the_area_is_known_worst_and_beyond_the_references_at_the_end(
    doubtful, references, near
):
    deviations = np.where(np.arange(9) == doubtful, 2.0, 1.0) * ~np.isin(np.arange(9), references)
    known = {"reference_slices": references, "area_deviations_mm2": deviations, "volume_ml_high": 0.15}
    assert wide_text([label_summary(**known)]) == WIDE.format(25, near)


def test_several_wide_volumes_are_one_sentence():
    sol, gm, gl = three(volume_ml_high=0.15)
    elsewhere = np.array([0, 0, 0, 0.9, 0, 0.5, 0, 0, 0])
    ta = label_summary(name="TA", volume_ml_high=0.156, area_deviations_mm2=elsewhere)
    assert wide_text([sol, gm, replace(gl, volume_ml_high=0.125), ta]) == (
        "These volumes are known only roughly; annotate another slice, best there: SOL (±25 %) and GM "
        "(±25 %) near slice 5; TA (±30 %) near slice 3."
    )


def test_nothing_is_wide_without_an_interval_and_without_a_mask():
    assert wide_text([label_summary(volume_ml_low=None, volume_ml_high=None, area_deviations_mm2=None)]) == ""
    assert wide_text([label_summary(volume_ml=0.0, volume_ml_low=0.0, volume_ml_high=0.1)]) == ""


def test_why_there_is_no_interval_is_said_once_for_all_labels_that_it_is_true_of():
    unknown = {"volume_ml_low": None, "volume_ml_high": None, "area_deviations_mm2": None}
    alone = [label_summary(name=name, reference_slices=(3,), **unknown) for name in ("SOL", "GM")]
    said = "No interval for {}: it takes three annotated slices to tell how far off the volume may be."
    assert interval_texts([alone[0], label_summary(name="GL"), alone[1]]) == (said.format("SOL and GM"),)
    lost = label_summary(gaps=((4, 5),), **unknown)
    empty = "No interval for SOL: where the mask is empty between annotated slices nothing is known of how far off the "
    assert interval_texts([lost]) == (empty + "volume may be.",)
    found = label_summary(reference_slices=(), **unknown)
    said = "No interval for SOL: without annotated slices nothing is known of how far off the volume may be."
    assert interval_texts([found]) == (said,)
    grown = label_summary(method="watershed", **unknown)
    assert interval_texts([grown]) == ("No interval for SOL: the method watershed does not say how sure it is.",)
    between = label_summary(method="shape", reference_slices=(2, 6), **unknown)
    said = "No interval for SOL: it takes three annotated slices to tell how far off the area between them may be."
    assert interval_texts([between]) == (said,)


SEEN = "{} ended because the image changes there more than anywhere between the annotated slices: {}. "
PRESUMED = (
    "Outside the annotated slices the mask was looked for only as far as a muscle annotated like this should "
    "reach: {}. "
)
FURTHER = "Annotate a slice further out if a muscle goes on."


@pytest.mark.parametrize(
    ("seen", "presumed", "ends_seen", "ends_presumed"),
    [
        ((), (1, 21), "", "SOL short of slice 1 and slice 21"),
        ((17,), (1,), "SOL short of slice 17", "SOL short of slice 1"),
        ((5, 17), (), "SOL short of slice 5 and slice 17", ""),
    ],
)
def test_an_end_that_was_seen_is_not_presumed_further_out(seen, presumed, ends_seen, ends_presumed):
    held = {6: 2.0, 11: 9.0, 16: 2.0}
    ends = Ends(seen, tuple(presumed_ends(held | dict.fromkeys(seen, 0.0), 24)))
    assert ends == (seen, presumed)
    summary = label_summary(ends=ends, reference_slices=tuple(held), areas_mm2=np.ones(24))
    was = "The mask was"
    assert seen_text([summary]) == (SEEN.format(was, ends_seen) + FURTHER if seen else "")
    assert presumed_text([summary]) == (PRESUMED.format(ends_presumed) + FURTHER if presumed else "")


def test_muscles_that_end_alike_stand_together():
    sol, gm, gl = three(ends=Ends((7,), (1,)))
    ended = [sol, gm, replace(gl, ends=Ends((8,), ()))]
    assert (
        seen_text(ended) == SEEN.format("Some masks were", "SOL and GM short of slice 7; GL short of slice 8") + FURTHER
    )
    assert presumed_text(ended) == PRESUMED.format("SOL and GM short of slice 1") + FURTHER


def test_nobody_is_asked_to_annotate_beyond_the_edge_of_the_volume():
    assert presumed_text([label_summary(ends=Ends((), (0, 8)))]) == ""
    assert presumed_text([label_summary(ends=Ends((), (0, 7)))]) == PRESUMED.format("SOL short of slice 7") + FURTHER


@pytest.mark.parametrize(
    ("first", "last", "references", "said"),
    [
        (2, 6, (2, 6), ""),
        (3, 5, (2, 6), ""),
        (0, 6, (2, 6), "slices 0 to 1"),
        (1, 9, (2, 6), "slices 1 and 7 to 9"),
        (2, 3, (5, 8), "slices 2 to 3"),
        (8, 8, (2, 6), "slice 8"),
        (2, 6, (), ""),
        (None, None, (2, 6), ""),
    ],
)
def test_slices_outside_the_references(first, last, references, said):
    summary = label_summary(first_slice=first, last_slice=last, reference_slices=references)
    sentence = (
        f"Outside the annotated slices the mask was carried on from one side only: SOL on {said}. Look at these "
        "slices, and annotate one of them if the mask is wrong there."
    )
    assert outside_text([summary]) == (sentence if said else "")


def test_remarks_are_all_of_these():
    unknown = {"volume_ml_low": None, "volume_ml_high": None, "area_deviations_mm2": None}
    told = three(last_slice=8, ends=Ends((7,), (1,)), wrong_areas_mm2=np.eye(9)[3], **unknown)
    assert remarks_on(told) == (*interval_texts(told), *(rule(told) for rule in REMARKS))
    assert len(remarks_on(told)) == 5


def test_a_run_of_slices():
    assert (span_text((3, 5)), span_text([4, 4])) == ("3 to 5", "4")


def test_the_next_slices_are_told_with_what_they_gain():
    """One wrong slice of 40 mm² and 2.5 mm is 0.1 mL; it goes wholly where it is annotated."""
    wrong = np.zeros(9)
    wrong[5] = 40.0
    told = label_summary(wrong_areas_mm2=wrong)
    assert next_text([told, label_summary(code=6, name="GM")]) == (
        "Another annotated slice puts most right there, by how much less is then expected to be wrong: slice 5 of SOL "
        "(0.1 mL)."
    )
    assert next_text([label_summary()]) == ""
    unsure = label_summary(wrong_areas_mm2=wrong, volume_ml_high=0.18, area_deviations_mm2=np.eye(9)[3])
    assert "best near slice 5" in wide_text([unsure])
