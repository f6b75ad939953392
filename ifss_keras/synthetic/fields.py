"""Smooth random functions of position in millimetres, and the matrices that put them on a grid.

Everything random here is drawn once from a seed and then evaluated anywhere, so that the number of pixels
or slices that somebody asks for never changes what is drawn.
"""

from dataclasses import dataclass

import numpy as np

# The variance of a cubic B-spline series with unit normal coefficients, averaged over one knot interval.
_SPLINE_VARIANCE = 151 / 315


@dataclass(frozen=True)
class Wave:
    """A sum of sinusoids along one axis with root mean square 1, called with a position in mm."""

    wavelengths_mm: np.ndarray
    phases: np.ndarray
    weights: np.ndarray

    def __call__(self, position_mm):
        angle = 2 * np.pi * np.asarray(position_mm)[..., None] / self.wavelengths_mm + self.phases
        return np.sin(angle) @ self.weights


def random_wave(rng: np.random.Generator, shortest_mm: float = 50.0, longest_mm: float = 120.0, terms: int = 3) -> Wave:
    """A wave whose wavelengths lie between the two limits; long ones weigh more, so slopes stay alike."""
    wavelengths = rng.uniform(shortest_mm, longest_mm, terms)
    weights = wavelengths * rng.uniform(0.5, 1.0, terms)
    weights *= np.sqrt(2) / np.linalg.norm(weights)
    return Wave(wavelengths, rng.uniform(0, 2 * np.pi, terms), weights)


def spline_basis(positions_mm: np.ndarray, step_mm: float, nodes: int) -> np.ndarray:
    """Uniform cubic B-spline weights, (position, node) float32; positions beyond the nodes are clipped."""
    scaled = np.clip(np.asarray(positions_mm, float) / step_mm, 0, nodes - 3 - 1e-6)
    first = np.floor(scaled).astype(int)
    t = scaled - first
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], -1) / 6
    basis = np.zeros((len(scaled), nodes), np.float32)
    np.put_along_axis(basis, first[:, None] + np.arange(4), weights.astype(np.float32), axis=1)
    return basis


class SmoothField:
    """A random field over (slice, row, column), mean 0 and variance about 1, read plane by plane."""

    def __init__(self, rng: np.random.Generator, extent_mm: tuple, step_mm: tuple):
        """`extent_mm` and `step_mm` are (slice, row, column); the step is the distance between nodes."""
        self.extent_mm, self.step_mm = extent_mm, step_mm
        shape = [int(np.ceil(extent / step)) + 3 for extent, step in zip(extent_mm, step_mm, strict=True)]
        self._nodes = rng.standard_normal(shape, dtype=np.float32) * np.float32(_SPLINE_VARIANCE**-1.5)
        self._bases: tuple | None = None

    def on(self, rows_mm: np.ndarray, columns_mm: np.ndarray) -> "SmoothField":
        """The same field, to be read at these row and column positions from now on."""
        self._bases = (
            spline_basis(rows_mm, self.step_mm[1], self._nodes.shape[1]),
            spline_basis(columns_mm, self.step_mm[2], self._nodes.shape[2]).T.copy(),
        )
        return self

    def plane(self, z_mm: float) -> np.ndarray:
        """The field at one slice position, (row, column) float32."""
        along = spline_basis(np.array([z_mm]), self.step_mm[0], self._nodes.shape[0])[0]
        touched = np.flatnonzero(along)
        nodes = np.tensordot(along[touched], self._nodes[touched], 1)
        return self._bases[0] @ nodes @ self._bases[1]


def pixel_centres(count: int, extent_mm: float) -> np.ndarray:
    """Centres in mm of `count` equal pixels that tile `extent_mm`, float32."""
    return ((np.arange(count) + 0.5) * (extent_mm / count)).astype(np.float32)


def resampling_matrix(source: int, target: int) -> np.ndarray:
    """Lanczos-2 weights from `source` to `target` pixels over one extent, (target, source) float32.

    The window widens when there are fewer target pixels, which averages instead of aliasing; equal counts
    give the identity.
    """
    ratio = source / target
    width = max(ratio, 1.0)
    distance = ((np.arange(target) + 0.5) * ratio - 0.5)[:, None] - np.arange(source)[None, :]
    distance /= width
    weights = np.where(np.abs(distance) < 2, np.sinc(distance) * np.sinc(distance / 2), 0.0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
