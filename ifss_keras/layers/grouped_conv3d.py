"""Convolution in groups of channels."""

import keras
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require, triple


@keras.saving.register_keras_serializable("ifss_keras")
class GroupedConv3D(keras.layers.Layer):
    """Each group of output channels sees its own group of input channels (Xie et al., CVPR 2017), without a bias.

    TensorFlow's CPU has no grouped 3D convolution, and `keras.layers.Conv3D(groups=...)` has XLA compile one that takes
    many times as long; here each group is an ordinary convolution.

    Args:
        filters: output channels, divisible by `groups`.
        kernel_size: integer or (slice, row, column), odd; the input is padded by `dilation_rate` times half of it on
            both sides, so that a stride keeps the first slice, row and column.
        groups: number of them, dividing the input's channels too.
        strides, dilation_rate: integer or (slice, row, column); not both above 1.

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        (batch, slice, row, column, filters), sizes divided by the strides and rounded up.

    Raises:
        ValueError: channels that do not divide, an even kernel, or strides together with dilation.
    """

    def __init__(self, filters, kernel_size, *, groups, strides=1, dilation_rate=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = triple("kernel_size", kernel_size)
        self.groups = groups
        self.strides = triple("strides", strides)
        self.dilation_rate = triple("dilation_rate", dilation_rate)
        self._refuse_what_cannot_run()

    def _refuse_what_cannot_run(self):
        require(is_positive_integer(self.groups), f"groups must be a positive integer, received {self.groups!r}.")
        require(
            is_positive_integer(self.filters) and self.filters % self.groups == 0,
            f"filters must be positive and divisible by {self.groups} groups, received {self.filters!r}.",
        )
        require(all(size % 2 for size in self.kernel_size), f"kernel_size must be odd, received {self.kernel_size}.")
        require(
            max(self.strides) == 1 or max(self.dilation_rate) == 1,
            f"strides {self.strides} and dilation_rate {self.dilation_rate} cannot both exceed 1.",
        )

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
