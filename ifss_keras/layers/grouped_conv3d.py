"""Convolution in groups of channels."""

import keras
from keras import ops

from ifss_keras.core.checks import require, triple


@keras.saving.register_keras_serializable("ifss_keras")
class GroupedConv3D(keras.layers.Layer):
    """Each group of output channels sees its own group of input channels (Xie et al., CVPR 2017), without a bias.

    `keras.layers.Conv3D(groups=...)` has no CPU kernel in TensorFlow; here each group is an ordinary convolution.

    Args:
        filters: output channels, divisible by `groups`.
        kernel_size: (slice, row, column), odd; the input is padded by `dilation` times half of it on both sides, so
            that a stride keeps the first slice, row and column.
        groups: dividing the input's channels too.
        strides, dilation_rate: (slice, row, column).

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        (batch, slice, row, column, filters), sizes divided by the strides and rounded up.
    """

    def __init__(self, filters, kernel_size, *, groups, strides=1, dilation_rate=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = triple("kernel_size", kernel_size)
        self.groups = groups
        self.strides = triple("strides", strides)
        self.dilation_rate = triple("dilation_rate", dilation_rate)
        require(filters % groups == 0, f"filters must be divisible by {groups} groups, received {filters}.")

    def build(self, input_shape):
        require(
            input_shape[-1] % self.groups == 0,
            f"channels must be divisible by {self.groups} groups, received {input_shape[-1]}.",
        )
        shape = (*self.kernel_size, input_shape[-1] // self.groups, self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="he_normal")

    def call(self, inputs):
        around = [(rate * (size // 2),) * 2 for size, rate in zip(self.kernel_size, self.dilation_rate, strict=True)]
        x = ops.pad(inputs, [(0, 0), *around, (0, 0)])
        parts = zip(ops.split(x, self.groups, axis=-1), ops.split(self.kernel, self.groups, axis=-1), strict=True)
        # TensorFlow refuses strides and dilation together; none of our networks asks for both
        shared = {"strides": self.strides, "dilation_rate": self.dilation_rate, "data_format": "channels_last"}
        return ops.concatenate([ops.conv(part, kernel, padding="valid", **shared) for part, kernel in parts], axis=-1)

    def compute_output_shape(self, input_shape):
        sizes = (size and -(-size // stride) for size, stride in zip(input_shape[1:4], self.strides, strict=True))
        return (input_shape[0], *sizes, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "groups": self.groups,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
        }
