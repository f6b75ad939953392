"""Spans: which slices are propagated together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.propagation.spans import Span, plan_spans


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
