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
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
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
        most: slices of a label that each count by themselves.
    """

    shared: float = 2.0
    alone: float = 0.85
    least: float = 0.02
    support: float = 0.05
    beyond: float = 0.3
    most: int = 1024


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


class Areas:
    """What the area curve and the network together tell of a label's areas between references that hold it.

    Of more than `most` slices, neighbours within a span count as one place where the network has seen their mean: its
    matrices then do not grow with the slices.

    Args:
        soft: slice index to soft mask as the network gave it, of all slices between references.
        masks: slice index to (row, column) bool, the references.
        pixel_mm: (row, column).
        places: where slices lie.
    """

    def __init__(
        self,
        soft: Mapping[int, SoftMask],
        masks: Mapping[int, np.ndarray],
        pixel_mm: tuple[float, float],
        places: Places = EVEN,
    ):
        self.slices = _between_held(soft, masks)
        self._masks, self._pixel_mm, self._places = masks, pixel_mm, places
        self._found = np.array([pixels_inside(soft[index], pixel_mm) for index in self.slices])
        self._doubts = np.array([soft[index].doubt for index in self.slices])

    def pixels(self, soft: Mapping[int, SoftMask], slices: Sequence[int]) -> dict[int, int]:
        """Slice index to how many working pixels of its soft mask the label is expected to hold, for some slices."""
        if not slices:
            return {}
        known = self._known
        areas = known.curve.at(slices) + known.curve.covariance(slices, known.centres) @ known.pull
        areas = np.clip(areas, 0, None).tolist()
        return {i: _working_pixels(soft[i], area, self._pixel_mm) for i, area in zip(slices, areas, strict=True)}

    def certainty(self) -> Certainty:
        """How sure these areas are."""
        if not self.slices:
            return Certainty({}, 0.0)
        known = self._known
        left = known.of_curve - known.of_curve @ cho_solve(known.factor, known.of_curve, check_finite=False)
        thick = np.add.reduceat(self._places.thickness(self.slices), known.packs[:-1])
        variances = np.repeat(np.diag(left), np.diff(known.packs))
        return _certainty(self.slices, variances, float(thick @ left @ thick), known.curve.freedom)

    @cached_property
    def _known(self) -> _Known:
        curve = AreaCurve.of_masks(self._masks, self._places)
        expected = curve.at(self.slices)
        doubts = np.maximum(self._doubts, SETTINGS.least * np.maximum(expected, self._found))
        packs = _packs(self.slices, sorted(self._masks))
        starts, counts = packs[:-1], np.diff(packs)
        deviations, doubts = (np.add.reduceat(part, starts) / counts for part in (self._found - expected, doubts))
        centres = np.array(self.slices)[starts + counts // 2]
        of_curve = curve.covariance(centres)
        of_both = of_curve + SETTINGS.shared**2 * np.outer(doubts, doubts)
        of_both[np.diag_indices_from(of_both)] += SETTINGS.alone**2 * doubts**2 / counts
        factor = cho_factor(of_both, overwrite_a=True, check_finite=False)
        return _Known(curve, packs, centres, of_curve, factor, cho_solve(factor, deviations, check_finite=False))


class _Known(NamedTuple):
    """The curve; the packs of slices and those in their middles; covariances; and what pulls areas off the curve."""

    curve: AreaCurve
    packs: np.ndarray
    centres: np.ndarray
    of_curve: np.ndarray
    factor: tuple[np.ndarray, bool]
    pull: np.ndarray


def with_pixels(mask: SoftMask, pixels: int) -> SoftMask:
    """The soft mask, its logits shifted so that it holds so many working pixels, as far as it has support."""
    values = mask.values
    level = np.clip(level_of(values, pixels), SETTINGS.support, 1 - SETTINGS.support)
    with np.errstate(divide="ignore"):
        moved = expit(logit(values) - logit(level))
    return mask._replace(values=moved.astype(np.float32))


def _working_pixels(mask: SoftMask, area: float, pixel_mm) -> int:
    """An area in pixels of the image as one in whole pixels of the mask's region."""
    height_mm, width_mm = mask.region.extent_mm
    return round(area * pixel_mm[0] * pixel_mm[1] / (height_mm * width_mm) * mask.values.size)


def _between_held(soft: Mapping[int, SoftMask], masks: Mapping[int, np.ndarray]) -> list[int]:
    """The slices of soft masks that lie between two references which hold the label."""
    references = np.array(sorted(masks))
    holds = np.array([masks[index].any() for index in references])
    after = {index: int(np.searchsorted(references, index)) for index in sorted(soft)}
    return [i for i, next_ in after.items() if 0 < next_ < len(references) and holds[next_ - 1 : next_ + 1].all()]


def _packs(slices: Sequence[int], references: Sequence[int]) -> np.ndarray:
    """Where packs of neighbouring slices of one span begin, and the number of slices; single ones if they are few."""
    together = -(-len(slices) // SETTINGS.most)
    places = np.arange(len(slices))
    spans = np.searchsorted(references, slices)
    first = np.maximum.accumulate(np.where(np.diff(spans, prepend=-1) != 0, places, 0))
    return np.append(np.flatnonzero((places - first) % together == 0), len(slices))


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
