"""Agreement of raters against published worked examples, digit by digit, and against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ifss_keras.core.errors import InputError
from ifss_keras.metrics.agreement import LimitsOfAgreement, MeanSquares, Reliability, cv_percent, detectable_change

# Shrout and Fleiss 1979, table 2: six targets (rows), four judges
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
# eight wines and four judges, the example of pingouin (www.real-statistics.com/reliability/intraclass-correlation)
WINES = np.array(
    [[1, 2, 0, 1], [1, 3, 3, 2], [3, 8, 1, 4], [6, 4, 3, 3], [6, 5, 5, 6], [7, 5, 6, 2], [8, 7, 7, 9], [9, 9, 9, 8]]
)
# Bland and Altman 1986, table 1: peak expiratory flow in l/min, the first measurement by each meter
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427])
MINI_WRIGHT = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451])

RATINGS = arrays(
    np.float64,
    st.tuples(st.integers(2, 7), st.integers(2, 5)),
    elements=st.integers(1, 400).map(lambda whole: whole / 4),
)
ON_A_BUSY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def rounded(estimate, digits):
    return tuple(round(value, digits) for value in (estimate.value, estimate.low, estimate.high))


def test_mean_squares_are_those_of_shrout_and_fleiss():
    squares = MeanSquares.of(SHROUT_FLEISS)
    assert [round(value, 2) for value in (squares.subjects, squares.raters, squares.residual)] == [11.24, 32.49, 1.02]
    assert (squares.n_subjects, squares.n_raters) == (6, 4)


def test_coefficients_are_those_of_shrout_and_fleiss():
    squares = MeanSquares.of(SHROUT_FLEISS)
    assert (round(squares.icc_agreement.value, 2), round(squares.icc_consistency.value, 2)) == (0.29, 0.71)


@pytest.mark.parametrize(
    ("ratings", "agreement", "consistency"),
    [
        (SHROUT_FLEISS, (0.28976377952755916, 0.02, 0.76), (0.7148407148407154, 0.34, 0.95)),
        (WINES, (0.7276887871853546, 0.43, 0.93), (0.7294865007940708, 0.43, 0.93)),
    ],
    ids=["Shrout and Fleiss", "wines"],
)
def test_coefficients_and_intervals_are_those_of_pingouin(ratings, agreement, consistency):
    """pingouin 0.7.0, which prints two digits of its intervals."""
    squares = MeanSquares.of(ratings)
    for found, (value, low, high) in ((squares.icc_agreement, agreement), (squares.icc_consistency, consistency)):
        assert found.value == pytest.approx(value, rel=1e-12)
        assert (round(found.low, 2), round(found.high, 2)) == (low, high)


def test_bias_and_deviation_are_those_of_bland_and_altman():
    found = LimitsOfAgreement.between(WRIGHT, MINI_WRIGHT)
    assert (round(found.bias.value, 1), round(found.deviation, 1), found.n_subjects) == (-2.1, 38.8, 17)
    assert rounded(found.bias, 1) == (-2.1, -22.0, 17.8)


def test_limits_are_those_of_bland_and_altman():
    """The paper goes on from its rounded mean and standard deviation, and takes 2 of these."""
    found = LimitsOfAgreement.of_differences(-2.1, 38.8, 17, within=2)
    assert rounded(found.lower, 1) == (-79.7, -114.3, -45.1)
    assert rounded(found.upper, 1) == (75.5, 40.9, 110.1)


def test_limits_lie_at_1_96_deviations():
    found = LimitsOfAgreement.between(WRIGHT, MINI_WRIGHT)
    differences = WRIGHT - MINI_WRIGHT
    deviation = differences.std(ddof=1)
    assert found.lower.value == pytest.approx(differences.mean() - 1.96 * deviation)
    assert found.upper.value == pytest.approx(differences.mean() + 1.96 * deviation)
    expected = stats.t.interval(0.95, 16, differences.mean(), stats.sem(differences))
    assert (found.bias.low, found.bias.high) == pytest.approx(expected)
    assert found.upper.high - found.upper.value == pytest.approx(
        stats.t.ppf(0.975, 16) * math.sqrt(3 * deviation**2 / 17)
    )


def test_errors_of_measurement_by_hand():
    """Two raters and three subjects: differences of -2, -2 and -1, so mean squares of 25/6 and 1/6."""
    ratings = np.array([[10.0, 12.0], [20.0, 22.0], [30.0, 31.0]])
    squares = MeanSquares.of(ratings)
    assert squares.raters == pytest.approx(25 / 6)
    assert squares.residual == pytest.approx(1 / 6)
    found = Reliability.of(ratings)
    assert found.standard_error_agreement == pytest.approx(math.sqrt((25 / 6 - 1 / 6) / 3 + 1 / 6))
    assert found.standard_error_consistency == pytest.approx(math.sqrt(1 / 6))
    assert found.detectable_agreement == pytest.approx(1.96 * math.sqrt(2) * found.standard_error_agreement)
    assert found.detectable_consistency == pytest.approx(1.96 * math.sqrt(2 / 6))
    assert (found.mean, found.n_subjects, found.n_raters) == (pytest.approx(125 / 6), 3, 2)
    variations = (2 / 11**2, 2 / 21**2, 0.5 / 30.5**2)
    assert found.cv_percent == pytest.approx(100 * math.sqrt(sum(variations) / 3))


def test_the_error_without_raters_is_the_deviation_of_differences():
    """Of two raters: the SEM of consistency is the standard deviation of the differences over the root of 2."""
    ratings = np.stack([WRIGHT, MINI_WRIGHT], axis=1)
    error = MeanSquares.of(ratings).standard_error_consistency
    assert error == pytest.approx(LimitsOfAgreement.between(WRIGHT, MINI_WRIGHT).deviation / math.sqrt(2))
    assert detectable_change(error) == pytest.approx(1.96 * (WRIGHT - MINI_WRIGHT).std(ddof=1))


def test_an_interval_holds_the_coefficient_of_simulated_raters():
    """19 times of 20: 30 subjects and 3 raters, true ICC(2,1) 9 / (9 + 1 + 2) and ICC(3,1) 9 / (9 + 2)."""
    rng = np.random.default_rng(4)
    held = np.zeros(2)
    for _ in range(400):
        ratings = rng.normal(0, 3, (30, 1)) + rng.normal(0, 1, 3) + rng.normal(0, math.sqrt(2), (30, 3))
        squares = MeanSquares.of(ratings)
        held += [
            squares.icc_agreement.low <= 9 / 12 <= squares.icc_agreement.high,
            squares.icc_consistency.low <= 9 / 11 <= squares.icc_consistency.high,
        ]
    assert np.all(held / 400 > 0.92)
    assert np.all(held / 400 < 0.98)


@ON_A_BUSY_MACHINE
@given(RATINGS, st.integers(-30, 30), st.sampled_from([0.5, 2.0, 1000.0]))
def test_neither_unit_nor_zero_changes_a_coefficient(ratings, more, factor):
    squares, others = MeanSquares.of(ratings), MeanSquares.of(ratings * factor + more)
    assume(min(squares.residual, squares.subjects) > 1e-9)
    for name in ("icc_agreement", "icc_consistency"):
        found, other = getattr(squares, name), getattr(others, name)
        for part in ("value", "low", "high"):
            if not math.isnan(getattr(found, part) + getattr(other, part)):
                assert getattr(other, part) == pytest.approx(getattr(found, part), abs=1e-6)


@ON_A_BUSY_MACHINE
@given(RATINGS)
def test_a_coefficient_lies_in_its_interval_and_below_one(ratings):
    squares = MeanSquares.of(ratings)
    assume(squares.residual > 1e-9)
    for found in (squares.icc_agreement, squares.icc_consistency):
        assert not found.value > 1 + 1e-12  # nan where nothing differs but by chance
        if not math.isnan(found.low):
            assert found.low <= found.value + 1e-9
            assert found.high >= found.value - 1e-9


@ON_A_BUSY_MACHINE
@given(RATINGS, st.integers(-30, 30))
def test_what_one_rater_adds_for_all_is_no_inconsistency(ratings, more):
    moved = ratings + np.arange(ratings.shape[1]) * more
    first, second = MeanSquares.of(ratings), MeanSquares.of(moved)
    assert second.standard_error_consistency == pytest.approx(first.standard_error_consistency, abs=1e-6)
    differences = LimitsOfAgreement.between(moved[:, 0], moved[:, 1])
    assert differences.bias.value == pytest.approx((ratings[:, 0] - ratings[:, 1]).mean() - more)


@pytest.mark.parametrize("ratings", [[[4.25, 27.5], [0.5, 29.5]], [[1.0, 2.0], [2.0, 1.0], [1.5, 1.5]]])
def test_an_interval_that_has_no_meaning_is_left_out(ratings):
    found = MeanSquares.of(ratings).icc_agreement
    assert found.value < 0
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_perfect_agreement_has_no_interval():
    squares = MeanSquares.of([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])
    for found in (squares.icc_agreement, squares.icc_consistency):
        assert found.value == 1
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert squares.standard_error_agreement == 0


def test_subjects_that_are_all_the_same_have_no_coefficient():
    squares = MeanSquares.of(np.full((3, 2), 7.0))
    assert math.isnan(squares.icc_agreement.value)
    assert math.isnan(squares.icc_consistency.value)


def test_variation_over_a_mean_that_is_not_above_zero_is_unknown():
    assert math.isnan(cv_percent([[0.0, 0.0], [1.0, 2.0]]))


@pytest.mark.parametrize("ratings", [[[1.0, 2.0]], [[1.0], [2.0]], [1.0, 2.0], [[1.0, np.nan], [2.0, 3.0]]])
def test_what_is_no_table_of_ratings_is_refused(ratings):
    with pytest.raises(InputError, match="two subjects and two raters"):
        Reliability.of(np.array(ratings))
