"""Global feature matching by large factorised kernels."""

import keras
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require


@keras.saving.register_keras_serializable("ifss_keras")
class GlobalMatching(keras.layers.Layer):
    """Where the image's features match the mask's, from two chains of large one-dimensional convolutions.

    The sum of [w,1,1] [1,k,1] [1,1,k] and [w,1,1] [1,1,k] [1,k,1], then a residual block of two 3x3x3
    convolutions (TMI 2021, section III-C). Departure: k is odd, so that the kernel is centred; the paper has
    16.

    Args:
        filters: output channels of every convolution.
        kernel: k, odd, in pixels of the bottleneck.
        depth_kernel: w, in slices; 1 reads every slice by itself, in the residual block too.

    Call arguments:
        inputs: (batch, slice, row, column, channel), image and mask features concatenated.

    Returns:
        (batch, slice, row, column, filters).

    Raises:
        ValueError: an even kernel.
    """

    def __init__(self, filters, *, kernel=15, depth_kernel=3, **kwargs):
        super().__init__(**kwargs)
        require(
            is_positive_integer(kernel) and kernel % 2 == 1,
            f"kernel must be a positive odd integer, so that it is centred, received {kernel!r}.",
        )
        self.filters = filters
        self.kernel = kernel
        self.depth_kernel = depth_kernel
        depth, row, column = (depth_kernel, 1, 1), (1, kernel, 1), (1, 1, kernel)
        self.rows_first = self._chain("rows_first", (depth, row, column))
        self.columns_first = self._chain("columns_first", (depth, column, row))
        self.residual = self._chain("residual", ((min(depth_kernel, 3), 3, 3),) * 2)

    def _chain(self, name, kernels):
        return [
            keras.layers.Conv3D(self.filters, size, padding="same", name=f"{name}_{index}", dtype=self.dtype_policy)
            for index, size in enumerate(kernels)
        ]

    def build(self, input_shape):
        hidden = (*input_shape[:-1], self.filters)
        for chain in (self.rows_first, self.columns_first):
            for index, conv in enumerate(chain):
                conv.build(hidden if index else input_shape)
        for conv in self.residual:
            conv.build(hidden)

    def call(self, inputs):
        rows, columns = inputs, inputs
        for conv in self.rows_first:
            rows = conv(rows)
        for conv in self.columns_first:
            columns = conv(columns)
        matched = rows + columns
        x = matched
        for conv in self.residual:
            x = conv(ops.relu(x))
        return matched + x

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "depth_kernel": self.depth_kernel,
        }
