"""How well repeated measurements of the same subjects agree: ICC, errors of measurement, limits of agreement.

Ratings are arrays (subject, rater) without gaps; where a rater measured twice, the raters may as well be sessions. The
formulas and their sources are in docs/agreement.md. What the ratings do not determine is nan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ifss_keras.core.errors import InputError

CONFIDENCE = 0.95
WITHIN_95 = 1.96  # standard deviations of a Gaussian


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval, in one unit."""

    value: float
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True)
class MeanSquares:
    """The two-way analysis of variance of ratings (subject, rater).

    Attributes:
        subjects: mean square between subjects (BMS of Shrout and Fleiss 1979).
        raters: between raters (JMS).
        residual: what is left (EMS).
        n_subjects, n_raters: how many there are.
    """

    subjects: float
    raters: float
    residual: float
    n_subjects: int
    n_raters: int

    @classmethod
    def of(cls, ratings: np.ndarray) -> MeanSquares:
        """Those of ratings (subject, rater).

        Raises:
            InputError: fewer than two subjects or raters, or a rating that is no number.
        """
        ratings = check_ratings(ratings)
        n_subjects, n_raters = ratings.shape
        grand = ratings.mean()
        of_subjects, of_raters = ratings.mean(axis=1), ratings.mean(axis=0)
        residuals = ratings - of_subjects[:, None] - of_raters + grand
        return cls(
            float(n_raters * np.sum((of_subjects - grand) ** 2) / (n_subjects - 1)),
            float(n_subjects * np.sum((of_raters - grand) ** 2) / (n_raters - 1)),
            float(np.sum(residuals**2) / ((n_subjects - 1) * (n_raters - 1))),
            n_subjects,
            n_raters,
        )

    @property
    def icc_agreement(self) -> Estimate:
        """ICC(2,1): one rating by a rater drawn from many, whose systematic differences count as error."""
        n, k = self.n_subjects, self.n_raters
        spread = self.subjects + (k - 1) * self.residual + k * (self.raters - self.residual) / n
        if spread <= 0:
            return Estimate(np.nan)
        value = (self.subjects - self.residual) / spread
        return Estimate(value, *self._interval_of_agreement(value))

    @property
    def icc_consistency(self) -> Estimate:
        """ICC(3,1): one rating by one of these raters; a difference that is the same for all subjects is no error."""
        n, k = self.n_subjects, self.n_raters
        spread = self.subjects + (k - 1) * self.residual
        if spread <= 0:
            return Estimate(np.nan)
        value = (self.subjects - self.residual) / spread
        if self.residual == 0:
            return Estimate(value)
        ratio, degrees = self.subjects / self.residual, (n - 1, (n - 1) * (k - 1))
        low, high = ratio / _tail(*degrees), ratio * _tail(*degrees[::-1])
        return Estimate(value, (low - 1) / (low + k - 1), (high - 1) / (high + k - 1))

    @property
    def standard_error_agreement(self) -> float:
        """The standard error of measurement, of which differences between raters are a part, in the ratings' unit."""
        between = max(0.0, (self.raters - self.residual) / self.n_subjects)
        return float(np.sqrt(between + self.residual))

    @property
    def standard_error_consistency(self) -> float:
        """The standard error of measurement without what raters differ by for all subjects, in the ratings' unit."""
        return float(np.sqrt(self.residual))

    def _interval_of_agreement(self, value: float) -> tuple[float, float]:
        """By the degrees of freedom of Satterthwaite, as Shrout and Fleiss have them."""
        n, k, residual = self.n_subjects, self.n_raters, self.residual
        if residual == 0:
            return np.nan, np.nan
        among, rest = k * value * self.raters / residual, n * (1 + (k - 1) * value) - k * value
        others = k * self.raters + (k * n - k - n) * residual
        with np.errstate(all="ignore"):
            degrees = np.float64((k - 1) * (n - 1) * (among + rest) ** 2) / ((n - 1) * among**2 + rest**2)
            above, below = np.float64(_tail(n - 1, degrees)), np.float64(_tail(degrees, n - 1))
            low = float(n * (self.subjects - above * residual) / (above * others + n * self.subjects))
            high = float(n * (below * self.subjects - residual) / (others + n * below * self.subjects))
        # few subjects with less between than within them have degrees of freedom near 0, for which it has no meaning
        return (low, high) if low <= value <= high else (np.nan, np.nan)


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Bias and limits of agreement of two ways to measure (Bland and Altman 1986), in the ratings' unit.

    Attributes:
        bias: mean of the differences, the first minus the second.
        deviation: their standard deviation.
        lower, upper: between which 95 % of the differences are expected.
        n_subjects: how many differences there are.
    """

    bias: Estimate
    deviation: float
    lower: Estimate
    upper: Estimate
    n_subjects: int

    @classmethod
    def between(cls, first: np.ndarray, second: np.ndarray) -> LimitsOfAgreement:
        """Those of two columns of ratings, each (subject,).

        Raises:
            InputError: fewer than two subjects, or a rating that is no number.
        """
        ratings = check_ratings(np.stack([first, second], axis=-1))
        differences = ratings[:, 0] - ratings[:, 1]
        return cls.of_differences(float(differences.mean()), float(differences.std(ddof=1)), len(differences))

    @classmethod
    def of_differences(
        cls, bias: float, deviation: float, n_subjects: int, within: float = WITHIN_95
    ) -> LimitsOfAgreement:
        """Those of `n_subjects` differences with a mean and a standard deviation.

        Args:
            within: how many standard deviations the limits lie from the bias; Bland and Altman took 2 in 1986.
        """
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n_subjects - 1)) * deviation / np.sqrt(n_subjects)
        bounds = [
            Estimate(middle, float(middle - half), float(middle + half))
            for middle, half in (
                (bias, reach),
                (bias - within * deviation, np.sqrt(3) * reach),
                (bias + within * deviation, np.sqrt(3) * reach),
            )
        ]
        return cls(bounds[0], deviation, bounds[1], bounds[2], n_subjects)


@dataclass(frozen=True)
class Reliability:
    """What ratings (subject, rater) say of the way to measure.

    Attributes:
        n_subjects, n_raters: how many there are.
        mean: of all ratings.
        icc_agreement, icc_consistency: ICC(2,1) and ICC(3,1).
        cv_percent: coefficient of variation within subjects.
        standard_error_agreement, standard_error_consistency: SEM with and without the differences between raters.
        detectable_agreement, detectable_consistency: MDC95, the least change of a subject that is no error of
            measurement 19 times of 20, by either SEM.
    """

    n_subjects: int
    n_raters: int
    mean: float
    icc_agreement: Estimate
    icc_consistency: Estimate
    cv_percent: float
    standard_error_agreement: float
    standard_error_consistency: float
    detectable_agreement: float
    detectable_consistency: float

    @classmethod
    def of(cls, ratings: np.ndarray) -> Reliability:
        """That of ratings (subject, rater).

        Raises:
            InputError: fewer than two subjects or raters, or a rating that is no number.
        """
        squares = MeanSquares.of(ratings)
        agreement, consistency = squares.standard_error_agreement, squares.standard_error_consistency
        return cls(
            squares.n_subjects,
            squares.n_raters,
            float(np.mean(ratings)),
            squares.icc_agreement,
            squares.icc_consistency,
            cv_percent(ratings),
            agreement,
            consistency,
            detectable_change(agreement),
            detectable_change(consistency),
        )


def cv_percent(ratings: np.ndarray) -> float:
    """The root mean square over subjects of each one's standard deviation over its mean; nan if a mean is not above 0.

    Args:
        ratings: (subject, rater), of a quantity with a true zero such as a volume.

    Raises:
        InputError: fewer than two subjects or raters, or a rating that is no number.
    """
    ratings = check_ratings(ratings)
    means = ratings.mean(axis=1)
    if (means <= 0).any():
        return float("nan")
    return float(100 * np.sqrt(np.mean((ratings.std(axis=1, ddof=1) / means) ** 2)))


def detectable_change(standard_error: float) -> float:
    """MDC95, the minimal detectable change of one subject between two measurements, in the unit of the SEM."""
    return float(WITHIN_95 * np.sqrt(2) * standard_error)


def check_ratings(ratings: np.ndarray) -> np.ndarray:
    """Ratings (subject, rater) as floats.

    Raises:
        InputError: fewer than two subjects or raters, or a rating that is no number.
    """
    ratings = np.asarray(ratings, np.float64)
    if ratings.ndim != 2 or min(ratings.shape) < 2 or not np.isfinite(ratings).all():
        raise InputError(
            "Ratings must be finite numbers (subject, rater) of two subjects and two raters or more, received shape "
            f"{ratings.shape}; leave out subjects that a rater did not measure."
        )
    return ratings


def _tail(numerator: float, denominator: float) -> float:
    """The value of F that is exceeded once in 40 times."""
    return float(stats.f.ppf((1 + CONFIDENCE) / 2, numerator, denominator))
