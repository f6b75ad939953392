"""Whether a muscle carried on outside the references is still there: does what lies in the mask look like it?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

BINS = 24


class Presence:
    """Compares the grey values in the mask with those seen in it before, and with those around it.

    Region competition (Zhu and Yuille, IEEE PAMI 18(9), 1996) between two histograms, of the mask's inside and of a
    ring around it: the mean log-likelihood ratio of the inside's pixels is above 0 while they look like the muscle.
    Both histograms start at the references and follow slowly, since gain and depth change along a muscle. It needs
    no training, and stands beside the network's own decision to let a mask vanish.

    Args:
        follow: weight of each new slice in the histograms.
        smoothing: standard deviation in working pixels, against speckle.
    """

    def __init__(self, *, follow: float = 0.05, smoothing: float = 1.0):
        self.follow = follow
        self.smoothing = smoothing
        self._inside = self._around = None

    def learn(self, image: np.ndarray, mask: np.ndarray) -> None:
        """Takes a slice in which the muscle is known to be.

        Args:
            image: (row, column), in [0, 1], at working size.
            mask: (row, column) bool.
        """
        inside, around = self._pixels(image, mask)
        if not (inside.size and around.size):
            return
        inside, around = _histogram(inside), _histogram(around)
        if self._inside is None:
            self._inside, self._around = inside, around
        self._inside += self.follow * (inside - self._inside)
        self._around += self.follow * (around - self._around)

    def score(self, image: np.ndarray, mask: np.ndarray) -> float:
        """The mean log-likelihood ratio, above 0 if the muscle is there; inf where nothing can be said."""
        inside, _ = self._pixels(image, mask)
        if self._inside is None or not inside.size:
            return float("inf")
        ratio = np.log(self._inside / self._around)
        return float(ratio[np.clip((inside * BINS).astype(int), 0, BINS - 1)].mean())

    def _pixels(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The smoothed grey values well inside the mask, and in a ring around it that leaves out its border."""
        if not mask.any():
            return np.empty(0), np.empty(0)
        smooth = ndimage.gaussian_filter(image, self.smoothing)
        core = ndimage.binary_erosion(mask)
        ring = ndimage.binary_dilation(mask, iterations=9) & ~ndimage.binary_dilation(mask, iterations=2)
        return smooth[core if core.sum() > 10 else mask], smooth[ring]


def _histogram(values: np.ndarray) -> np.ndarray:
    """Shares of `values` in [0, 1] by bin, none of them 0."""
    counts = np.histogram(np.clip(values, 0, 1), bins=BINS, range=(0, 1))[0] + 2.0
    return counts / counts.sum()
