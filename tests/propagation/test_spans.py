"""Spans: which slices are propagated together."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.propagation.spans import LEAST_STEPS, Span, looked_at, plan_spans


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ([], []),
        ([0, 9], [Span(0, 9, True)]),
        ([9, 4, 0], [Span(0, 4, True), Span(4, 9, True)]),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], []),
        ([5], [Span(5, 0, False), Span(5, 9, False)]),
        ([3, 4, 5, 6], [Span(5, 0, False), Span(4, 9, False)]),
        ([2, 3, 6], [Span(3, 6, True), Span(3, 0, False), Span(6, 9, False)]),
        ([0, 1, 2], [Span(0, 9, False)]),
        ([7, 8, 9], [Span(9, 0, False)]),
        ([8], [Span(8, 0, False), Span(8, 9, False)]),
    ],
)
def test_spans_of_ten_slices_in_windows_of_three(references, expected):
    assert plan_spans(references, 10, 3) == expected


volumes = st.integers(1, 40).flatmap(
    lambda slices: st.tuples(st.just(slices), st.sets(st.integers(0, slices - 1), min_size=1), st.integers(2, 5))
)


@given(volumes)
def test_every_slice_without_annotation_lies_in_exactly_one_span(volume):
    slices, references, window = volume
    seen = []
    for span in plan_spans(list(references), slices, window):
        low, high = sorted((span.first, span.last))
        assert low >= 0
        assert high < slices
        inside = [index for index in range(low, high + 1) if index not in references]
        assert inside
        seen += inside
    assert sorted(seen) == sorted(set(range(slices)) - references)


@given(volumes)
def test_closed_spans_are_bounded_by_references_and_open_ones_by_the_volume(volume):
    slices, references, window = volume
    for span in plan_spans(list(references), slices, window):
        assert span.first in references
        if span.closed:
            assert span.last in references
            assert not references & set(range(span.first + 1, span.last))
        else:
            step = 1 if span.last == slices - 1 and span.last > span.first else -1
            assert span.last == (slices - 1 if step > 0 else 0)
            known = [index for index in range(span.first, span.last + step, step) if index in references]
            assert known == list(range(span.first, span.first + step * len(known), step))
            assert len(known) <= window


@pytest.mark.parametrize(
    ("first", "last", "step", "expected"),
    [
        (3, 9, 1, [3, 4, 5, 6, 7, 8, 9]),
        (3, 9, 4, [3, 4, 5, 6, 7, 8, 9]),  # fewer than four steps otherwise
        (3, 11, 4, [3, 5, 7, 9, 11]),
        (20, 0, 5, [20, 15, 10, 5, 0]),
        (0, 21, 5, [0, 4, 8, 13, 17, 21]),
        (0, 23, 6, [0, 5, 9, 14, 18, 23]),  # five steps, as with four there would have to be one in the middle
        (5, 5, 3, [5]),
    ],
)
def test_one_slice_in_so_many_is_looked_at(first, last, step, expected):
    assert looked_at(first, last, step) == expected


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 30))
def test_slices_that_are_looked_at_are_even_and_the_same_from_both_sides(first, last, step):
    looked = looked_at(first, last, step)
    assert looked == looked_at(last, first, step)[::-1]
    assert {looked[0], looked[-1]} == {first, last}
    steps = [abs(b - a) for a, b in pairwise(looked)]
    assert len(steps) >= min(LEAST_STEPS, abs(last - first))
    assert all(0 < each <= step + 1 for each in steps)
    assert not steps or max(steps) - min(steps) <= 2
