"""Parallel dilated convolutions beside the mean of the slice."""

import keras
from keras import ops

from ifss_keras.core.checks import require


@keras.saving.register_keras_serializable("ifss_keras")
class ImagePooledPyramid(keras.layers.Layer):
    """Convolutions of the same input, concatenated: of the slice's mean, of each pixel, and one at each dilation.

    The atrous pooling of the official code of IFSS-Net, with three dilations there: ordinary convolutions, 3x3x3 at a
    dilation, which spreads them along the slices too; without bias, normalisation or activation.

    Args:
        filters: channels of each branch.
        rates: dilations, all different.

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        (batch, slice, row, column, (2 + number of rates) * filters).
    """

    def __init__(self, filters, *, rates, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.rates = tuple(rates)
        require(len(set(self.rates)) == len(self.rates), f"rates must all be different, received {self.rates}.")
        shared = {"use_bias": False, "padding": "same", "dtype": self.dtype_policy}
        self.pooled = keras.layers.Conv3D(filters, 1, name="pooled", **shared)
        self.branches = [keras.layers.Conv3D(filters, 1, name="pointwise", **shared)]
        self.branches += [
            keras.layers.Conv3D(filters, 3, dilation_rate=rate, name=f"rate_{rate}", **shared) for rate in self.rates
        ]

    def build(self, input_shape):
        for layer in (self.pooled, *self.branches):
            layer.build(input_shape)

    def call(self, inputs):
        mean = self.pooled(ops.mean(inputs, axis=(2, 3), keepdims=True))
        parts = [branch(inputs) for branch in self.branches]
        return ops.concatenate([mean + ops.zeros_like(parts[0]), *parts], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], (2 + len(self.rates)) * self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "rates": self.rates}
