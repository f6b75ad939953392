"""Parallel dilated separable convolutions."""

import keras
from keras import ops

from ifss_keras.core.checks import require
from ifss_keras.layers.separable_conv3d import SeparableConv3D


def split_evenly(total, parts):
    """`total` as a sum of `parts` integers, equal or one apart, the larger first: 30 in 4 is 8, 8, 7, 7."""
    return tuple(total // parts + (part < total % parts) for part in range(parts))


@keras.saving.register_keras_serializable("ifss_keras")
class AtrousPyramid(keras.layers.Layer):
    """Separable convolutions of the same input at several dilations, concatenated (TMI 2021, section III-B).

    Departures from the paper: dilation is (1, r, r), because in a window of 3 slices every depth tap dilated
    by 3 or more sees only padding; and the branches' widths add up to `filters`, which 4 equal branches
    cannot for 30.

    Args:
        filters: output channels over all branches.
        rates: in-plane dilation of each branch.
        depth_kernel: depth taps of each branch: 1 treats slices independently.
        depth_multiplier: depthwise outputs per input channel. On a single input channel each branch is a
            pointwise mix of `depth_multiplier` filtered images, so 1 would leave branches of rank one.

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        (batch, slice, row, column, filters).
    """

    def __init__(self, filters, *, rates=(1, 6, 12, 18), depth_kernel=3, depth_multiplier=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.rates = tuple(rates)
        self.depth_kernel = depth_kernel
        self.depth_multiplier = depth_multiplier
        require(
            filters >= len(self.rates) > 0,
            f"filters must be at least the number of rates, received filters={filters} and rates={self.rates}.",
        )
        self.branches = [
            SeparableConv3D(
                width,
                (depth_kernel, 3, 3),
                padding="same",
                dilation_rate=(1, rate, rate),
                depth_multiplier=depth_multiplier,
                depthwise_initializer="he_normal" if depth_multiplier > 1 else "glorot_uniform",
                name=f"branch_{index}_rate_{rate}",
                dtype=self.dtype_policy,
            )
            for index, (width, rate) in enumerate(zip(split_evenly(filters, len(self.rates)), self.rates, strict=True))
        ]

    def build(self, input_shape):
        for branch in self.branches:
            branch.build(input_shape)

    def call(self, inputs):
        return ops.concatenate([branch(inputs) for branch in self.branches], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "rates": self.rates,
            "depth_kernel": self.depth_kernel,
            "depth_multiplier": self.depth_multiplier,
        }
