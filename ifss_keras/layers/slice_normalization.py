"""Normalisation of every slice by itself."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ifss_keras")
class SliceNormalization(keras.layers.Layer):
    """Every slice with zero mean and unit variance, then scaled and shifted per channel.

    The statistics of a slice come from that slice alone, so neither padding slices nor neighbours leak in; the
    official code normalises the whole window at once (2 parameters per channel in both).

    Args:
        per_channel: statistics of each channel by itself, and not over all channels of the slice. Jointly, a
            filter that answers to brightness drowns those that answer to edges.
        epsilon: added to the variance.

    Call arguments:
        inputs: (batch, slice, row, column, channel).

    Returns:
        The same shape.
    """

    def __init__(self, *, per_channel=False, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.per_channel = per_channel
        self.epsilon = epsilon

    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs):
        axes = (2, 3) if self.per_channel else (2, 3, 4)
        centred = inputs - ops.mean(inputs, axis=axes, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
        return centred * ops.rsqrt(variance + self.epsilon) * self.gamma + self.beta

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "per_channel": self.per_channel, "epsilon": self.epsilon}
