"""Two feature maps joined, each channel gated by its mean."""

import keras
from keras import ops

from ifss_keras.core.checks import require


@keras.saving.register_keras_serializable("ifss_keras")
class FeatureFusion(keras.layers.Layer):
    """f + f g: f made of both inputs, g a gate for each channel of each slice (Yu et al., ECCV 2018).

    f is a 3x3x3 convolution, normalised over the whole window and all channels, then a ReLU; g two products with the
    slice's mean of f, a ReLU between them and a sigmoid behind. As the official code of IFSS-Net has it, but for a ReLU
    before the sigmoid, which would confine g to [0.5, 1).

    Args:
        filters: output channels.

    Call arguments:
        first, second: (batch, slice, row, column, any), on the same grid.

    Returns:
        (batch, slice, row, column, filters).

    Raises:
        ValueError: inputs on different grids.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        dtype = {"dtype": self.dtype_policy}
        self.conv = keras.layers.Conv3D(filters, 3, padding="same", name="conv", **dtype)
        # epsilon of TensorFlow 1's layer_norm
        self.norm = keras.layers.GroupNormalization(1, epsilon=1e-12, name="norm", **dtype)
        self.squeeze = keras.layers.Conv3D(filters, 1, activation="relu", name="squeeze", **dtype)
        self.excite = keras.layers.Conv3D(filters, 1, activation="sigmoid", name="excite", **dtype)

    def build(self, first_shape, second_shape):
        grids = first_shape[1:-1], second_shape[1:-1]
        require(
            all(None in sizes or len(set(sizes)) == 1 for sizes in zip(*grids, strict=True)),
            f"inputs must be on the same grid, received (slice, row, column) of {grids[0]} and {grids[1]}.",
        )
        self.conv.build((*first_shape[:-1], first_shape[-1] + second_shape[-1]))
        joined = (*first_shape[:-1], self.filters)
        for layer in (self.norm, self.squeeze, self.excite):
            layer.build(joined)

    def call(self, first, second):
        features = ops.relu(self.norm(self.conv(ops.concatenate([first, second], axis=-1))))
        mean = ops.mean(features, axis=(2, 3), keepdims=True)
        return features + features * self.excite(self.squeeze(mean))

    def compute_output_shape(self, first_shape, second_shape):
        return (*first_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}
