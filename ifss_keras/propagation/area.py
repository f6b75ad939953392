"""The area along a structure, from the areas on its annotated slices, and how sure that is.

Cross-section areas of a muscle run more evenly than its outline: a curve through a few of them gives its volume within
one or two percent (Nordez, Jolivet, Südhoff, Bennell and Hug, "Comparison of methods to assess quadriceps muscle volume
using magnetic resonance imaging", J Magn Reson Imaging 30(5), 2009).

The curve is the mean of a Gaussian process: a parabola of which nothing is known before, and a deviation whose second
derivative is white noise (Wahba, "Improper priors, spline smoothing and the problem of guarding against model errors in
regression", J R Stat Soc B 40(3), 1978), so a cubic spline. Three references of an ellipsoid or a cone give all its
areas; two give the straight line. The strength of the noise is learned from the references under an inverse gamma
prior, so what is said of a sum of areas is a Student t distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.propagation.places import EVEN, Places


@dataclass(frozen=True)
class CurveSettings:
    """Numbers of the process; areas count in the largest reference's, lengths in the distance of the outermost two.

    Chosen on the volumes for development, see docs/propagation.md.

    Attributes:
        roughness: the strength of the noise that is expected.
        trust: as many degrees of freedom as this expectation counts.
        contour: the variance of an annotated area, in strengths of the noise.
        parabola: the variance of the parabola's height, in strengths of the noise.
        together: standard deviation in slices of the average over areas that were seen.
        room: an expected area is at most so many times the larger reference beside it, and at least the smaller one
            divided by it: where gaps are unequal, as where a muscle becomes a tendon, a cubic swings wide.
    """

    roughness: float = 50.0
    trust: float = 2.0
    contour: float = 1e-5
    parabola: float = 10.0
    together: float = 2.0
    room: float = 1.5


SETTINGS = CurveSettings()
_ROWS = 256  # of a covariance that are made at once


class AreaCurve:
    """The areas of one structure, as its references tell them.

    Args:
        areas: slice index to area, in any unit, of two references or more; 0 where the structure is known to be absent.
        places: where slices lie.

    Attributes:
        references: how many areas it goes through.
        freedom: degrees of freedom of the Student t distribution of a deviation.
    """

    def __init__(self, areas: Mapping[int, float], places: Places = EVEN):
        slices = sorted(areas)
        self._slices, self._areas = np.array(slices), np.array([areas[index] for index in slices], float)
        self._where, self._first = places, places.at(slices[0])
        self._length = places.between(slices[0], slices[-1])
        self._unit = max(areas.values()) or 1.0
        self._places = self._placed(slices)
        values = self._areas / self._unit
        count = len(slices)
        line = np.stack([np.ones(count), self._places], 1)
        held = _likeness(self._places, self._places) + SETTINGS.contour * np.eye(count)
        self._inverse = np.linalg.inv(np.block([[held, line], [line.T, np.zeros((2, 2))]]))
        self._weights = self._inverse @ np.r_[values, 0, 0]
        self.references = count
        self.freedom = SETTINGS.trust + max(count - 3, 0)
        seen = max(float(values @ self._weights[:count]), 0.0)
        self._roughness = (SETTINGS.trust * SETTINGS.roughness + seen) / self.freedom

    @classmethod
    def of_masks(cls, masks: Mapping[int, np.ndarray], places: Places = EVEN) -> AreaCurve | None:
        """The curve of references (row, column) bool by slice index, areas in pixels; None with fewer than two.

        Of those without the structure only the ones next to one with it count: farther away the curve is flat.
        """
        areas = {index: float(masks[index].sum()) for index in sorted(masks)}
        held = [0.0, *areas.values(), 0.0]
        near = {index: area for place, (index, area) in enumerate(areas.items()) if any(held[place : place + 3])}
        return cls(near, places) if len(near) > 1 else None

    def at(self, slices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The expected area on each slice, never negative; beyond the outermost references it means little."""
        before, after = np.searchsorted(self._slices, slices, "right") - 1, np.searchsorted(self._slices, slices)
        beside = [self._areas[np.clip(place, 0, len(self._areas) - 1)] for place in (before, after)]
        least, most = np.min(beside, axis=0) / SETTINGS.room, np.max(beside, axis=0) * SETTINGS.room
        return np.clip(self._basis(self._placed(slices)) @ self._weights * self._unit, least, most)

    def covariance(self, slices: Sequence[int] | np.ndarray, others: Sequence[int] | None = None) -> np.ndarray:
        """The scale matrix of the deviations of the true areas from `at`, (slice, slice), or (slice, other)."""
        places = self._placed(slices)
        return self._covariance(places, places if others is None else self._placed(others))

    def spread(self, slices: Sequence[int] | np.ndarray, thick: np.ndarray) -> tuple[np.ndarray, float]:
        """The diagonal of `covariance`, (slice,), and the scale of the sum of all areas, each so many steps thick.

        Only a few rows are held at a time, as slices may be thousands.
        """
        places, variances, of_sum = self._placed(slices), np.zeros(len(slices)), 0.0
        for first in range(0, len(places), _ROWS):
            part = slice(first, first + _ROWS)
            rows = self._covariance(places[part], places)
            variances[part] = np.diag(rows[:, part])
            of_sum += float(thick[part] @ (rows @ thick))
        return variances, of_sum

    def _covariance(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        known = self._basis(left) @ self._inverse @ self._basis(right).T
        return (_likeness(left, right) - known) * self._roughness * self._unit**2

    def _placed(self, slices) -> np.ndarray:
        return (self._where.at(slices) - self._first) / self._length

    def _basis(self, places: np.ndarray) -> np.ndarray:
        return np.column_stack([_likeness(places, self._places), np.ones(len(places)), places])


def expected_areas(masks: Mapping[int, np.ndarray], first: int, last: int, places: Places = EVEN) -> dict[int, float]:
    """Slice index to area in pixels, from one reference to the next: there as annotated, between them as expected.

    Args:
        masks: slice index to (row, column) bool, all references that are known.
        first, last: two of them.
        places: where slices lie.
    """
    between, curve = range(first, last + 1), AreaCurve.of_masks(masks, places)
    expected = curve.at(between).tolist() if curve else [0.0] * len(between)
    return dict(zip(between, expected, strict=True)) | {index: float(masks[index].sum()) for index in (first, last)}


def seen_areas(
    ends: Mapping[int, np.ndarray],
    onwards: Mapping[int, np.ndarray],
    back: Mapping[int, np.ndarray],
    places: Places = EVEN,
) -> dict[int, float]:
    """The same where the image tells more than the curve: from masks carried from each of the two to the other.

    Each counts by how near its reference is, and alone where the other has ended; neighbouring slices are averaged.

    Args:
        ends: slice index to (row, column) bool of the two references.
        onwards, back: the same of slices between, carried from the first and from the last of them.
        places: where slices lie.
    """
    first, last = sorted(ends)
    between = range(first + 1, last)
    areas = np.ones(last - first + 1)
    areas[[0, -1]] = [ends[index].sum() for index in (first, last)]
    for index in between:
        ways = ((onwards, places.between(index, last)), (back, places.between(first, index)))
        found = [(way[index].sum(), weight) for way, weight in ways if index in way]
        if found:
            pixels, weights = zip(*found, strict=True)
            areas[index - first] = max(np.average(pixels, weights=weights), 1.0)
    smooth = places.smoothed(areas, first, SETTINGS.together)
    return {index: float(smooth[index - first]) for index in between} | {first: float(areas[0]), last: float(areas[-1])}


def swelling(areas: Mapping[int, float]) -> float:
    """How much wider than at the larger end a structure becomes on its way, 1 or more; `areas` as `expected_areas`."""
    ends = max(areas[min(areas)], areas[max(areas)])
    return float(np.sqrt(max(areas.values()) / ends)) if ends else 1.0


def _likeness(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The generalised covariance of areas at two places, in strengths of the noise, but for a straight line."""
    bulge = SETTINGS.parabola * (left * (1 - left))[:, None] * (right * (1 - right))
    return np.abs(left[:, None] - right) ** 3 / 12 + bulge
