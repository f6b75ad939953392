"""Looking up in the annotated slices what the structure looks like in this volume."""

import keras
import numpy as np
from keras import ops

from ifss_keras.core.checks import is_positive_integer, require

_NEVER = -1e9


@keras.saving.register_keras_serializable("ifss_keras")
class ReferenceMemory(keras.layers.Layer):
    """Mask features to which those of the annotated slices are added, read by likeness of the image and by place.

    Attention (Vaswani et al., NeurIPS 2017) in the form of space-time memory networks (Oh et al., ICCV 2019, eq. 2 and
    3): the query is the image's feature at a pixel, keys are the image's features in the annotated slices, values their
    mask features. Not in the IFSS-Net papers, whose memory is the recurrent state alone; that decays, this does not.
    Departures from Oh et al.: one projection for queries and keys, of normalised length with a learned sharpness; a
    Gaussian prior over the displacement, as a muscle moves little; the reading starts at zero, so that a network
    without memory can be taught to use one.

    Args:
        key_width: channels of queries and keys.

    Call arguments:
        image_features, mask_features: (batch, slice, row, column, channel), of the window.
        memory_image, memory_mask: (batch, reference, row, column, channel), of the annotated slices.
        memory_weight: (batch, reference), 0 for a slot that holds none; nothing is read where all are 0.

    Returns:
        (batch, slice, row, column, channel), as `mask_features`.

    Raises:
        ValueError: a key width that is no positive integer.
    """

    def __init__(self, *, key_width=24, **kwargs):
        super().__init__(**kwargs)
        require(is_positive_integer(key_width), f"key_width must be a positive integer, received {key_width!r}.")
        self.key_width = key_width
        self.project = keras.layers.Dense(key_width, use_bias=False, name="project", dtype=self.dtype_policy)

    def build(
        self, image_features_shape, mask_features_shape, memory_image_shape, memory_mask_shape, memory_weight_shape
    ):
        rows, channels = mask_features_shape[2], mask_features_shape[-1]
        self.references = memory_image_shape[1]
        self.project.build(image_features_shape)
        self.read = keras.layers.Dense(channels, kernel_initializer="zeros", name="read", dtype=self.dtype_policy)
        self.read.build(mask_features_shape)
        self.log_sharpness = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(np.log(10.0)), name="log_sharpness"
        )
        # standard deviation of the displacement: an eighth of the rows at first
        self.log_reach = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(np.log(max(rows / 8, 1.0))), name="log_reach"
        )

    def call(self, image_features, mask_features, memory_image, memory_mask, memory_weight):
        slices, rows, columns, channels = mask_features.shape[1:]
        references = memory_image.shape[1]
        query, key = self._with_places(self._directions(image_features), self._directions(memory_image), memory_weight)
        value = ops.reshape(memory_mask, (-1, references * rows * columns, channels))
        logits = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
        shares = ops.softmax(logits)
        read = ops.reshape(ops.matmul(shares, value), (-1, slices, rows, columns, channels))
        held = ops.cast(ops.any(memory_weight > 0, axis=1), read.dtype)[:, None, None, None, None]
        return mask_features + held * self.read(read)

    def _directions(self, features):
        x = self.project(features)
        return x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)

    def _with_places(self, query, key, weight):
        """Queries (batch, pixel, channel + 3) and keys (batch, pixel, channel + 3) whose products are the logits.

        The likeness times its sharpness, and the logarithm of the prior, -d^2 / 2 reach^2: of |x - y|^2 the part |x|^2
        is the same for all keys of a query, so that the softmax does not see it, and the rest is a product, too.
        """
        rows, columns = query.shape[2:4]
        places = np.indices((rows, columns)).reshape(2, -1).T - (np.array([rows, columns]) - 1) / 2
        own = ops.convert_to_tensor(np.column_stack([places, np.ones(rows * columns)]).astype(np.float32))
        steep = ops.exp(-2 * ops.cast(self.log_reach, "float32"))
        of_keys = np.column_stack([places, -(places**2).sum(axis=1) / 2]).astype(np.float32)
        of_keys = steep * ops.convert_to_tensor(of_keys)[None, None]  # (1, 1, pixel, 3)
        absent = ops.cast(ops.where(weight > 0, 0.0, _NEVER), "float32")[:, :, None, None]
        of_keys = of_keys + absent * ops.convert_to_tensor(np.array([0, 0, 1], np.float32))
        query = ops.cast(ops.exp(self.log_sharpness), query.dtype) * query
        return _joined(query, ops.cast(own, query.dtype)[None, None]), _joined(key, ops.cast(of_keys, key.dtype))

    def compute_output_shape(
        self, image_features_shape, mask_features_shape, memory_image_shape, memory_mask_shape, memory_weight_shape
    ):
        return mask_features_shape

    def get_config(self):
        return {**super().get_config(), "key_width": self.key_width}


def _joined(features, places):
    """Features (batch, slice, row, column, channel) and places, broadcast, as (batch, all pixels, channel + 3)."""
    _, slices, rows, columns, channels = features.shape
    features = ops.reshape(features, (-1, slices, rows * columns, channels))
    places = places + ops.zeros_like(features[..., :1])
    joined = ops.concatenate([features, places], axis=-1)
    return ops.reshape(joined, (-1, slices * rows * columns, channels + places.shape[-1]))
