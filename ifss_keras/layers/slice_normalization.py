"""Normalisation of every slice by itself."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ifss_keras")
class SliceNormalization(keras.layers.Layer):
    """Every slice with zero mean and unit variance over rows, columns and channels, then scaled and shifted.

    The statistics of a slice come from that slice alone, so neither padding nor neighbouring slices leak in;
    the official code normalises the whole window at once (2 parameters per channel in both).

    Args:
        epsilon: added to the variance.

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        The same shape.
    """

    def __init__(self, *, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.norm = keras.layers.GroupNormalization(groups=1, epsilon=epsilon, name="norm", dtype=self.dtype_policy)

    def build(self, input_shape):
        self.norm.build((None, *input_shape[2:]))

    def call(self, inputs):
        folded = ops.reshape(inputs, (-1, *inputs.shape[2:]))
        return ops.reshape(self.norm(folded), (-1, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
