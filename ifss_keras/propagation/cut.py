"""The area of every slice between references, from the network and from the area curve, each as far as it is sure.

A network sees from slice to slice how the area changes, but its border as a whole may lie beside the annotator's: its
errors of area go with the softness of its border, and most of one is shared by all slices of a label. The curve of
`propagation.area` keeps to the annotator's border, but knows nothing of what lies between. Both are taken as Gaussian,
so the area to expect is their mean weighted by covariance (kriging), and its covariance tells how far the volume may be
off. Each soft mask is then cut where its area is that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from ifss_keras.propagation.area import AreaCurve
from ifss_keras.propagation.compose import SoftMask, pixels_inside
from ifss_keras.propagation.places import EVEN, Places
from ifss_keras.propagation.shape import level_of


@dataclass(frozen=True)
class CutSettings:
    """Numbers of the network's errors of area, chosen on the volumes for development, see docs/propagation.md.

    Attributes:
        shared: standard deviation of what all slices of a label share, in the softness of their borders; so large that
            the level of the areas is nearly the curve's alone.
        alone: of each slice's own.
        least: softness of a border at least, as a share of the area.
        support: of a soft mask below which no pixel is taken for the sake of the area.
        beyond: standard deviation of an area outside the references, as a share of it; they all err alike.
    """

    shared: float = 2.0
    alone: float = 0.85
    least: float = 0.02
    support: float = 0.05
    beyond: float = 0.3


SETTINGS = CutSettings()
WITHIN_95 = 1.96  # standard deviations of a Gaussian to each side
HALF_OF_95 = 0.975  # both tails of a 95 % interval are equal


class Certainty(NamedTuple):
    """How sure the areas of a label's mask are, in pixels of the image; those of its references are not doubted.

    Where an area is not Gaussian its deviation is that of the Gaussian with the same 95 % interval.

    Attributes:
        deviations: slice index to the standard deviation of its area.
        within: standard deviation of the sum of the areas between two references that hold the label, each times the
            steps that its slice stands for.
        beyond: of the sum of all others, which err alike.
    """

    deviations: dict[int, float]
    within: float
    beyond: float = 0.0

    @property
    def of_sum(self) -> float:
        """Standard deviation of the sum of all areas."""
        return float(np.hypot(self.within, self.beyond))

    def with_beyond(
        self, soft: Mapping[int, SoftMask], pixel_mm: tuple[float, float], places: Places = EVEN
    ) -> Certainty:
        """The certainty of these slices and of others outside the references."""
        return self.with_areas_beyond({index: pixels_inside(mask, pixel_mm) for index, mask in soft.items()}, places)

    def with_areas_beyond(self, areas: Mapping[int, float], places: Places = EVEN) -> Certainty:
        """The same, the others told by their areas."""
        beyond = {index: SETTINGS.beyond * area for index, area in areas.items()}
        more = sum(thick * held for thick, held in zip(places.thickness(list(beyond)), beyond.values(), strict=True))
        return Certainty(self.deviations | beyond, self.within, self.beyond + float(more))


def cut(
    soft: Mapping[int, SoftMask],
    masks: Mapping[int, np.ndarray],
    pixel_mm: tuple[float, float],
    places: Places = EVEN,
) -> dict[int, SoftMask]:
    """The soft masks between two references that hold the label, with the areas that are to be expected.

    Args:
        soft: slice index to soft mask.
        masks: slice index to (row, column) bool, the references around, see `references_around`.
        pixel_mm: (row, column).
        places: where slices lie.
    """
    slices = sorted(soft)
    curve = AreaCurve.of_masks(masks, places)
    expected, of_curve = curve.at(slices), curve.covariance(slices)
    found = np.array([pixels_inside(soft[index], pixel_mm) for index in slices])
    of_network = _of_network(np.array([soft[index].doubt for index in slices]), np.maximum(expected, found))
    gain = np.linalg.solve(of_curve + of_network, of_curve).T  # both are symmetric
    areas = np.clip(expected + gain @ (found - expected), 0, None)
    return {index: _with_area(soft[index], area, pixel_mm) for index, area in zip(slices, areas, strict=True)}


def certainty_of(
    soft: Mapping[int, SoftMask],
    masks: Mapping[int, np.ndarray],
    pixel_mm: tuple[float, float],
    places: Places = EVEN,
) -> Certainty:
    """How sure the areas of soft masks with the areas of `cut` are, in the whole of a label; arguments likewise.

    Those not between two references that hold the label count as beyond.
    """
    references = np.array(sorted(masks))
    holds = np.array([masks[index].any() for index in references])
    after = {index: int(np.searchsorted(references, index)) for index in sorted(soft)}
    slices = [i for i, next_ in after.items() if 0 < next_ < len(references) and holds[next_ - 1 : next_ + 1].all()]
    others = {index: soft[index] for index in soft.keys() - set(slices)}
    if not slices:
        return Certainty({}, 0.0).with_beyond(others, pixel_mm, places)
    curve = AreaCurve.of_masks(masks, places)
    of_curve, areas = curve.covariance(slices), [pixels_inside(soft[index], pixel_mm) for index in slices]
    of_network = _of_network(np.array([soft[index].doubt for index in slices]), np.maximum(curve.at(slices), areas))
    left, thick = np.linalg.solve(of_curve + of_network, of_curve).T @ of_network, places.thickness(slices)
    certainty = _certainty(slices, np.diag(left), float(thick @ left @ thick), curve.freedom)
    return certainty.with_beyond(others, pixel_mm, places)


def _of_network(doubts: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """The covariance (slice, slice) of the network's errors of area, in pixels."""
    doubts = np.maximum(doubts, SETTINGS.least * areas)
    return (SETTINGS.shared**2 + SETTINGS.alone**2 * np.eye(len(doubts))) * np.outer(doubts, doubts)


def curve_certainty(masks: Mapping[int, np.ndarray], places: Places = EVEN) -> Certainty | None:
    """How sure the areas of the area curve are, from one reference to the next; None with fewer than three references.

    Of two it knows only the line between them, and nothing of how far the structure swells.
    Between one that holds the label and one that does not it ends somewhere, so there the areas err as beyond both.

    Args:
        masks: slice index to (row, column) bool, the references.
        places: where slices lie.
    """
    curve = AreaCurve.of_masks(masks, places)
    if curve is None or len(masks) < 3:
        return None
    slices = {0: [], 1: [], 2: []}  # by how many of the two references around hold the label
    for first, last in pairwise(sorted(masks)):
        slices[sum(masks[index].any() for index in (first, last))] += range(first + 1, last)
    towards_end = dict(zip(slices[1], curve.at(slices[1]).tolist(), strict=True))
    variances, of_sum = curve.spread(slices[2], places.thickness(slices[2]))
    return _certainty(slices[2], variances, of_sum, curve.freedom).with_areas_beyond(towards_end, places)


def _certainty(slices: Sequence[int], variances: np.ndarray, of_sum: float, freedom: float) -> Certainty:
    """Of areas whose deviations, and that of their sum, are Student t of these squared scales."""
    wider = float(stdtrit(freedom, HALF_OF_95) / ndtri(HALF_OF_95))
    deviations = (wider * np.sqrt(np.clip(variances, 0, None))).tolist()
    return Certainty(dict(zip(slices, deviations, strict=True)), wider * float(np.sqrt(max(of_sum, 0))))


def with_doubt(mask: SoftMask, pixel_mm) -> SoftMask:
    """The soft mask, and how many pixels its border is undecided about."""
    share = float((mask.values * (1 - mask.values)).mean())
    return mask._replace(doubt=share * float(np.prod(mask.region.extent_mm) / np.prod(pixel_mm)))


def _with_area(mask: SoftMask, area: float, pixel_mm) -> SoftMask:
    """The soft mask, its logits shifted so that its area is `area` pixels, as far as it has support."""
    height_mm, width_mm = mask.region.extent_mm
    values = mask.values
    pixels = area * pixel_mm[0] * pixel_mm[1] / (height_mm * width_mm) * values.size
    level = np.clip(level_of(values, pixels), SETTINGS.support, 1 - SETTINGS.support)
    with np.errstate(divide="ignore"):
        moved = expit(logit(values) - logit(level))
    return mask._replace(values=moved.astype(np.float32))
