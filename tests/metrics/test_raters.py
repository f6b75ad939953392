"""Who is compared with whom, and what is left out and told of."""

import json

import numpy as np
import pytest

from ifss_keras.core.errors import InputError
from ifss_keras.metrics.agreement import LimitsOfAgreement, MeanSquares
from ifss_keras.metrics.raters import Measurement, compare_raters


def measured(*lines):
    """Measurements from lines "subject rater session muscle volume", "-" for no session."""
    parts = [line.split() for line in lines]
    return [Measurement(s, r, "" if t == "-" else t, m, float(v)) for s, r, t, m, v in parts]


RATERS = measured("P1 A - SOL 10", "P1 B - SOL 12", "P2 A - SOL 20", "P2 B - SOL 21", "P3 B - SOL 33", "P3 A - SOL 30")


def test_volumes_of_raters_stand_beside_each_other():
    (found,) = compare_raters(RATERS).comparisons
    assert (found.muscle, found.title) == ("SOL", "between raters")
    assert (found.subjects, found.columns) == (("P1", "P2", "P3"), ("A", "B"))
    np.testing.assert_array_equal(found.volumes_ml, [[10, 12], [20, 21], [30, 33]])
    ((first, second, limits),) = found.limits()
    assert (first, second, limits.bias.value) == ("A", "B", -2.0)
    assert found.reliability.icc_agreement == MeanSquares.of(found.volumes_ml).icc_agreement


def test_sessions_are_compared_rater_by_rater_and_raters_by_the_first():
    more = measured("P1 A 2 SOL 11", "P2 A 2 SOL 19", "P1 B 2 SOL 13", "P3 B 2 SOL 30")
    first = [Measurement(held.subject, held.rater, "1", held.muscle, held.volume_ml) for held in RATERS]
    found = compare_raters([*first, *more])
    between, of_a, of_b = found.comparisons
    assert [held.title for held in (between, of_a, of_b)] == [
        "between raters, session 1",
        "between sessions of A",
        "between sessions of B",
    ]
    np.testing.assert_array_equal(between.volumes_ml, [[10, 12], [20, 21], [30, 33]])
    np.testing.assert_array_equal(of_a.volumes_ml, [[10, 11], [20, 19]])
    np.testing.assert_array_equal(of_b.volumes_ml, [[12, 13], [33, 30]])
    assert [held[:2] for held in of_b.limits()] == [("session 1", "session 2")]
    assert found.left_out == (
        "SOL, between sessions of A: P3 is left out, as there is no volume of session 2.",
        "SOL, between sessions of B: P2 is left out, as there is no volume of session 2.",
    )


def test_every_two_of_three_raters_have_limits():
    found = compare_raters([*RATERS, *measured("P1 C - SOL 9", "P2 C - SOL 18", "P3 C - SOL 31")])
    (comparison,) = found.comparisons
    limits = {(first, second): held for first, second, held in comparison.limits()}
    assert set(limits) == {("A", "B"), ("A", "C"), ("B", "C")}
    assert limits["B", "C"] == LimitsOfAgreement.between(np.array([12.0, 21, 33]), np.array([9.0, 18, 31]))


def test_muscles_are_apart():
    more = measured("P1 A - GM 5", "P1 B - GM 6", "P2 A - GM 8", "P2 B - GM 9")
    sol, gm = compare_raters([*RATERS, *more]).comparisons
    assert (sol.muscle, gm.muscle) == ("SOL", "GM")
    np.testing.assert_array_equal(gm.volumes_ml, [[5, 6], [8, 9]])


def test_who_lacks_a_volume_is_left_out_and_told_of():
    found = compare_raters([*RATERS, *measured("P4 A - SOL 40", "P5 B - SOL 50", "P1 A - GM 5", "P1 B - GM 6")])
    (comparison,) = found.comparisons
    assert comparison.subjects == ("P1", "P2", "P3")
    assert found.left_out == (
        "SOL, between raters: P4 is left out, as there is no volume of B.",
        "SOL, between raters: P5 is left out, as there is no volume of A.",
        "GM, between raters: nothing is compared, as 1 of 1 subjects can be and 2 or more are needed.",
    )


def test_what_is_told_is_json_without_nan():
    equal = measured("P1 A - SOL 10", "P1 B - SOL 10", "P2 A - SOL 20", "P2 B - SOL 20")
    told = json.loads(json.dumps(compare_raters(equal).to_dict(), allow_nan=False))
    (comparison,) = told["comparisons"]
    assert comparison["volumes_ml"] == [[10, 10], [20, 20]]
    assert comparison["reliability"]["icc_agreement"] == {"value": 1, "low": None, "high": None}
    assert comparison["limits_of_agreement"][0]["bias"] == {"value": 0, "low": 0, "high": 0}
    assert told["measurements"][1] == {"subject": "P1", "rater": "B", "session": "", "muscle": "SOL", "volume_ml": 10}


@pytest.mark.parametrize(
    ("measurements", "said"),
    [
        ([*RATERS, *measured("P1 A - SOL 11")], "two volumes of the SOL of P1 by A: expected one; .* column session"),
        ([*RATERS, *measured("P4 A 2 SOL -1")], "The volume of the SOL of P4 by A, session 2 is -1.0: expected"),
        ([*RATERS, *measured("P4 A - SOL nan")], "The volume of the SOL of P4 by A is nan: expected"),
        (RATERS[:2], "nothing to compare: .* 1 of 1 subjects"),
        (RATERS[::2][:2], "nothing to compare: .* received one measurement of each"),
        ([], "nothing to compare"),
    ],
)
def test_what_cannot_be_compared_is_refused(measurements, said):
    with pytest.raises(InputError, match=said):
        compare_raters(measurements)
