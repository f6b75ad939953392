"""One refinement step of the decoder."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ifss_keras")
class Refinement(keras.layers.Layer):
    """Decoder features sharpened by an encoder skip: conv(skip) + up, then a second convolution.

    A sum, not a concatenation, "to save parameters" (TMI 2021, section III-D). ReLU after the sum, and a normalisation
    and ReLU after the second convolution, are where the official code has them. The normalisation is over the batch:
    one over the slice would make every slice look equally full, and the decoder must say where a muscle has ended.

    Args:
        filters: output channels; `up` must have as many.

    Call arguments:
        up: (batch, slice, row, column, filters), the upsampled decoder features.
        skip: (batch, slice, row, column, any), the encoder features on the same grid.

    Returns:
        (batch, slice, row, column, filters).
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        conv = {"padding": "same", "dtype": self.dtype_policy}
        self.skip_conv = keras.layers.Conv3D(filters, 3, name="skip_conv", **conv)
        self.merge_conv = keras.layers.Conv3D(filters, 3, name="merge_conv", **conv)
        self.norm = keras.layers.BatchNormalization(momentum=0.98, name="norm", dtype=self.dtype_policy)

    def build(self, up_shape, skip_shape):
        self.skip_conv.build(skip_shape)
        self.merge_conv.build(up_shape)
        self.norm.build(up_shape)

    def call(self, up, skip, training=None):
        merged = ops.relu(up + self.skip_conv(skip))
        return ops.relu(self.norm(self.merge_conv(merged), training=training))

    def compute_output_shape(self, up_shape, skip_shape):
        return up_shape

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}
