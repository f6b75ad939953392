"""Where the image's features resemble the mask's nearby, by plain products."""

import keras
import numpy as np
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require


@keras.saving.register_keras_serializable("ifss_keras")
class CrossCorrelation(keras.layers.Layer):
    """Both inputs and their correlations at every small displacement, mixed at each pixel.

    The simplified fusion of TMI 2021, Ablation 3, which names a concatenation and a cross-correlation and no more. The
    correlation at displacement d of pixel p is the mean over channels of first(p) second(p + d), 0 beyond the edge, as
    in Dosovitskiy et al., ICCV 2015, eq. (1) with patches of one pixel.

    Args:
        filters: output channels.
        reach: greatest displacement along rows and along columns, in pixels.

    Call arguments:
        first, second: (batch, slice, row, column, channel), of the same shape.

    Returns:
        (batch, slice, row, column, filters).

    Raises:
        ValueError: a reach that is no integer from 0 on.
    """

    def __init__(self, filters, *, reach=3, **kwargs):
        super().__init__(**kwargs)
        require(reach == 0 or is_positive_integer(reach), f"reach must be an integer from 0 on, received {reach!r}.")
        self.filters = filters
        self.reach = reach
        self.mix = keras.layers.Conv3D(filters, 1, name="mix", dtype=self.dtype_policy)

    def build(self, first_shape, second_shape):
        displacements = (2 * self.reach + 1) ** 2
        self.mix.build((*first_shape[:-1], first_shape[-1] + second_shape[-1] + displacements))

    def call(self, first, second):
        rows, columns = ops.shape(first)[2:4]
        around = ops.pad(second, [(0, 0), (0, 0), (self.reach,) * 2, (self.reach,) * 2, (0, 0)])
        parts = [
            ops.mean(first * around[:, :, row : row + rows, column : column + columns], axis=-1)
            for row, column in np.ndindex(2 * self.reach + 1, 2 * self.reach + 1)
        ]
        return self.mix(ops.concatenate([first, second, ops.stack(parts, axis=-1)], axis=-1))

    def compute_output_shape(self, first_shape, second_shape):
        return (*first_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "reach": self.reach}
