"""Batches of clips and of windows as a `tf.data.Dataset`. The only module of examples that needs TensorFlow."""

from __future__ import annotations

from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.exemplars import SLOTS, Exemplars
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.clips import Clip
from ifss_keras.training.examples.windows import Target, Window, WindowSettings


def clip_dataset(
    clip_of, propagation: PropagationSettings, *, batch: int, batches: int, first: int = 0, parallel: int = 2
):
    """A dataset of the batches of clips number `first`, ..., `first` + `batches` - 1.

    Their order and content do not depend on `parallel`.

    Args:
        clip_of: from a number to the batch of that number, always the same, see `batches_of_clips`.
        propagation: how volumes are shown.
        batch, batches, first, parallel: numbers.

    Returns:
        A `tf.data.Dataset` of `(clip,)` with a leading batch axis; the number of slices differs by batch.
    """

    import tensorflow as tf

    def parts_of(number):
        clip = clip_of(int(number))
        return [*clip.evidence, *clip[1:-1], *clip.exemplars]

    size, shared = propagation.size, propagation.window - 1
    per_slice, flag = (batch, None, size, size, 1), (batch, None, 1, 1, 1)
    shapes = [
        per_slice, per_slice, flag, per_slice, flag,
        (batch, shared, size, size, 1), (batch, 1, 1, 1, 1), per_slice, (batch, None),
        (batch, SLOTS, size, size, 1), (batch, SLOTS, size, size, 1), (batch, SLOTS),
    ]  # fmt: skip

    def tensors(number):
        parts = tf.numpy_function(parts_of, [number], [tf.float32] * len(shapes))
        for part, shape in zip(parts, shapes, strict=True):
            part.set_shape(shape)
        return (Clip(Evidence(*parts[:5]), *parts[5:9], Exemplars(*parts[9:])),)  # else Keras would split it

    dataset = tf.data.Dataset.range(first, first + batches)
    return dataset.map(tensors, num_parallel_calls=parallel, deterministic=True).prefetch(2)


def window_dataset(window_of, settings: WindowSettings, *, batch: int, batches: int, first: int = 0):
    """A dataset of the batches of windows number `first`, ..., `first` + `batches` - 1; arguments as `clip_dataset`.

    Returns:
        A `tf.data.Dataset` of `Window`s with a leading batch axis.
    """
    import tensorflow as tf

    per_pixel = (batch, settings.slices, settings.size, settings.size)
    classes = len(settings.codes) + 1
    shapes = [(*per_pixel, 1), (*per_pixel, classes), (*per_pixel, 1), (batch, settings.slices, classes)]

    def parts_of(number):
        window = window_of(int(number))
        return [window.image, *window.target, window.weight]

    def tensors(number):
        parts = tf.numpy_function(parts_of, [number], [tf.float32] * len(shapes))
        for part, shape in zip(parts, shapes, strict=True):
            part.set_shape(shape)
        return Window(parts[0], Target(*parts[1:3]), parts[3])

    dataset = tf.data.Dataset.range(first, first + batches)
    return dataset.map(tensors, num_parallel_calls=2, deterministic=True).prefetch(2)
