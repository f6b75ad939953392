"""Grey values to [0, 1]: one range per volume, the same for training and prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.core.errors import InputError

SAMPLE_SIZE = 2_000_000  # voxels that the percentiles are taken from, at most


@dataclass(frozen=True)
class IntensityRange:
    """The grey values that become 0 and 1; what lies outside is clipped."""

    low: float
    high: float

    @classmethod
    def from_volume(
        cls, array: np.ndarray, percentiles: tuple[float, float] = (0.5, 99.5), max_slices: int = 64
    ) -> IntensityRange:
        """The range between two percentiles of a bounded, regular sample of the finite voxels.

        At most `max_slices` evenly spaced slices are read, one at a time, and each is thinned by a whole
        step along rows and columns so that the sample stays below two million voxels. Nothing is random:
        the same volume always gives the same range.

        Where both percentiles are the same grey value (nearly all of the volume is background), the range reaches
        over all values of the sample.

        Args:
            array: (slice, row, column), any real type.
            percentiles: the two percentiles, in percent, ascending.
            max_slices: number of slices to read, at least 1. Only if these hold no finite voxel are the
                others read too.

        Raises:
            InputError: if the array is not a volume, or holds no finite voxel.
        """
        if array.ndim != 3 or 0 in array.shape:
            raise InputError(
                f"The intensity range needs a volume (slice, row, column) with voxels, but got the shape "
                f"{tuple(array.shape)}; pass one 3D array."
            )
        n_slices = array.shape[0]
        chosen = np.unique(np.linspace(0, n_slices - 1, min(max(1, max_slices), n_slices)).round().astype(int))
        sample = _finite_sample(array, chosen)
        if sample.size == 0:  # the finite slices may all lie between the chosen ones
            sample = _finite_sample(array, np.arange(n_slices))
        if sample.size == 0:
            raise InputError(
                "The image has no finite voxel (at least one is needed, all are NaN or inf); check the file."
            )
        low, high = np.percentile(sample, percentiles)
        if low == high:
            low, high = sample.min(), sample.max()
        return cls(float(low), float(high))

    def apply(self, slices: np.ndarray) -> np.ndarray:
        """The slices in [0, 1], float32, of the same shape; clipped, non-finite voxels 0.

        A range without width (a constant image) maps everything to 0.
        """
        slices = np.asarray(slices)
        if slices.dtype == np.uint8:  # a table is several times faster than arithmetic
            return self._scaled(np.arange(256, dtype=np.float64))[slices]
        return self._scaled(slices)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        width = self.high - self.low
        if not width > 0:
            return np.zeros(values.shape, np.float32)
        # 8 and 16 bits fit float32; wider types may hold small differences on a large offset
        work = np.float32 if values.dtype.itemsize <= 2 else np.float64
        scaled = np.subtract(values, work(self.low), dtype=work)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled /= work(width)
        np.clip(scaled, 0, 1, out=scaled)
        scaled = scaled.astype(np.float32, copy=False)
        if values.dtype.kind == "f":
            scaled[~np.isfinite(values)] = 0
        return scaled


def _finite_sample(array: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The finite voxels of the chosen slices, thinned to SAMPLE_SIZE, flat."""
    _, rows, columns = array.shape
    step = max(1, int(np.ceil(np.sqrt(len(chosen) * rows * columns / SAMPLE_SIZE))))
    parts = []
    for index in chosen:
        voxels = np.asarray(array[index][::step, ::step]).ravel()
        parts.append(voxels[np.isfinite(voxels)])
    return np.concatenate(parts).astype(np.float64)  # in a narrow type the percentiles could overflow
