"""Trilinear resampling to a given grid."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ifss_keras")
class TrilinearResize(keras.layers.Layer):
    """Features on the grid of others, linear along slices, rows and columns, outer edges aligned.

    As `torch.nn.functional.interpolate(mode="trilinear", align_corners=False)`: pixels lie half a pixel from the edges,
    beyond the first and the last centre the value stays, and a coarser grid takes no mean.

    Call arguments:
        inputs: (batch, slice, row, column, channel).
        like: (batch, slice, row, column, any), on the grid that is wanted.

    Returns:
        (batch, slice, row, column, channel), on the grid of `like`.
    """

    def call(self, inputs, like):
        batch, slices, rows, columns, channels = ops.shape(inputs)
        wanted = ops.shape(like)[1:4]
        how = {"interpolation": "bilinear", "data_format": "channels_last"}
        x = ops.reshape(inputs, (batch * slices, rows, columns, channels))
        x = ops.image.resize(x, tuple(wanted[1:]), **how)
        # slices as rows, pixels as columns that stay as many
        x = ops.reshape(x, (batch, slices, wanted[1] * wanted[2], channels))
        x = ops.image.resize(x, (wanted[0], wanted[1] * wanted[2]), **how)
        return ops.reshape(x, (batch, *wanted, channels))

    def compute_output_shape(self, inputs_shape, like_shape):
        return (inputs_shape[0], *like_shape[1:4], inputs_shape[-1])
