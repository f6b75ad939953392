"""One level of the encoder that the image and the mask stream share."""

import keras

from ifss_keras.core.checks import require
from ifss_keras.layers.atrous_pyramid import AtrousPyramid
from ifss_keras.layers.slice_normalization import SliceNormalization


@keras.saving.register_keras_serializable("ifss_keras")
class EncoderLevel(keras.layers.Layer):
    """Features at half the resolution: atrous pyramid, normalisation per slice, ReLU, max-pool, dropout.

    The paper (TMI 2021, section III-B) names the pyramid and the pooling; normalisation and ReLU are where
    the official code has them, with its joint statistics over slices replaced by `SliceNormalization`.

    Args:
        filters, rates, depth_kernel, depth_multiplier: see `AtrousPyramid`.
        norm_per_channel: see `SliceNormalization`.
        dropout: rate at the end of the level.

    Call arguments:
        inputs: (batch, slice, row, column, channel), rows and columns even.

    Returns:
        (batch, slice, row / 2, column / 2, filters).

    Raises:
        ValueError: odd rows or columns, whose last one the pooling would drop.
    """

    def __init__(
        self, filters, *, rates, depth_kernel=3, depth_multiplier=1, norm_per_channel=False, dropout=0.1, **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.rates = tuple(rates)
        self.depth_kernel = depth_kernel
        self.depth_multiplier = depth_multiplier
        self.norm_per_channel = norm_per_channel
        self.dropout = dropout
        self.pyramid = AtrousPyramid(
            filters,
            rates=rates,
            depth_kernel=depth_kernel,
            depth_multiplier=depth_multiplier,
            name="pyramid",
            dtype=self.dtype_policy,
        )
        self.norm = SliceNormalization(per_channel=norm_per_channel, name="norm", dtype=self.dtype_policy)
        self.pool = keras.layers.MaxPooling3D((1, 2, 2), name="pool", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.pyramid.build(input_shape)
        self.norm.build(self.pyramid.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        _require_even(inputs.shape)
        alone = self.depth_kernel == 1  # then slices are as good as a batch, and cheaper
        x = keras.ops.reshape(inputs, (-1, 1, *inputs.shape[2:])) if alone else inputs
        # ReLU and max-pool commute, as ReLU is monotone: on the pooled grid it has a quarter of the work
        x = keras.ops.relu(self.pool(self.norm(self.pyramid(x))))
        x = keras.ops.reshape(x, (-1, inputs.shape[1], *x.shape[2:])) if alone else x
        return self.drop(x, training=training)

    def compute_output_shape(self, input_shape):
        _require_even(input_shape)
        batch, slices, rows, columns, _ = input_shape
        return (batch, slices, rows // 2, columns // 2, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "rates": self.rates,
            "depth_kernel": self.depth_kernel,
            "depth_multiplier": self.depth_multiplier,
            "norm_per_channel": self.norm_per_channel,
            "dropout": self.dropout,
        }


def _require_even(shape):
    rows, columns = shape[2:4]
    require(
        all(size is None or size % 2 == 0 for size in (rows, columns)),
        f"rows and columns must be even to be halved, received {rows} rows and {columns} columns.",
    )
